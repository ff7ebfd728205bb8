"""Operators that MXNet computes in float32, replaced for comparisons in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon2torch.graph.symbols.float64_operators import (
    CROP,
    RESIZE,
    SLOPED,
    SOFTMAX,
    bilinear_matrix,
    is_replaced,
)
from gluon2torch.graph.symbols.precision import EXACT, ROUNDED, limits
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.parity.exported_reference import ExportedReference
from gluon2torch.sources.mxnet_compat import import_mxnet

CASES: list[tuple[str, dict[str, str]]] = [
    *((SLOPED, {"act_type": kind}) for kind in ("leaky", "prelu", "selu", "gelu")),
    (SLOPED, {"slope": "0.1"}),
    (RESIZE, {"height": "37", "width": "3"}),
    (RESIZE, {"height": "37", "width": "1", "align_corners": "False"}),
    (RESIZE, {"scale_height": "2.5", "scale_width": "0.7"}),
    (RESIZE, {"mode": "to_odd_up"}),
    (CROP, {"h_w": "(5, 7)", "offset": "(2, 1)", "num_args": "1"}),
    (CROP, {"h_w": "(5, 6)", "center_crop": "True", "num_args": "1"}),
    *((SOFTMAX, {"mode": mode}) for mode in ("instance", "channel")),
]
DATA = np.random.default_rng(0).standard_normal((2, 3, 14, 9))


def reference(op: str, attributes: dict[str, str], folder: Path) -> ExportedReference:
    """MXNet's operator; PReLU's slopes are an array."""
    sym = import_mxnet().sym
    call = sym.contrib.BilinearResize2D if op == RESIZE else getattr(sym, op)
    arrays = {}
    if attributes.get("act_type") == "prelu":
        arrays["gamma"] = np.array([0.1, -0.3, 0.7])
    given = [sym.var(name) for name in ("data", *arrays)]
    (folder / "net-symbol.json").write_text(call(*given, **attributes).tojson())
    return ExportedReference(folder / "net-symbol.json", arrays)


@pytest.mark.mxnet
@pytest.mark.parametrize(("op", "attributes"), CASES)
def test_the_replacement_is_the_operator_without_its_rounding(
    op: str, attributes: dict[str, str], tmp_path: Path
) -> None:
    """In float32 MXNet runs the operator itself."""
    network = reference(op, attributes, tmp_path)
    network.cast("float64")
    (exact,) = network({"data": DATA}).values()
    network.cast("float32")
    (single,) = network({"data": DATA.astype(np.float32)}).values()
    assert (exact.dtype, single.dtype) == (np.float64, np.float32)
    scale = np.abs(exact).max()
    assert np.abs(exact - single).max() <= 1e-5 * scale
    if op in (CROP, SOFTMAX):  # they have no float64
        return
    network.cast("float64")
    nd = import_mxnet().nd
    given = [nd.array(array, dtype="float64") for array in (DATA, *network._arrays.values())]
    native = nd.CachedOp(network._symbol)(*given).asnumpy()
    assert native.dtype == np.float64
    assert 1e-10 * scale < np.abs(exact - native).max() <= 1e-5 * scale


def test_a_matrix_resizes_one_axis() -> None:
    ramp = np.arange(5.0)
    assert np.allclose(bilinear_matrix(5, 9, True) @ ramp, np.arange(9) / 2, atol=1e-15)
    # the centres of the outer pixels are out of the image, and take its first and last value
    halves = [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4]
    assert np.allclose(bilinear_matrix(5, 10, False) @ ramp, halves, atol=1e-15)
    for aligned in (True, False):
        assert np.array_equal(bilinear_matrix(5, 1, aligned) @ ramp, [0])
        assert np.array_equal(bilinear_matrix(7, 7, aligned), np.eye(7))


@pytest.mark.parametrize("kind", ["elu", "rrelu"])
def test_other_kinds_are_left_as_they_are(kind: str) -> None:
    assert not is_replaced(SLOPED, {"act_type": kind})


@pytest.mark.mxnet
def test_in_loops_their_rounding_is_allowed() -> None:
    """Changes of a graph do not reach the bodies of its loops."""
    sym = import_mxnet().sym

    def step(data: Any, state: Any) -> tuple[Any, Any]:
        return sym.LeakyReLU(data + state, slope=0.1), state

    outputs, _ = sym.contrib.foreach(step, sym.var("data"), sym.var("state"))
    graph = parse_symbol(outputs.tojson().encode(), "loop")
    assert limits(graph)["float64"] == ROUNDED
    outside = parse_symbol(sym.LeakyReLU(sym.var("data")).tojson().encode(), "layer")
    assert limits(outside)["float64"] == EXACT
