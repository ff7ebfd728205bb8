"""Networks in float16, which are imported in the data type of the imported weights."""

from __future__ import annotations

from dataclasses import replace

from .symbol import Edge, Graph, Node

HALF = "float16"


def in_dtype(graph: Graph, dtype: str) -> Graph:
    """Replace float16 by another data type in each node's attribute `dtype`.

    What a network casts to float16 meets weights in float16, which are imported in `dtype`. All
    casts that MXNet's `amp` inserts are left out, as MXNet does when it saves a graph.
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
        half = node.attributes.get("dtype") == HALF
        attributes = {**node.attributes, "dtype": dtype} if half else node.attributes
        inner = tuple(in_dtype(each, dtype) for each in node.subgraphs)
        places.append(len(nodes))
        nodes.append(replace(node, inputs=inputs, attributes=attributes, subgraphs=inner))
    return replace(graph, nodes=tuple(nodes), heads=tuple(new(edge) for edge in graph.heads))
