"""The stored graphs of the networks in mappings/zoo/: mappings/graphs/zoo/<family>.jsonl.xz.

Each line is GluonCV's network as MXNet traces it, with Gluon's structural names of arrays, with
their shapes, and with the values of those that are not trained, such as anchors. Numbers of classes
and the settings of detections are those of GluonCV's constructor. The networks of a family differ
little, so that they need little space in one file.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import GraphError
from ...mappings.yaml_table import mapping_file
from ...mappings.zoo import Shape, ZooEntry
from ...sources.arrays import Arrays
from ..symbols.symbol import Graph, parse_symbol
from .stored_graph import compressed, decompressed, reduced
from .zoo_constants import packed_constants, unpacked_constants

MAX_BYTES = 1 << 25  # unpacked; the largest family has 5 MB
_START, _CONSTANTS, _SHAPES = b'{"name":"', b'"constants":{', b'"shapes":{'


@dataclass(frozen=True)
class ZooGraph:
    """A network's stored graph.

    Attributes:
        graph: The graph.
        shapes: Shape of each of its arrays.
        constants: The arrays that are not trained, such as anchors, as GluonCV makes them.
    """

    graph: Graph
    shapes: dict[str, Shape]
    constants: Arrays = field(default_factory=dict)


def family_file(family: str) -> str:
    """The path of a family's file, relative to mappings/."""
    return f"graphs/zoo/{family}.jsonl.xz"


def zoo_line(
    name: str,
    symbol: str,
    structural: dict[str, str],
    prefix: str,
    shapes: dict[str, Shape],
    constants: Arrays,
) -> str:
    """A network's line of its family's file.

    Args:
        name: GluonCV's name.
        symbol: MXNet's JSON.
        structural: Names of its arrays → Gluon's structural names.
        prefix: The network's prefix of node names, which is removed.
        shapes: Shapes of the arrays, by structural name.
        constants: The arrays that are not trained, by structural name.

    Raises:
        GraphError: If one of the constants cannot be stored exactly.
    """
    row = {"name": name, **reduced(symbol, structural, prefix)}
    if constants:
        row["constants"] = packed_constants(constants)
    return json.dumps({**row, "shapes": shapes}, separators=(",", ":"))


def pack_family(lines: Iterable[str]) -> bytes:
    """The content of a family's file."""
    return compressed("\n".join(lines))


def load_zoo_graph(entry: ZooEntry) -> ZooGraph:
    """Load the stored graph of a network.

    Raises:
        GraphError: If there is none, or the file is damaged.
    """
    where = f"mappings/{family_file(entry.family)}"
    for line in _lines(entry.family):
        if _name(line) == entry.name:
            graph = parse_symbol(line, f"{where}: {entry.name}")
            return ZooGraph(graph, _shapes(line), _constants(line))
    raise GraphError(f"{where}: {entry.name} is missing; install gluon2torch again")


@functools.cache
def load_zoo_shapes(family: str) -> dict[str, dict[str, Shape]]:
    """Load the shapes of the arrays of all networks of a family, without their graphs.

    Raises:
        GraphError: If there is no file, or it is damaged.
    """
    return {_name(line): _shapes(line) for line in _lines(family)}


def _lines(family: str) -> list[bytes]:
    where = f"mappings/{family_file(family)}"
    try:
        data = mapping_file(family_file(family)).read_bytes()
    except OSError as error:
        raise GraphError(f"{where}: cannot be read ({error}); install gluon2torch again") from error
    return decompressed(data, where, MAX_BYTES).split(b"\n")


def _name(line: bytes) -> str:
    return line[len(_START) : line.index(b'"', len(_START))].decode()


def _shapes(line: bytes) -> dict[str, Shape]:
    shapes = _end(line, line.rindex(_SHAPES))["shapes"]
    return {key: tuple(shape) for key, shape in shapes.items()}


def _constants(line: bytes) -> Arrays:
    start = line.rfind(_CONSTANTS)
    return unpacked_constants(_end(line, start)["constants"]) if start >= 0 else {}


def _end(line: bytes, start: int) -> Mapping[str, Any]:
    # zoo_line writes these keys last: the nodes, which are most of a line, need not be parsed
    table: Mapping[str, Any] = json.loads(b"{" + line[start:])
    return table
