"""Data types that a graph fixes, in whose place the imported module uses that of its weights."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from ..symbols.symbol import Edge, Graph, Node
from ..symbols.symbol_edits import CONSTANTS, ONE_HOT, OTHER_CONSTANTS

OWN = "that of the weights"
"""As a cast's `dtype`: the data type of the module, also when it is converted to another."""
HALF = frozenset({"float16"})
SINGLE = frozenset({"float16", "float32"})
_CONSTANTS = CONSTANTS | OTHER_CONSTANTS
_SINGLE_BY_DEFAULT = _CONSTANTS | {ONE_HOT}


def with_own_dtype(graph: Graph, fixed: Set[str], dtype: str) -> Graph:
    """Replace data types in each node's attribute `dtype`.

    What a network casts to float16 meets weights in float16, which are imported in `dtype`. All
    casts that MXNet's `amp` inserts are left out, as MXNet does when it saves a graph. Layers take
    constants and rows of `one_hot` in the data type of their weights.

    Args:
        fixed: The data types that casts replace by OWN, and constants by `dtype`; they follow the
            module when it is converted. A cast to OWN follows `one_hot`. Where other nodes name
            float16, it is replaced by `dtype`.
        dtype: The data type of the weights.
    """
    nodes: list[Node] = []
    places: list[int | Edge] = []  # the new number of a node, or what replaces it
    rows: dict[int, int] = {}  # one_hot's numbers, to those of the casts that follow

    def new(edge: Edge) -> Edge:
        place = places[edge[0]]
        return (place, edge[1]) if isinstance(place, int) else place

    def converted(edge: Edge) -> Edge:
        place, output = new(edge)
        return rows.get(place, place), output

    for node in graph.nodes:
        inputs = tuple(converted(edge) for edge in node.inputs)
        if node.op == "amp_cast" and len(inputs) == 1:
            places.append(inputs[0])
            continue
        attributes = dict(node.attributes)
        given = attributes.get("dtype", "float32" if node.op in _SINGLE_BY_DEFAULT else None)
        if given in fixed and node.op == "Cast":
            attributes["dtype"] = OWN
        elif given in HALF or (given in fixed and node.op in _CONSTANTS):
            attributes["dtype"] = dtype
        inner = tuple(with_own_dtype(each, fixed, dtype) for each in node.subgraphs)
        places.append(len(nodes))
        nodes.append(replace(node, inputs=inputs, attributes=attributes, subgraphs=inner))
        if given in fixed and node.op == ONE_HOT:
            rows[len(nodes) - 1] = len(nodes)
            cast = ((len(nodes) - 1, 0),)
            nodes.append(Node("Cast", f"{node.name}_own", {"dtype": OWN}, cast))
    return replace(graph, nodes=tuple(nodes), heads=tuple(new(edge) for edge in graph.heads))
