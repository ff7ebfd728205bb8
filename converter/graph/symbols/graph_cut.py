"""The part of a graph before chosen nodes, and the last nodes that can be chosen."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from ...errors import GraphError
from ...sources.arrays import Array, Arrays
from .graph_edits import only_used
from .labels import without_labels
from .roles import roles
from .symbol import SHOWN_NAMES, VARIABLE, Edge, Graph, Node

DIGITS = 2  # of an output's number, at most


def cut(graph: Graph, outputs: Sequence[str]) -> Graph:
    """The part of a graph that some of its nodes depend on; its outputs are theirs, in this order.

    Args:
        graph: The graph.
        outputs: Names of nodes; `NODE:1` for the second output of one, and `NODE@2` for the second
            of several nodes of one name, in the graph's order. None of them leaves the graph as it
            is.

    Raises:
        GraphError: If there is no such node, there are several, or it is a variable; names the
            nearest names, or how to choose among several.
    """
    if not outputs:
        return graph
    return only_used(replace(graph, heads=tuple(_edge(graph, name) for name in outputs)))


def arrays_of(graph: Graph, arrays: Mapping[str, Array]) -> Arrays:
    """The arrays that a graph has variables for."""
    names = {node.name for node in graph.variables()}
    return {name: array for name, array in arrays.items() if name in names}


def _edge(graph: Graph, text: str) -> Edge:
    numbers, output = _chosen(graph, text), 0
    name, colon, place = text.rpartition(":")
    if not numbers and colon and place.isdecimal() and len(place) <= DIGITS:
        numbers, output = _chosen(graph, name), int(place)
        text = name if numbers else text
    if len(numbers) == 1:
        return numbers[0], output
    if numbers:
        raise GraphError(
            f"{graph.where}: {len(numbers)} nodes are named {text!r}; choose one of them, from "
            f"'{text}@1' to '{text}@{len(numbers)}', in the graph's order"
        )
    names = [node.name for node in graph.nodes if node.op != VARIABLE]
    if any(node.name == text for node in graph.nodes):
        raise GraphError(f"{graph.where}: {text!r} is an input or an array, which nothing computes")
    near = difflib.get_close_matches(text, names, SHOWN_NAMES)
    hint = f"; the nearest are {', '.join(near)}" if near else ""
    raise GraphError(f"{graph.where}: has no node {text!r}{hint}")


def _chosen(graph: Graph, text: str) -> list[int]:
    """The nodes that a name stands for, or `NAME@2`."""
    name, at, place = text.rpartition("@")
    if numbers := _named(graph, text):
        return numbers
    if not (at and place.isdecimal() and len(place) <= len(str(len(graph.nodes)))):
        return []
    return _named(graph, name)[int(place) - 1 : int(place)] if int(place) else []


def _named(graph: Graph, name: str) -> list[int]:
    return [n for n, node in enumerate(graph.nodes) if node.name == name and node.op != VARIABLE]


def last_outputs(graph: Graph, fails: Callable[[Node], bool]) -> tuple[str, ...]:
    """The last outputs that do not depend on a node that cannot be converted.

    They depend on an input, and no other such output is computed from them.

    Args:
        graph: The graph.
        fails: Whether a node cannot be converted.

    Returns:
        Names as `cut` takes them, in the graph's order.
    """
    graph = without_labels(graph)
    inputs = set(roles(graph).inputs)
    sound: set[int] = set()
    of_input: set[int] = set()
    for number, node in enumerate(graph.nodes):
        sources = {source for source, _ in node.inputs}
        if sources <= sound and not (node.op != VARIABLE and fails(node)):
            sound.add(number)
        if node.name in inputs if node.op == VARIABLE else sources & of_input:
            of_input.add(number)
    found = {n for n in sound & of_input if graph.nodes[n].op != VARIABLE}
    edges = [*graph.heads, *(edge for node in graph.nodes for edge in node.inputs)]
    used = {edge for number in found for edge in graph.nodes[number].inputs}
    return tuple(value_name(graph, edge) for edge in sorted(set(edges) - used) if edge[0] in found)


def value_name(graph: Graph, edge: Edge) -> str:
    """Name of a value, as `cut` takes it: its node's, with the place of one of several."""
    name = graph.nodes[edge[0]].name
    if len(numbers := _named(graph, name)) > 1:
        name = f"{name}@{numbers.index(edge[0]) + 1}"
    return f"{name}:{edge[1]}" if edge[1] else name


def cut_hint(outputs: Collection[str]) -> str:
    """What an error says of the outputs that can still be converted; empty if there are none."""
    if not outputs:
        return ""
    first = list(outputs)[-SHOWN_NAMES:]
    more = f" and {len(outputs) - len(first)} more" if len(outputs) > len(first) else ""
    return (
        f" (its last outputs that can be converted: {', '.join(first)}{more}; choose with "
        "`--output`, outputs= in Python)"
    )
