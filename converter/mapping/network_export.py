"""Generate the table of the catalogue's networks, mappings/networks.jsonl.xz.

    python -m gluon2torch.mapping.network_export

Run it when models/, a key map or the catalogue has changed; a test compares the table with a new
one.
"""

from __future__ import annotations

from ..mappings.catalog import Entry, load_catalog
from ..mappings.key_map import ALL_KINDS, load_keymap
from ..mappings.network_table import (
    CHANNELS,
    CLASSES,
    FILE,
    NetworkTable,
    Size,
    network_line,
    pack_networks,
)
from ..mappings.yaml_table import mapping_file
from .assignment import gluon_names
from .network_spec import describe_network, empty_network

# sizes that no layer has, so that they are found in the shapes
_CLASSES, _CHANNELS = 1_000_003, 1_000_033
_NAMES: dict[int, Size] = {_CLASSES: CLASSES, _CHANNELS: CHANNELS}


def describe(entry: Entry) -> NetworkTable:
    """Describe the arrays of a network: build it, and translate its keys by the key map."""
    keymap = load_keymap(entry.family)
    specs = describe_network(empty_network(entry.name, _CLASSES, _CHANNELS))
    shapes = {
        key: tuple(_NAMES.get(size, size) for size in spec.shape) for key, spec in specs.items()
    }
    arrays = {
        source: shapes[key][:2] if ALL_KINDS[kind].as_conv else shapes[key]
        for key in specs
        for source, kind in gluon_names(keymap, [key])
    }
    tensors = {key: (spec.dtype, *shapes[key]) for key, spec in specs.items()}
    return NetworkTable(arrays, tensors)


def main() -> None:
    """Write the file."""
    data = pack_networks(network_line(e.name, describe(e)) for e in load_catalog().values())
    mapping_file(FILE).write_bytes(data)
    print(f"{FILE}: {len(data)} bytes")


if __name__ == "__main__":
    main()
