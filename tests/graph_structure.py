"""Comparison of graphs by their structure, and GluonCV's networks as graphs to compare with."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from gluon2torch.graph.symbols.symbol import VARIABLE, Graph, parse_symbol
from gluon2torch.graph.zoo.zoo_graph import ZooGraph, zoo_line
from gluon2torch.mappings.zoo import ZooEntry
from gluon2torch.sources.zoo_network import trace

Step = tuple[str, str | None, dict[str, str], tuple[tuple[int, int], ...]]


def structure(graph: Graph) -> list[Step]:
    """All that a graph computes: operators, attributes, edges, and the names of variables.

    Nodes are numbered in the order of a depth-first search from the outputs, so that neither names
    of operators nor the order in a file matter.
    """
    places: dict[int, int] = {}
    steps: list[Step] = []
    left = [number for number, _ in reversed(graph.heads)]
    while left:
        number = left[-1]
        node = graph.nodes[number]
        missing = [source for source, _ in node.inputs if source not in places]
        if number in places or not missing:
            left.pop()
        if number not in places and not missing:
            places[number] = len(steps)
            name = node.name if node.op == VARIABLE else None
            # a variable's attributes are those of the layer that uses it
            attributes = {} if node.op == VARIABLE else dict(node.attributes)
            edges = tuple((places[source], output) for source, output in node.inputs)
            steps.append((node.op, name, attributes, edges))
        left += reversed(missing)
    heads = tuple((places[number], output) for number, output in graph.heads)
    return [*steps, ("heads", None, {}, heads)]


def traced(
    entry: ZooEntry, change: Callable[[Any], None] | None = None, **options: Any
) -> ZooGraph:
    """GluonCV's network as MXNet traces it.

    Args:
        change: Called with GluonCV's network before.
        options: Further arguments of GluonCV's `get_model`.
    """
    found = trace(entry.name, {**entry.options, **options}, entry.inputs, change)
    gc.collect()  # MXNet's blocks refer to one another, with all their arrays
    line = zoo_line(entry.name, found.symbol, found.structural, found.prefix, found.shapes, {})
    shapes = {name: tuple(shape) for name, shape in found.shapes.items()}
    return ZooGraph(parse_symbol(line.encode(), entry.name), shapes, found.constants)
