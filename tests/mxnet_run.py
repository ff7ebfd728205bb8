"""Graphs and arrays, run by MXNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gluon2torch.parity.float64_symbol import in_float64
from gluon2torch.parity.graph_run import run_graph
from gluon2torch.sources.mxnet_compat import import_mxnet


def run_by_mxnet(
    symbol: Any, values: Mapping[str, np.ndarray], dtype: str | None = None
) -> list[np.ndarray]:
    """MXNet's outputs of a graph.

    Args:
        symbol: The graph, or its JSON.
        values: Inputs and arrays by name.
        dtype: Data type of all values; without it, each has its own, and in float64 what MXNet
            computes in float32 alone is computed by other operators.
    """
    mx = import_mxnet()
    graph = mx.sym.load_json(symbol) if isinstance(symbol, str) else symbol
    if dtype is None and all(each.dtype == np.float64 for each in values.values()):
        graph, constants = in_float64(mx, graph, values)
        values = {**values, **constants}
    given = (values[name] for name in graph.list_inputs())
    return run_graph(graph, [np.asarray(each, dtype or each.dtype) for each in given])
