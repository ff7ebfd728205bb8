"""Names, shapes and data types of the catalogue's networks: mappings/networks.jsonl.xz.

The file is generated from the networks and the key maps (converter/mapping/network_export.py), so
that a file's names can be compared with all networks without building one.
"""

from __future__ import annotations

import functools
import json
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import TableError
from .yaml_table import mapping_file

FILE = "networks.jsonl.xz"
CLASSES, CHANNELS = "classes", "channels"  # sizes that depend on the file
Size = int | str
_START = b'{"name":"'


@dataclass(frozen=True)
class NetworkTable:
    """The arrays of one network; a size is a number, `classes` or `channels`.

    Attributes:
        arrays: Shapes of Gluon's arrays by structural name, in Gluon's order.
        tensors: Data type, and then the shape, of each tensor of our state_dict, in its order.
    """

    arrays: Mapping[str, tuple[Size, ...]]
    tensors: Mapping[str, tuple[Size, ...]]

    def array_shapes(self, num_classes: int, in_chans: int) -> dict[str, tuple[int, ...]]:
        """Shapes of Gluon's arrays, for a number of classes (0: no classifier) and of channels."""
        sizes = {CLASSES: num_classes, CHANNELS: in_chans}
        return {
            name: _sizes(shape, sizes)
            for name, shape in self.arrays.items()
            if num_classes or CLASSES not in shape
        }

    def tensor_specs(
        self, num_classes: int, in_chans: int
    ) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Data types and shapes of the state_dict, as `array_shapes`."""
        sizes = {CLASSES: num_classes, CHANNELS: in_chans}
        return {
            name: (str(dtype), _sizes(shape, sizes))
            for name, (dtype, *shape) in self.tensors.items()
            if num_classes or CLASSES not in shape
        }


def _sizes(shape: Iterable[Size], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else sizes[size] for size in shape)


@functools.cache
def load_network_table(name: str) -> NetworkTable:
    """Load the row of a network of the catalogue.

    Raises:
        TableError: There is none, or the file is damaged.
    """
    line = _lines().get(name)
    if line is None:
        raise TableError(f"mappings/{FILE}: {name} is missing; reinstall gluon2torch")
    row = json.loads(line)
    arrays, tensors = (
        {key: tuple(values) for key, values in row[part].items()} for part in ("arrays", "tensors")
    )
    return NetworkTable(arrays, tensors)


@functools.cache
def _lines() -> dict[str, bytes]:
    """The line of each network, which is parsed only if the network is looked at."""
    try:
        lines = lzma.decompress(mapping_file(FILE).read_bytes()).splitlines()
    except (OSError, lzma.LZMAError) as error:
        raise TableError(
            f"mappings/{FILE}: cannot be read ({error}); reinstall gluon2torch"
        ) from error
    return {line[len(_START) : line.index(b'"', len(_START))].decode(): line for line in lines}


def network_line(name: str, table: NetworkTable) -> str:
    """A network's line of the file."""
    row = {"name": name, "arrays": dict(table.arrays), "tensors": dict(table.tensors)}
    return json.dumps(row, separators=(",", ":"))


def pack_networks(lines: Iterable[str]) -> bytes:
    """The content of the file."""
    return lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME)
