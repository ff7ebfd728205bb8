"""Data types that a graph fixes, in whose place the imported module uses that of its weights."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from ..symbols.symbol import Edge, Graph, Node

OWN = "that of the weights"
"""As a cast's `dtype`: the data type of the module, also when it is converted to another."""
HALF = frozenset({"float16"})
SINGLE = frozenset({"float16", "float32"})


def with_own_dtype(graph: Graph, fixed: Set[str], dtype: str) -> Graph:
    """Replace data types in each node's attribute `dtype`.

    What a network casts to float16 meets weights in float16, which are imported in `dtype`. All
    casts that MXNet's `amp` inserts are left out, as MXNet does when it saves a graph.

    Args:
        fixed: The data types that casts replace by OWN. Where other nodes name float16, it is
            replaced by `dtype`; float32 there is kept, since constants follow the module anyhow.
        dtype: The data type of the weights.
    """
    nodes: list[Node] = []
    places: list[int | Edge] = []  # the new number of a node, or what replaces it

    def new(edge: Edge) -> Edge:
        place = places[edge[0]]
        return (place, edge[1]) if isinstance(place, int) else place

    for node in graph.nodes:
        inputs = tuple(new(edge) for edge in node.inputs)
        if node.op == "amp_cast" and len(inputs) == 1:
            places.append(inputs[0])
            continue
        attributes = dict(node.attributes)
        given = attributes.get("dtype")
        if given in fixed and node.op == "Cast":
            attributes["dtype"] = OWN
        elif given in HALF:
            attributes["dtype"] = dtype
        inner = tuple(with_own_dtype(each, fixed, dtype) for each in node.subgraphs)
        places.append(len(nodes))
        nodes.append(replace(node, inputs=inputs, attributes=attributes, subgraphs=inner))
    return replace(graph, nodes=tuple(nodes), heads=tuple(new(edge) for edge in graph.heads))
