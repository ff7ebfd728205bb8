"""Edits of a graph: nodes are found by a table's rules, changed, bypassed or removed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ...errors import GraphError
from ...mappings.heads import Nodes, Number
from ...mappings.key_map import select
from .attributes import Attributes
from .symbol import Edge, Graph, Node


def find_nodes(graph: Graph, wanted: Nodes) -> list[int]:
    """The numbers of the nodes that a rule means, in order.

    Raises:
        GraphError: If the graph has none.
    """
    nodes = graph.nodes
    pattern = wanted.node or wanted.input_of or wanted.user_of
    assert pattern is not None, "a rule names a node"
    names = set(select(pattern, {node.name for node in nodes}))
    named = [number for number, node in enumerate(nodes) if node.name in names]
    if wanted.input_of is not None:
        named = [edge[0] for number in named for edge in nodes[number].inputs]
    elif wanted.user_of is not None:
        named = [
            number
            for number, node in enumerate(nodes)
            if any(edge[0] in named for edge in node.inputs)
        ]
    found = sorted({n for n in named if wanted.op in (None, nodes[n].op)})
    if not found:
        raise GraphError(f"{graph.where}: has no {wanted}, by which it is changed")
    return found


def get_number(node: Node, place: Number) -> int:
    """The number in a node's attributes, which is an integer.

    Raises:
        GraphError: If there is none.
    """
    values = Attributes(node).integers_or_none(place.attribute)
    value = values[place.at or 0] if len(values) > (place.at or 0) else None
    if value is None:
        raise GraphError(f"{node}: {place.attribute} has no number {place.at or 0}")
    return value


def with_number(node: Node, place: Number, value: float) -> Node:
    """A node with another number in its attributes."""
    text = str(value)
    if place.at is not None:
        sizes = list(Attributes(node).integers(place.attribute))
        sizes[place.at] = int(value)
        text = str(tuple(sizes))
    return replace(node, attributes={**node.attributes, place.attribute: text})


def with_nodes(graph: Graph, changed: Mapping[int, Node]) -> Graph:
    """A graph in which nodes are replaced, by their numbers."""
    nodes = tuple(changed.get(number, node) for number, node in enumerate(graph.nodes))
    return replace(graph, nodes=nodes)


def without_nodes(graph: Graph, passed: Collection[int]) -> Graph:
    """A graph in which the users of nodes get the first input of these nodes instead."""
    targets: dict[int, Edge] = {}
    for number in sorted(passed):
        first = graph.nodes[number].inputs[0]
        targets[number] = targets.get(first[0], first)

    def moved(edges: Sequence[Edge]) -> tuple[Edge, ...]:
        return tuple(targets.get(edge[0], edge) for edge in edges)

    nodes = tuple(replace(node, inputs=moved(node.inputs)) for node in graph.nodes)
    return only_used(replace(graph, nodes=nodes, heads=moved(graph.heads)))


def only_used(graph: Graph) -> Graph:
    """A graph without the nodes that no output depends on."""
    used = sources(graph, graph.heads)
    places = {number: place for place, number in enumerate(sorted(used))}

    def moved(edges: Sequence[Edge]) -> tuple[Edge, ...]:
        return tuple((places[number], output) for number, output in edges)

    nodes = tuple(
        replace(graph.nodes[number], inputs=moved(graph.nodes[number].inputs)) for number in places
    )
    return replace(graph, nodes=nodes, heads=moved(graph.heads))


def sources(graph: Graph, edges: Sequence[Edge]) -> set[int]:
    """The numbers of the nodes that values depend on, with those that compute the values."""
    found: set[int] = set()
    left = [number for number, _ in edges]
    while left:
        if (number := left.pop()) not in found:
            found.add(number)
            left += [source for source, _ in graph.nodes[number].inputs]
    return found
