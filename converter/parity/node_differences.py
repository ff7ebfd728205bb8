"""Differences of an imported graph from MXNet, node by node."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import GraphError
from ..graph.importer import build_module
from ..graph.inputs.input_spec import Specs, in_dtype, random_inputs
from ..graph.symbols.graph_cut import value_name
from ..graph.symbols.labels import without_labels
from ..graph.symbols.roles import roles
from ..graph.symbols.symbol import VARIABLE, Graph
from ..graph.symbols.symbol_writer import symbol_json
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
    every = with_all_values(network)
    graph = every.graph
    inputs = random_inputs(specs, np.random.default_rng(seed))
    reference = reference_of(every, dtypes)
    module = module_of(every, {name: spec.shape for name, spec in specs.items()})
    found: list[dict[str, float]] = [{} for _ in graph.heads]
    for dtype in dtypes:
        expected = values_of(reference, inputs, dtype)
        actual = run_in(module, inputs, dtype)
        for place, pair in enumerate(zip(actual, expected, strict=True)):
            found[place][dtype] = relative_difference(*pair)
    return [
        NodeDifference(value_name(graph, edge), graph.nodes[edge[0]].op, relative)
        for edge, relative in zip(graph.heads, found, strict=True)
    ]


def with_all_values(network: Measured) -> Measured:
    """A graph whose outputs are all values that depend on an input, and are used."""
    graph = without_labels(network.graph)
    dependent = of_input(replace(network, graph=graph))
    edges = {*graph.heads, *(edge for node in graph.nodes for edge in node.inputs)}
    kept = [
        edge
        for edge in sorted(edges)
        if edge[0] in dependent and graph.nodes[edge[0]].op != VARIABLE
    ]
    if not kept:
        raise GraphError(f"{graph.where}: no node depends on an input")
    return replace(network, graph=replace(graph, heads=tuple(kept)))


def of_input(network: Measured) -> set[int]:
    """Numbers of the nodes that depend on an input, and of the inputs."""
    graph, found = network.graph, set[int]()
    inputs = set(roles(graph).inputs) - network.arrays.keys()
    for number, node in enumerate(graph.nodes):
        depends = any(source in found for source, _ in node.inputs)
        if depends or (node.op == VARIABLE and node.name in inputs):
            found.add(number)
    return found


def reference_of(network: Measured, dtypes: Collection[str]) -> ExportedReference:
    """MXNet's side of the comparison."""
    text = symbol_json(network.graph)
    where = network.graph.where
    return ExportedReference(where, network.arrays, tuple(dtypes), text, any_dtype=True)


def module_of(network: Measured, inputs: Mapping[str, tuple[int, ...]]) -> torch.nn.Module:
    """Torch's side, for inputs of these shapes."""
    return build_module(
        network.graph,
        network.arrays,
        dtype="float64",
        inputs=inputs,
        any_dtype=True,
        constants=network.constants,
    )


def values_of(reference: ExportedReference, inputs: Arrays, dtype: str) -> list[Array]:
    """MXNet's outputs, in a data type."""
    reference.cast(dtype)
    return list(reference(in_dtype(inputs, dtype)).values())


def run_in(module: torch.nn.Module, inputs: Arrays, dtype: str) -> list[Array]:
    """Torch's outputs, in a data type."""
    module.to(getattr(torch, dtype))
    return run(module, in_dtype(inputs, dtype))


def relative_difference(actual: Array, expected: Array) -> float:
    """Largest difference over the largest expected value; infinite for NaN and other shapes."""
    _, relative = difference(*(each.astype(np.float64) for each in (actual, expected)))
    return relative if relative == relative else float("inf")
