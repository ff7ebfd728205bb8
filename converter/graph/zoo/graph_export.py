"""Export the graphs of GluonCV's networks, of the catalogue and of the zoo, to mappings/graphs/.

    python -m gluon2torch.graph.zoo.graph_export [MODEL | FAMILY]...        all by default

Requires MXNet. Run it when a network is added to the catalogue; a test compares the files with a
new export.
"""

from __future__ import annotations

import gc
import sys

from ...mappings.catalog import load_catalog
from ...mappings.key_map import load_keymap
from ...mappings.yaml_table import mapping_file
from ...mappings.zoo import ZooEntry, load_zoo
from ...sources.gluon_network import stage_graph
from ...sources.zoo_network import trace
from .stored_graph import graph_file, pack
from .zoo_graph import family_file, load_zoo_shapes, pack_family, zoo_line
from .zoo_names import FILE, names_text


def runs_as_graph(name: str) -> bool:
    """Whether GluonCV's network of the catalogue runs as a graph."""
    return not load_keymap(load_catalog()[name].family).imperative


def exported(name: str) -> bytes:
    """The content of a catalogue network's file, exported from GluonCV."""
    entry = load_catalog()[name]
    stages = load_keymap(entry.family).stages
    symbol, structural, prefix = stage_graph(name, stages, entry.dataset.num_classes)
    return pack(symbol, structural, prefix, [stage.name for stage in stages])


def exported_line(entry: ZooEntry) -> str:
    """The line of a network of the zoo in its family's file, exported from GluonCV."""
    traced = trace(entry.name, entry.options, entry.inputs)
    gc.collect()  # MXNet's blocks refer to one another, with all their arrays
    return zoo_line(
        entry.name,
        traced.symbol,
        traced.structural,
        traced.prefix,
        traced.shapes,
        traced.constants,
    )


def exported_family(family: str) -> bytes:
    """The content of a family's file, exported from GluonCV."""
    entries = [each for each in load_zoo().values() if each.family == family]
    return pack_family(exported_line(each) for each in entries if each.float_name is None)


def main(names: list[str]) -> None:
    """Write files and print their sizes.

    Args:
        names: Networks of the catalogue and families of the zoo; by default all.
    """
    families = dict.fromkeys(each.family for each in load_zoo().values() if not each.float_name)
    for name in names or (*filter(runs_as_graph, load_catalog()), *families):
        path = mapping_file(family_file(name) if name in families else graph_file(name))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data := exported_family(name) if name in families else exported(name))
        print(f"{path.name}: {len(data)} bytes", flush=True)
    load_zoo_shapes.cache_clear()
    mapping_file(FILE).write_text(names_text(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
