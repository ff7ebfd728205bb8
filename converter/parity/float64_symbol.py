"""MXNet's graphs in float64, without operators that it computes in float32 alone."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from ..graph.symbols.float64_operators import has_replaced, with_float64_operators
from ..sources.arrays import Array, Arrays


def in_float64(mxnet: Any, symbol: Any, arrays: Mapping[str, Array]) -> tuple[Any, Arrays]:
    """Replace what MXNet computes in float32 alone (graph/symbols/float64_operators.py).

    Args:
        mxnet: The module.
        symbol: MXNet's graph.
        arrays: Its arrays and inputs.

    Returns:
        The changed graph, and constants in it, by name; the same graph if nothing is replaced.

    Raises:
        MXNetError: If shapes of its values cannot be inferred.
    """
    text = symbol.tojson()
    if not has_replaced(text):
        return symbol, {}
    values = symbol.get_internals()
    _, shapes, _ = infer_shapes(mxnet, values, arrays)
    edges = [(node, output) for node, output, _ in json.loads(values.tojson())["heads"]]
    text, constants = with_float64_operators(text, dict(zip(edges, shapes, strict=True)))
    return mxnet.sym.load_json(text), constants


def infer_shapes(mxnet: Any, symbol: Any, arrays: Mapping[str, Array]) -> tuple[Any, Any, Any]:
    """The shapes of a graph's arguments, outputs and auxiliary states.

    Raises:
        MXNetError: If they cannot be inferred from those of these arrays.
    """
    known = {name: arrays[name].shape for name in symbol.list_inputs() if name in arrays}
    # MXNet prints the arguments' shapes before it raises its error
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # about shapes that cannot be inferred
        args, outputs, aux = symbol.infer_shape(**known)
    if args is None:
        raise mxnet.MXNetError("some shapes cannot be inferred")
    return args, outputs, aux
