"""Export the graphs of the catalogue's networks from GluonCV to mappings/graphs/.

    python -m gluon2torch.graph.graph_export [MODEL]...        all by default

Requires MXNet. Run it when a network is added to the catalogue; a test compares the files with a
new export.
"""

from __future__ import annotations

import sys

from ..mappings.catalog import load_catalog
from ..mappings.key_map import load_keymap
from ..mappings.yaml_table import mapping_file
from ..sources.gluon_network import stage_graph
from .stored_graph import graph_file, pack


def has_graph(name: str) -> bool:
    """Whether GluonCV's network runs as a graph."""
    return not load_keymap(load_catalog()[name].family).imperative


def exported(name: str) -> bytes:
    """The content of a network's file, exported from GluonCV."""
    entry = load_catalog()[name]
    stages = load_keymap(entry.family).stages
    symbol, structural, prefix = stage_graph(name, stages, entry.dataset.num_classes)
    return pack(symbol, structural, prefix, [stage.name for stage in stages])


def main(names: list[str]) -> None:
    """Write the files and print their sizes; without names, of all networks that have a graph."""
    for name in names or filter(has_graph, load_catalog()):
        path = mapping_file(graph_file(name))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data := exported(name))
        print(f"{path.name}: {len(data)} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
