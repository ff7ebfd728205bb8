"""The first operator of a graph whose results differ between an imported module and MXNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import fx

from ..graph.builder import SOURCE
from ..sources.arrays import Array, Arrays
from .output_comparison import difference


def first_operator(
    module: fx.GraphModule, expected: Mapping[str, Array], inputs: Arrays, limit: float
) -> str | None:
    """Name the first operator whose results differ.

    Args:
        module: The imported module, in the data type of the inputs.
        expected: MXNet's first output of each operator, by the names of the graph's nodes.
        inputs: The inputs, in the order in which the module takes them.
        limit: Largest allowed difference, relative to an operator's largest result.

    Returns:
        The operator and its name; None if none differs. Operators with several outputs, and those
        whose results have another shape in torch, are not compared.
    """
    comparison = _Comparison(module, expected, limit)
    with torch.inference_mode():
        comparison.run(*map(torch.from_numpy, inputs.values()))
    return comparison.found


class _Comparison(fx.Interpreter):
    """Runs a module and compares the result of each node that stands for one of MXNet's."""

    def __init__(self, module: fx.GraphModule, expected: Mapping[str, Array], limit: float) -> None:
        super().__init__(module)
        self.found: str | None = None
        self._expected, self._limit = expected, limit

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        source = n.meta.get(SOURCE)
        if self.found is None and source is not None and isinstance(result, torch.Tensor):
            expected = self._expected.get(source.name)
            if expected is not None and expected.shape == result.shape:
                actual = np.asarray(result, np.float64)
                _, relative = difference(actual, expected.astype(np.float64))
                if not relative <= self._limit:  # NaN differs, too
                    self.found = str(source)
        return result
