"""Networks in float16 are imported in the data type of the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gluon2torch import import_graph
from gluon2torch.graph.importer import build_module, read_arrays
from gluon2torch.graph.symbols.symbol import read_symbol
from gluon2torch.parity.exported_reference import ExportedReference
from gluon2torch.sources.mxnet_compat import import_mxnet

pytestmark = [pytest.mark.mxnet, pytest.mark.costly]
DATA = np.random.default_rng(0).standard_normal((2, 3, 12, 12)).astype(np.float32)
HALF = 2.0**-10  # the distance of numbers in float16, relative to the larger one


def network(data: Any) -> Any:
    """Two convolutions and a fully connected layer."""
    sym = import_mxnet().sym
    value = sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=8, name="conv0")
    value = sym.Activation(sym.BatchNorm(value, fix_gamma=False, name="norm"), act_type="relu")
    value = sym.Pooling(value, kernel=(2, 2), stride=(2, 2), pool_type="max")
    value = sym.Convolution(value, kernel=(3, 3), num_filter=6, no_bias=True, name="conv1")
    value = sym.Pooling(value, global_pool=True, pool_type="avg", kernel=(1, 1))
    return sym.FullyConnected(value, num_hidden=5, name="dense")


def weights(graph: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Random arguments and running statistics."""
    mx, rng = import_mxnet(), np.random.default_rng(1)
    shapes, _, states = graph.infer_shape(data=DATA.shape)
    arguments = {
        name: mx.nd.array(rng.standard_normal(shape) * 0.5)
        for name, shape in zip(graph.list_arguments(), shapes, strict=True)
        if name != "data"
    }
    names = graph.list_auxiliary_states()
    return arguments, {
        name: mx.nd.array(rng.random(shape) + 0.5)
        for name, shape in zip(names, states, strict=True)
    }


def largest_difference(actual: np.ndarray, expected: np.ndarray) -> float:
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def outputs(symbol: Path, params: Path, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """What torch and MXNet compute in a data type."""
    module, arrays = import_graph(symbol, params, dtype=dtype), read_arrays(params)
    reference = ExportedReference(symbol, arrays)
    reference.cast(dtype)
    with torch.no_grad():
        actual = module(torch.from_numpy(DATA.astype(dtype))).numpy()
    return actual, reference({"data": DATA.astype(dtype)})["head0"]


@pytest.mark.parametrize("halved", [False, True], ids=["weights in float32", "in float16"])
def test_a_network_with_the_casts_of_amp(halved: bool, tmp_path: Path) -> None:
    mx = import_mxnet()
    from mxnet.contrib import amp

    graph = network(mx.sym.var("data"))
    arguments, states = weights(graph)
    mx.model.save_checkpoint(str(tmp_path / "plain"), 0, graph, arguments, states)
    cast = amp.convert_model(graph, arguments, states, cast_optional_params=halved)
    mx.model.save_checkpoint(str(tmp_path / "amp"), 0, *cast, remove_amp_cast=False)
    paths = tmp_path / "amp-symbol.json", tmp_path / "amp-0000.params"
    kinds = {array.dtype.name for array in read_arrays(paths[1]).values()}
    assert ("float16" in kinds) is halved
    assert '"amp_cast"' in paths[0].read_text()
    module = import_graph(*paths)
    assert len([each for each in module.modules() if isinstance(each, nn.Conv2d)]) == 2
    for dtype, limit in (("float64", 1e-12), ("float32", 1e-5)):
        actual, expected = outputs(*paths, dtype)
        assert largest_difference(actual, expected) <= limit
    # … and it is the network before the conversion, but for the rounding of the weights
    plain, _ = outputs(tmp_path / "plain-symbol.json", tmp_path / "plain-0000.params", "float32")
    assert largest_difference(actual, plain) <= (4 * HALF if halved else 1e-6)


def test_a_network_that_casts_its_input_to_float16(tmp_path: Path) -> None:
    """As those are that MXNet's own examples train in float16: the head is float32 again."""
    mx = import_mxnet()
    value = network(mx.sym.Cast(mx.sym.var("data"), dtype="float16"))
    graph = mx.sym.softmax(mx.sym.Cast(value, dtype="float32"))
    arguments, states = weights(graph)
    arguments = {name: array.astype("float16") for name, array in arguments.items()}
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, graph, arguments, states)
    paths = tmp_path / "net-symbol.json", tmp_path / "net-0000.params"
    for dtype in ("float64", "float32"):
        actual, expected = outputs(*paths, dtype)
        assert actual.dtype == np.float32  # of the cast
        assert largest_difference(actual, expected) <= 1e-5
    assert {each.dtype for each in import_graph(*paths).parameters()} == {torch.float32}


@pytest.mark.parametrize("attributes", [{"dtype": "float32"}, {}])
def test_a_module_for_any_data_type_computes_in_its_own(
    attributes: dict[str, str], tmp_path: Path
) -> None:
    """As the proof needs it: built in float64, and used in float32."""
    sym = import_mxnet().sym
    value = sym.softmax(sym.Cast(sym.var("data"), dtype="float32"), axis=1, **attributes)
    value = sym.Cast(value, dtype="float16") if not attributes else value
    graph = sym.FullyConnected(value, num_hidden=5, name="dense")
    (tmp_path / "net-symbol.json").write_text(graph.tojson())
    rng = np.random.default_rng(2)
    arrays = {"dense_weight": rng.standard_normal((5, 432)), "dense_bias": rng.standard_normal(5)}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    symbol = read_symbol(tmp_path / "net-symbol.json")
    module = build_module(
        symbol, arrays, dtype="float64", inputs={"data": DATA.shape}, any_dtype=True
    )
    expected = build_module(symbol, arrays, inputs={"data": DATA.shape})(torch.from_numpy(DATA))
    actual = module.float()(torch.from_numpy(DATA))
    assert actual.dtype == torch.float32
    assert torch.equal(actual, expected)


def test_layers_without_weights_between_casts_are_mxnets_in_float16(tmp_path: Path) -> None:
    """A graph without arrays computes in float16, as MXNet does."""
    mx = import_mxnet()
    value = mx.sym.Cast(mx.sym.var("data"), dtype="float16")
    value = mx.sym.Pooling(value * 3 + 1, kernel=(2, 2), stride=(2, 2), pool_type="max")
    graph = mx.sym.softmax(mx.sym.tanh(value), axis=1)
    graph.save(str(tmp_path / "net-symbol.json"))
    mx.nd.save(str(tmp_path / "net-0000.params"), {})
    module = import_graph(tmp_path / "net-symbol.json", tmp_path / "net-0000.params")
    actual = module(torch.from_numpy(DATA)).numpy()
    expected = mx.nd.CachedOp(graph)(mx.nd.array(DATA)).asnumpy()
    assert actual.dtype == np.float16
    assert largest_difference(actual, expected) <= 2 * HALF
