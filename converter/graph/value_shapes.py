"""The shapes of a graph's values, as far as its operators are supported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import fx

from ..errors import GraphError
from ..sources.arrays import Array
from .importer import build_module
from .registry import is_unknown
from .symbols.graph_cut import arrays_of
from .symbols.graph_edits import only_used
from .symbols.labels import without_labels
from .symbols.roles import roles
from .symbols.symbol import VARIABLE, Edge, Graph

_FAILURES = (RuntimeError, LookupError, ValueError, TypeError, NotImplementedError)


def value_shapes(
    graph: Graph, arrays: Mapping[str, Array], inputs: Mapping[str, tuple[int, ...]]
) -> dict[Edge, tuple[int, ...]]:
    """Shapes of the values that depend on an input, without computing them.

    Args:
        graph: A graph without labels.
        arrays: Its arrays; their values do not matter.
        inputs: Shapes of its inputs.

    Returns:
        Shapes by value, as far as they do not depend on values or on what does not run.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    graph = without_labels(graph)
    names = set(roles(graph).inputs) - arrays.keys()
    sound, of_input = set[int](), set[int]()
    for number, node in enumerate(graph.nodes):
        before = {source for source, _ in node.inputs}
        if before <= sound and not (node.op != VARIABLE and is_unknown(node)):
            sound.add(number)
        if before & of_input or (node.op == VARIABLE and node.name in names):
            of_input.add(number)
    used = {*graph.heads, *(edge for node in graph.nodes for edge in node.inputs)}
    computed = {n for n in sound & of_input if graph.nodes[n].op != VARIABLE}
    edges = tuple(edge for edge in sorted(used) if edge[0] in computed)
    if not edges:
        return {}
    part = only_used(replace(graph, heads=edges))
    given = {name: shape for name, shape in inputs.items() if name in names}
    try:
        module = build_module(part, arrays_of(part, arrays), inputs=given)
        order = [str(n.target) for n in module.graph.nodes if n.op == "placeholder"]
        shapes = [given[name] for name in roles(part).inputs if name in given]
        with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
            outputs = _Shapes(module).run(*(torch.empty(shape) for shape in shapes[: len(order)]))
    except (GraphError, *_FAILURES):
        return {}
    values = outputs if isinstance(outputs, tuple) else (outputs,)
    found = {
        edge: tuple(value.shape)
        for edge, value in zip(edges, values, strict=True)
        if isinstance(value, torch.Tensor)
    }
    variables = {
        (number, 0): given[node.name]
        for number, node in enumerate(graph.nodes)
        if node.op == VARIABLE and node.name in given
    }
    return found | variables


class _Shapes(fx.Interpreter):
    """Runs a module as far as it goes without values; what depends on values is None."""

    def run_node(self, n: fx.Node) -> Any:
        unknown = [each for each in n.all_input_nodes if self.env.get(each) is None]
        if unknown and n.op != "output":
            return None
        try:
            return super().run_node(n)
        except _FAILURES:
            return None
