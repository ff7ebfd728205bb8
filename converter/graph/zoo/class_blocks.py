"""Nodes that a graph repeats for each class, as SSD's decoder does."""

from __future__ import annotations

import re
from dataclasses import replace

from ...errors import GraphError
from ..symbols.graph_edits import only_used, sources
from ..symbols.symbol import Edge, Graph, Node

_INTEGER = re.compile(r"-?[0-9]+")


def with_blocks(graph: Graph, concat: int, count: int) -> Graph:
    """A graph with another number of blocks.

    The nodes that only one input of the Concat depends on are a block. The first two blocks show
    how attributes depend on the class: those that differ change from class to class by the same
    amount.

    Args:
        concat: Number of the Concat, with one input for each class.
        count: Number of classes.

    Raises:
        GraphError: If the blocks of the first two classes are not made of the same nodes.
    """
    node = graph.nodes[concat]
    new: list[Node] = []
    edges = list(node.inputs[:count])
    if count > len(node.inputs):
        first, second = _block(graph, node.inputs, 0), _block(graph, node.inputs, 1)
        if [graph.nodes[n].op for n in first] != [graph.nodes[n].op for n in second]:
            raise GraphError(
                f"{graph.where}: {node}: its first two inputs are computed differently"
            )
    for number in range(len(edges), count):
        places = {old: concat + len(new) + place for place, old in enumerate(first)}
        for one, two in zip(first, second, strict=True):
            new.append(_copy(graph.nodes[one], graph.nodes[two], number, places))
        source, output = node.inputs[0]
        edges.append((places[source], output))
    grown = replace(
        node, inputs=tuple(edges), attributes={**node.attributes, "num_args": str(count)}
    )

    def moved(given: tuple[Edge, ...]) -> tuple[Edge, ...]:
        return tuple((n + len(new) if n >= concat else n, output) for n, output in given)

    rest = [replace(each, inputs=moved(each.inputs)) for each in graph.nodes[concat + 1 :]]
    nodes = (*graph.nodes[:concat], *new, grown, *rest)
    return only_used(replace(graph, nodes=nodes, heads=moved(graph.heads)))


def _block(graph: Graph, inputs: tuple[Edge, ...], number: int) -> list[int]:
    """The nodes that only one of the inputs depends on, in order."""
    others = sources(graph, [edge for place, edge in enumerate(inputs) if place != number])
    return sorted(sources(graph, [inputs[number]]) - others)


def _copy(first: Node, second: Node, number: int, places: dict[int, int]) -> Node:
    """The node of another class, by those of the first two classes.

    Args:
        places: The nodes of the first block → those of the new one.
    """
    attributes = dict(first.attributes)
    for name, value in attributes.items():
        other = second.attributes[name]
        if value != other:
            if not (_INTEGER.fullmatch(value) and _INTEGER.fullmatch(other)):
                raise GraphError(f"{first} and {second}: {name} is not a number of the class")
            attributes[name] = str(int(value) + number * (int(other) - int(value)))
    inputs = tuple((places.get(source, source), output) for source, output in first.inputs)
    return replace(
        first, name=f"{first.name} of class {number}", attributes=attributes, inputs=inputs
    )
