"""Comparison of a written module's outputs where rounding may change an order or a decision.

Two runtimes round differently in float32. Where scores are sorted or compared with a threshold, a
difference in the last digit can exchange two boxes or remove one, and all that follows differs.
Therefore the values that enter such nodes are compared, and the module goes on with those of the
other runtime: each part is compared on equal inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from ...parity.output_comparison import difference
from ...sources.arrays import Array, Arrays
from .traced_operations import TracedNode

ORDERS = ("sort", "argmax", "argmin")
COMPARISONS = ("gt", "ge", "lt", "le", "eq", "ne")
ROUNDINGS = ("floor", "ceil", "trunc", "round", "sign")
JUMPS = frozenset(f"aten.{name}" for name in (*ORDERS, *COMPARISONS, *ROUNDINGS))
"""Operations whose results change by more than rounding when their inputs are rounded."""


def nodes_before_jumps(traced: Sequence[TracedNode]) -> tuple[fx.Node, ...]:
    """The nodes whose values are rounded numbers that are sorted, compared or made integers.

    Without the module's outputs, which are compared in any case.
    """
    outputs = traced[-1].node.all_input_nodes
    floats = {each.node for each in traced if each.is_float and each.node.op != "placeholder"}
    jumping = [each.node for each in traced if each.operations & JUMPS]
    inputs = dict.fromkeys(node for jump in jumping for node in jump.all_input_nodes)
    return tuple(node for node in inputs if node in floats and node not in outputs)


def with_outputs(module: fx.GraphModule, nodes: Sequence[fx.Node]) -> fx.GraphModule:
    """The module with the values of some of its nodes as further outputs; weights are shared."""
    copies: dict[fx.Node, fx.Node] = {}
    graph = fx.Graph()
    graph.graph_copy(module.graph, copies)
    graph.output(tuple(copies[node] for node in (*_heads(module), *nodes)))
    return fx.GraphModule(module, graph)


def largest_difference(
    module: fx.GraphModule, inputs: Arrays, outputs: Sequence[Array], nodes: Sequence[fx.Node]
) -> float:
    """The largest difference of outputs from a module's, relative to the largest value of each.

    Args:
        module: The module.
        inputs: Its inputs.
        outputs: What was computed elsewhere: its outputs, and then the values of nodes.
        nodes: These nodes.
    """
    stepwise = _Stepwise(module, dict(zip([*_heads(module), *nodes], outputs, strict=True)))
    with torch.inference_mode():
        stepwise.run(*map(torch.from_numpy, inputs.values()))
    return float(np.max(stepwise.differences))  # NaN if one is


def _heads(module: fx.GraphModule) -> tuple[fx.Node, ...]:
    """The nodes that are a module's outputs."""
    (result,) = module.graph.output_node().args
    heads: Any = result if isinstance(result, (tuple, list)) else (result,)
    return tuple(heads)


class _Stepwise(fx.Interpreter):
    """Runs a module, and replaces values of its nodes after it has compared them."""

    def __init__(self, module: fx.GraphModule, values: Mapping[fx.Node, Array]) -> None:
        super().__init__(module)
        self._values = values
        self.differences: list[float] = []

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n not in self._values:
            return result
        value = self._values[n]
        relative = difference(value, result.numpy())[1]
        self.differences.append(relative)
        return torch.from_numpy(value) if relative < np.inf else result
