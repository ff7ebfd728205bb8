"""The first node of a graph that differs from MXNet's, given the inputs that it has in MXNet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import fx

from ..errors import ConversionError
from ..graph.construction.builder import SOURCE
from ..graph.inputs.input_spec import in_dtype
from ..graph.symbols.graph_cut import arrays_of, value_name
from ..graph.symbols.graph_edits import only_used, sources
from ..graph.symbols.precision import limits
from ..graph.symbols.symbol import VARIABLE, Edge, Graph, Node
from ..sources.arrays import Array, Arrays
from .node_differences import (
    Measured,
    module_of,
    of_input,
    reference_of,
    relative_difference,
    run_in,
    values_of,
    with_all_values,
)

ERRORS = RuntimeError, IndexError, ValueError, TypeError  # of a module on inputs of a wrong shape


@dataclass(frozen=True)
class WrongNode:
    """The first node that differs from MXNet's, given the inputs that it has in MXNet.

    Attributes:
        name: Its name.
        op: MXNet's operator.
        dtype: Data type of the comparison.
        relative: Largest difference divided by MXNet's largest value.
        limit: Largest difference that is allowed.
        alone: The graph of that node alone, with its arrays; None if that is equal to MXNet's, as
            where the module was made from another graph than MXNet runs.
        inputs: Values of the inputs of that graph, by name.
    """

    name: str
    op: str
    dtype: str
    relative: float
    limit: float
    alone: Measured | None
    inputs: Arrays

    def __str__(self) -> str:
        return (
            f"{self.op} {self.name!r} ({self.relative:.1e} in {self.dtype}, limit {self.limit:.0e})"
        )


def find_wrong_node(network: Measured, module: fx.GraphModule, inputs: Arrays) -> WrongNode | None:
    """Find the first node whose value differs from MXNet's by more than its own limit.

    Each node of the module is given the inputs that MXNet computes, so that earlier errors do not
    count.

    Args:
        network: The graph that MXNet runs.
        module: The module that is expected to equal it. Its data type is changed.
        inputs: The inputs, in the order in which the module takes them.

    Returns:
        The node; None if each alone is within its limit, as where rounding is amplified.

    Raises:
        ConversionError: If MXNet cannot compute the graph's values.
    """
    every = with_all_values(network)
    graph = every.graph
    dtype = next(iter(limits(graph)))
    values = values_of(reference_of(every, [dtype]), inputs, dtype)
    known = dict(zip(graph.heads, values, strict=True)) | _given(graph, inputs)
    runner = _Runner(module.to(getattr(torch, dtype)), every, known, dtype)
    try:
        with torch.inference_mode():
            runner.run(*map(torch.from_numpy, in_dtype(inputs, dtype).values()))
    except _DiffersError as found:
        return _with_graph(found, every, known)
    return None


class _DiffersError(Exception):
    """A node differs; ends the run of the module."""

    def __init__(self, number: int, dtype: str, relative: float, limit: float) -> None:
        super().__init__(str(number))
        self.number, self.dtype, self.relative, self.limit = number, dtype, relative, limit


class _Runner(fx.Interpreter):
    """Runs a module, and replaces each value by MXNet's after it has been compared with it."""

    def __init__(
        self, module: fx.GraphModule, network: Measured, known: Mapping[Edge, Array], dtype: str
    ) -> None:
        super().__init__(module)
        self._network, self._dtype = network, dtype
        # nodes of one name cannot be told apart, and are not compared
        counts = Counter(node.name for node in network.graph.nodes)
        self._numbers = {
            node.name: place
            for place, node in enumerate(network.graph.nodes)
            if counts[node.name] == 1
        }
        self._known = known

    def run_node(self, n: fx.Node) -> Any:
        source = n.meta.get(SOURCE)
        if source is None:
            return super().run_node(n)
        node, output = source
        edge = (self._numbers.get(node.name, -1), output)
        expected = self._known.get(edge)
        try:
            result = super().run_node(n)
        except ERRORS as error:
            if expected is None:
                raise
            raise _DiffersError(edge[0], self._dtype, float("inf"), self._limit(edge)) from error
        if expected is None or not isinstance(result, torch.Tensor):
            return result
        relative = relative_difference(np.asarray(result), expected)
        if relative > (limit := self._limit(edge)):
            raise _DiffersError(edge[0], self._dtype, relative, limit)
        if expected.shape != tuple(result.shape):
            return result
        return torch.from_numpy(expected).to(result.dtype, copy=True)

    def _limit(self, edge: Edge) -> float:
        """The limit of a node alone, which can be narrower than that of the graph."""
        graph = self._network.graph
        alone = limits(replace(graph, nodes=(graph.nodes[edge[0]],)))
        return alone.get(self._dtype) or limits(graph)[self._dtype]


def _with_graph(found: _DiffersError, network: Measured, known: Mapping[Edge, Array]) -> WrongNode:
    """The wrong node with its graph alone, if that differs from MXNet's, too."""
    graph, number = network.graph, found.number
    node = graph.nodes[number]
    dependent = of_input(network)
    names = _input_names(graph, number, dependent)
    only = _alone(network, number, names, dependent)
    values = {name: known[edge] for edge, name in names.items() if edge in known}
    try:
        alone = only if _differs(only, values) else None
    except ConversionError:  # MXNet or torch cannot run this node alone
        alone = None
    about = node.name, node.written_op, found.dtype, found.relative, found.limit
    return WrongNode(*about, alone, values)


def _differs(alone: Measured, inputs: Arrays) -> bool:
    """Whether the graph of a node alone differs from MXNet's by more than its limit."""
    dtype, limit = next(iter(limits(alone.graph).items()))
    expected = values_of(reference_of(alone, [dtype]), inputs, dtype)
    module = module_of(alone, {name: value.shape for name, value in inputs.items()})
    try:
        actual = run_in(module, inputs, dtype)
    except ERRORS:
        return True
    return any(relative_difference(*pair) > limit for pair in zip(actual, expected, strict=True))


def _alone(
    network: Measured, number: int, names: Mapping[Edge, str], dependent: Collection[int]
) -> Measured:
    """The graph of one node: what it computes of inputs is an input, and the rest is kept.

    Args:
        network: The graph.
        number: Number of the node.
        names: The names of those inputs.
        dependent: Numbers of the nodes that depend on an input.
    """
    graph, node = network.graph, network.graph.nodes[number]
    kept = sorted(sources(graph, [edge for edge in node.inputs if edge[0] not in dependent]))
    places = {old: new for new, old in enumerate(kept)}
    nodes = [_moved(graph.nodes[old], places) for old in kept]
    edges = {edge: (len(nodes) + place, 0) for place, edge in enumerate(names)}
    nodes += [Node(VARIABLE, name, {}, ()) for name in names.values()]
    inputs = tuple(edges.get(edge) or (places[edge[0]], edge[1]) for edge in node.inputs)
    nodes.append(replace(node, inputs=inputs))
    outputs = [edge[1] for edge in graph.heads if edge[0] == number]
    heads = tuple((len(nodes) - 1, output) for output in outputs)
    alone = only_used(replace(graph, nodes=tuple(nodes), heads=heads))
    arrays = arrays_of(alone, network.arrays)
    return Measured(alone, arrays, tuple(name for name in arrays if name in network.constants))


def _moved(node: Node, places: Mapping[int, int]) -> Node:
    return replace(node, inputs=tuple((places[source], output) for source, output in node.inputs))


def _input_names(graph: Graph, number: int, dependent: Collection[int]) -> dict[Edge, str]:
    """Names for the values that a node computes of inputs, in the order in which it takes them."""
    return {
        edge: graph.nodes[edge[0]].name
        if graph.nodes[edge[0]].op == VARIABLE
        else f"{value_name(graph, edge)}_output"
        for edge in graph.nodes[number].inputs
        if edge[0] in dependent
    }


def _given(graph: Graph, inputs: Arrays) -> dict[Edge, Array]:
    return {
        (number, 0): inputs[node.name]
        for number, node in enumerate(graph.nodes)
        if node.op == VARIABLE and node.name in inputs
    }
