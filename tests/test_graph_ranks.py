"""What the import knows of numbers of dimensions, which decides how a layer is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet

pytestmark = pytest.mark.mxnet
Arrays = dict[str, np.ndarray]


def random(seed: int, **shapes: tuple[int, ...]) -> Arrays:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def imported(symbol: Any, data: Arrays, arrays: Arrays, *, known: bool = False) -> np.ndarray:
    """The graph's output; the shapes of its inputs are known if the caller says so."""
    graph = parse_symbol(symbol.tojson().encode(), "it")
    shapes = {name: each.shape for name, each in data.items()} if known else None
    module = build_module(graph, arrays, dtype="float64", inputs=shapes)
    with torch.no_grad():
        result: torch.Tensor = module(*map(torch.from_numpy, data.values()))
    return result.numpy()


def computed(symbol: Any, values: Arrays) -> np.ndarray:
    """MXNet's output."""
    mx = import_mxnet()
    inputs = [mx.nd.array(values[name], dtype="float64") for name in symbol.list_inputs()]
    found: np.ndarray = mx.nd.CachedOp(symbol)(*inputs).asnumpy()
    return found


@pytest.mark.parametrize("name", ["broadcast_add", "broadcast_maximum"])
def test_a_sum_has_an_unknown_rank_if_one_of_its_values_has(name: str) -> None:
    mx = import_mxnet()
    data, other = mx.sym.var("data"), mx.sym.var("other")
    weight = mx.sym.var("weight", lr_mult=1)
    last = mx.sym.var("last", lr_mult=1)
    # known to have two dimensions; the sum has three
    layer = mx.sym.FullyConnected(data, weight, no_bias=True, num_hidden=4, name="one")
    both = getattr(mx.sym, name)(layer, other)
    net = mx.sym.FullyConnected(both, last, no_bias=True, num_hidden=5, name="two")
    values = random(0, data=(1, 3), other=(2, 1, 4))
    arrays = random(1, weight=(4, 3), last=(5, 4))
    expected = computed(net, {**values, **arrays})
    assert expected.shape == (2, 5)
    for known in (False, True):
        actual = imported(net, values, arrays, known=known)
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_overlaps_have_an_unknown_rank_if_boxes_have() -> None:
    mx = import_mxnet()
    anchors = mx.sym._internal._zeros(shape=(3, 4), dtype="float64") + 0.5
    found = mx.sym.contrib.box_iou(anchors, mx.sym.var("data"))
    net = mx.sym.transpose(found)
    boxes = np.sort(random(0, data=(2, 5, 4))["data"], -1)
    expected = computed(net, {"data": boxes})
    assert expected.shape == (5, 2, 3)
    with pytest.raises(GraphError, match="which is unknown; pass the shapes"):
        imported(net, {"data": boxes}, {})
    actual = imported(net, {"data": boxes}, {}, known=True)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
def test_all_axes_are_reduced_whatever_their_number(name: str) -> None:
    mx = import_mxnet()
    weight = mx.sym.var("weight", lr_mult=1)
    data = mx.sym.var("data")
    level = getattr(mx.sym, name)(data)  # (1,)
    net = mx.sym.FullyConnected(level, weight, no_bias=True, num_hidden=4)
    arrays = random(1, weight=(4, 1))
    for shape in ((3,), (2, 3), (2, 3, 4)):
        values = random(0, data=shape)
        expected = computed(net, {**values, **arrays})
        assert expected.shape == (1, 4)
        np.testing.assert_allclose(imported(net, values, arrays), expected, rtol=1e-12)


def test_a_layer_after_an_average_knows_its_rank() -> None:
    mx = import_mxnet()
    filters, weight = (mx.sym.var(name, lr_mult=1) for name in ("filters", "weight"))
    layer = mx.sym.Convolution(
        mx.sym.var("data"), filters, kernel=(3, 3), num_filter=5, no_bias=True
    )
    average = mx.sym.mean(layer, axis=(2, 3), name="average")  # (N, 5)
    net = mx.sym.FullyConnected(average, weight, no_bias=True, num_hidden=4)
    graph = parse_symbol(net.tojson().encode(), "it")
    arrays = random(1, filters=(5, 3, 3, 3), weight=(4, 5))
    module = build_module(graph, arrays, dtype="float64")
    values = random(0, data=(2, 3, 8, 7))
    expected = computed(net, {**values, **arrays})
    np.testing.assert_allclose(imported(net, values, arrays), expected, rtol=1e-12)
    # nothing is flattened, since two dimensions are left
    assert len(module.graph.nodes) == 5
