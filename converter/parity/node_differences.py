"""Differences of an imported graph from MXNet, node by node, and the first node that is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import ConversionError, GraphError
from ..graph.graph_cut import arrays_of, value_name
from ..graph.graph_edits import only_used, sources
from ..graph.importer import build_module
from ..graph.input_spec import Specs, in_dtype, random_inputs
from ..graph.labels import without_labels
from ..graph.precision import limits
from ..graph.roles import roles
from ..graph.symbol import VARIABLE, Edge, Graph, Node
from ..graph.symbol_writer import symbol_json
from ..sources.arrays import Array, Arrays
from .exported_reference import ExportedReference
from .head_measurement import run
from .output_comparison import difference


@dataclass(frozen=True)
class Measured:
    """A graph to compare, with its arrays.

    Attributes:
        graph: The graph.
        arrays: Its arrays, by name.
        constants: Names of the arrays that are not trained.
    """

    graph: Graph
    arrays: Arrays
    constants: Collection[str] = ()


@dataclass(frozen=True)
class NodeDifference:
    """The difference of one value of a graph from MXNet's.

    Attributes:
        name: Name of the node; `NODE:1` for its second output.
        op: MXNet's operator.
        relative: Largest difference divided by MXNet's largest value, by data type. Differences of
            earlier nodes add to it.
    """

    name: str
    op: str
    relative: dict[str, float]


@dataclass(frozen=True)
class WrongNode:
    """The first node that differs from MXNet's, given the inputs that it has in MXNet.

    Attributes:
        name: Its name.
        op: MXNet's operator.
        dtype: Data type of the comparison.
        relative: Largest difference divided by MXNet's largest value.
        limit: Largest difference that is allowed.
        alone: The graph of that node alone, with its arrays.
        inputs: Values of the inputs of that graph, by name.
    """

    name: str
    op: str
    dtype: str
    relative: float
    limit: float
    alone: Measured
    inputs: Arrays


def compare_nodes(
    network: Measured, specs: Specs, dtypes: Collection[str], seed: int = 0
) -> list[NodeDifference]:
    """Run a graph in MXNet and in torch, and compare the values of all nodes.

    Nodes that depend on no input, such as weights that are computed, are left out.

    Args:
        network: The graph.
        specs: Its inputs; their values are random.
        dtypes: Data types to compare in.
        seed: Seed of the inputs' values.

    Raises:
        ConversionError: If MXNet or torch cannot compute all these values.
    """
    every = _with_all_values(network)
    graph = every.graph
    inputs = random_inputs(specs, np.random.default_rng(seed))
    reference = _reference(every, dtypes)
    module = _module(every, {name: spec.shape for name, spec in specs.items()})
    found: list[dict[str, float]] = [{} for _ in graph.heads]
    for dtype in dtypes:
        expected = _values(reference, inputs, dtype)
        actual = _run(module, inputs, dtype)
        for place, pair in enumerate(zip(actual, expected, strict=True)):
            found[place][dtype] = _relative(*pair)
    return [
        NodeDifference(value_name(graph, edge), graph.nodes[edge[0]].op, relative)
        for edge, relative in zip(graph.heads, found, strict=True)
    ]


def find_wrong_node(network: Measured, specs: Specs, seed: int = 0) -> WrongNode | None:
    """Find the first node whose value differs from MXNet's by more than its own limit.

    Each node is given the inputs that MXNet computes, so that earlier errors do not count.

    Args:
        network: The graph.
        specs: Its inputs; their values are random.
        seed: Seed of the inputs' values.

    Returns:
        The node; None if each alone is within its limit, as where rounding is amplified.

    Raises:
        ConversionError: If MXNet cannot compute the graph's values.
    """
    every = _with_all_values(network)
    graph = every.graph
    dtype = next(iter(limits(graph)))
    inputs = random_inputs(specs, np.random.default_rng(seed))
    known = dict(zip(graph.heads, _values(_reference(every, [dtype]), inputs, dtype), strict=True))
    known |= _given(graph, inputs)
    of_input = _of_input(every)
    for number in sorted({number for number, _ in graph.heads}):
        names = _input_names(graph, number, of_input)
        alone = _alone(every, number, names, of_input)
        values = {name: known[edge] for edge, name in names.items() if edge in known}
        try:
            wrong = _check(graph.nodes[number], alone, values)
        except ConversionError:  # MXNet or torch cannot run this node alone
            continue
        if wrong is not None:
            return wrong
    return None


def _check(node: Node, alone: Measured, inputs: Arrays) -> WrongNode | None:
    """Compare the graph of a node alone; None if it is within its limit."""
    dtype, limit = next(iter(limits(alone.graph).items()))
    expected = _values(_reference(alone, [dtype]), inputs, dtype)
    module = _module(alone, {name: value.shape for name, value in inputs.items()})
    try:
        actual = _run(module, inputs, dtype)
    except (RuntimeError, IndexError, ValueError, TypeError):
        relative = float("inf")
    else:
        relative = max(_relative(*pair) for pair in zip(actual, expected, strict=True))
    if relative <= limit:
        return None
    return WrongNode(node.name, node.written_op, dtype, relative, limit, alone, inputs)


def _with_all_values(network: Measured) -> Measured:
    """A graph whose outputs are all values that depend on an input, and are used."""
    graph = without_labels(network.graph)
    of_input = _of_input(replace(network, graph=graph))
    edges = {*graph.heads, *(edge for node in graph.nodes for edge in node.inputs)}
    kept = [
        edge
        for edge in sorted(edges)
        if edge[0] in of_input and graph.nodes[edge[0]].op != VARIABLE
    ]
    if not kept:
        raise GraphError(f"{graph.where}: no node depends on an input")
    return replace(network, graph=replace(graph, heads=tuple(kept)))


def _of_input(network: Measured) -> set[int]:
    """Numbers of the nodes that depend on an input, and of the inputs."""
    graph, found = network.graph, set[int]()
    inputs = set(roles(graph).inputs) - network.arrays.keys()
    for number, node in enumerate(graph.nodes):
        depends = any(source in found for source, _ in node.inputs)
        if depends or (node.op == VARIABLE and node.name in inputs):
            found.add(number)
    return found


def _alone(
    network: Measured, number: int, names: Mapping[Edge, str], of_input: Collection[int]
) -> Measured:
    """The graph of one node: what it computes of inputs is an input, and the rest is kept.

    Args:
        network: The graph.
        number: Number of the node.
        names: The names of those inputs.
        of_input: Numbers of the nodes that depend on an input.
    """
    graph, node = network.graph, network.graph.nodes[number]
    kept = sorted(sources(graph, [edge for edge in node.inputs if edge[0] not in of_input]))
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


def _input_names(graph: Graph, number: int, of_input: Collection[int]) -> dict[Edge, str]:
    """Names for the values that a node computes of inputs, in the order in which it takes them."""
    return {
        edge: graph.nodes[edge[0]].name
        if graph.nodes[edge[0]].op == VARIABLE
        else f"{value_name(graph, edge)}_output"
        for edge in graph.nodes[number].inputs
        if edge[0] in of_input
    }


def _given(graph: Graph, inputs: Arrays) -> dict[Edge, Array]:
    return {
        (number, 0): inputs[node.name]
        for number, node in enumerate(graph.nodes)
        if node.op == VARIABLE and node.name in inputs
    }


def _reference(network: Measured, dtypes: Collection[str]) -> ExportedReference:
    text = symbol_json(network.graph)
    where = network.graph.where
    return ExportedReference(where, network.arrays, tuple(dtypes), text, any_dtype=True)


def _module(network: Measured, inputs: Mapping[str, tuple[int, ...]]) -> torch.nn.Module:
    return build_module(
        network.graph,
        network.arrays,
        dtype="float64",
        inputs=inputs,
        any_dtype=True,
        constants=network.constants,
    )


def _values(reference: ExportedReference, inputs: Arrays, dtype: str) -> list[Array]:
    reference.cast(dtype)
    return list(reference(in_dtype(inputs, dtype)).values())


def _run(module: torch.nn.Module, inputs: Arrays, dtype: str) -> list[Array]:
    module.to(getattr(torch, dtype))
    return run(module, in_dtype(inputs, dtype))


def _relative(actual: Array, expected: Array) -> float:
    """Largest difference over the largest expected value; infinite for NaN and other shapes."""
    _, relative = difference(*(each.astype(np.float64) for each in (actual, expected)))
    return relative if relative == relative else float("inf")
