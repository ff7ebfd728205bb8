"""Quantized operators against MXNet: all integers are equal, and real numbers to the last bit."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module, import_graph, read_arrays
from gluon2torch.graph.operators import fused_layers, quantization
from gluon2torch.graph.summary import summarize
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet

from . import quantized as q
from .quantized import Maker, Rng, Sample

pytestmark = pytest.mark.mxnet
SAMPLES = 20
BYTES = (np.int8, np.uint8)


def shape_of(rng: Rng, least: int = 2) -> tuple[int, ...]:
    return tuple(int(each) for each in rng.integers(1, 7, rng.integers(least, 5)))


def either(rng: Rng, *choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def quantize_v2(rng: Rng) -> Sample:
    kind = either(rng, "int8", "uint8", "auto")
    attributes = {"out_type": kind, **either(rng, {}, q.calibration(rng), q.calibration(rng, 0.0))}
    data = 5 * q.reals(rng, *shape_of(rng))
    wrong = {"out_type": "int8" if kind == "uint8" else "uint8"}
    return Sample("_contrib_quantize_v2", attributes, {"data": data}, wrong=wrong)


def quantize(rng: Rng) -> Sample:
    kind = either(rng, "int8", "uint8")
    inputs = {"data": 5 * q.reals(rng, *shape_of(rng)), **q.ends(rng, "data")}
    wrong = {"out_type": "int8" if kind == "uint8" else "uint8"}
    return Sample("_contrib_quantize", {"out_type": kind}, inputs, wrong=wrong)


def requantize(rng: Rng) -> Sample:
    data = (q.reals(rng, *shape_of(rng)) * 2.0 ** rng.integers(5, 30)).astype(np.int32)
    kind = either(rng, "int8", "uint8", "auto")
    attributes = {"out_type": kind, **either(rng, {}, q.calibration(rng))}
    wrong = {"out_type": "int8" if kind == "uint8" else "uint8"}
    return Sample(
        "_contrib_requantize", attributes, {"data": data, **q.ends(rng, "data")}, wrong=wrong
    )


def one_input(op: str, attributes: dict[str, str], wrong: Any, outputs: int = 3) -> Maker:
    def make(rng: Rng) -> Sample:
        dtype = either(rng, *BYTES)
        inputs = {"data": q.integers(rng, dtype, *shape_of(rng, 3)), **q.ends(rng, "data", dtype)}
        return Sample(op, attributes, inputs, outputs=outputs, wrong=wrong)

    return make


def pooling(rng: Rng) -> Sample:
    dtype, kernel = either(rng, *BYTES), rng.integers(1, 4, 2)
    data = q.integers(rng, dtype, 2, int(rng.integers(1, 20)), *map(int, rng.integers(3, 12, 2)))
    kind = either(rng, "max", "avg")
    attributes = {
        "pool_type": kind,
        "kernel": str(tuple(map(int, kernel))),
        "stride": str(tuple(map(int, rng.integers(1, 4, 2)))),
        "pad": str(tuple(int(rng.integers(0, size // 2 + 1)) for size in kernel)),
        "count_include_pad": either(rng, "True", "False"),
        "global_pool": either(rng, "True", "False", "False"),
    }
    wrong = {"pool_type": "avg" if kind == "max" else "max"}
    inputs = {"data": data, **q.ends(rng, "data", dtype)}
    return Sample("_contrib_quantized_pooling", attributes, inputs, wrong=wrong)


def two_inputs(rng: Rng, dtypes: tuple[Any, Any]) -> dict[str, np.ndarray]:
    shape, (one, other) = shape_of(rng), dtypes
    values = {"lhs": q.integers(rng, one, *shape), "rhs": q.integers(rng, other, *shape)}
    return {**values, **q.ends(rng, "lhs", one), **q.ends(rng, "rhs", other)}


def concat(rng: Rng) -> Sample:
    inputs = two_inputs(rng, (either(rng, *BYTES), either(rng, *BYTES)))
    attributes = {"num_args": "2", "dim": "1"}
    return Sample("_contrib_quantized_concat", attributes, inputs, wrong={"dim": "0"})


def add(rng: Rng) -> Sample:
    inputs = two_inputs(rng, (either(rng, *BYTES), either(rng, *BYTES)))
    attributes = either(rng, {}, q.calibration(rng), q.calibration(rng, 0.0))
    wrong = {"min_calib_range": "-7", "max_calib_range": "9"}
    return Sample("_contrib_quantized_elemwise_add", attributes, inputs, wrong=wrong)


def multiply(rng: Rng) -> Sample:
    inputs = two_inputs(rng, (np.int8, np.int8))
    attributes = either(rng, {}, q.calibration(rng), {"enable_float_output": "True"})
    outputs = 1 if "enable_float_output" in attributes else 3
    wrong = {"min_calib_range": "-7", "max_calib_range": "9", "enable_float_output": "False"}
    return Sample(
        "_contrib_quantized_elemwise_mul", attributes, inputs, outputs=outputs, wrong=wrong
    )


def batch_norm(rng: Rng) -> Sample:
    dtype, channels = either(rng, *BYTES), int(rng.integers(1, 20))
    inputs = {"data": q.integers(rng, dtype, 2, channels, 5, 4)}
    arrays = {name: q.reals(rng, channels) for name in ("gamma", "beta", "moving_mean")}
    arrays["moving_var"] = rng.random(channels).astype(np.float32)
    attributes = {"eps": either(rng, "1e-5", "0.01"), "fix_gamma": either(rng, "True", "False")}
    return Sample(
        "_contrib_quantized_batch_norm",
        {**attributes, **q.calibration(rng)},
        {**inputs, **arrays, **q.ends(rng, "data", dtype)},
        frozenset(arrays),
        wrong={"eps": "0.05"},
    )


def embedding(rng: Rng) -> Sample:
    rows, width = int(rng.integers(2, 9)), int(rng.integers(1, 9))
    data = rng.integers(-2, rows + 2, shape_of(rng)).astype(np.float32)
    weight = {"weight": q.integers(rng, np.int8, rows, width)}
    attributes = {"input_dim": str(rows), "output_dim": str(width)}
    inputs = {"data": data, **weight, **q.ends(rng, "weight")}
    arrays = frozenset({"weight", "weight_min", "weight_max"})
    return Sample(
        "_contrib_quantized_embedding", attributes, inputs, arrays, wrong="_contrib_quantized_act"
    )


def geometry(
    rng: Rng, grouped: bool = True
) -> tuple[dict[str, str], tuple[int, ...], tuple[int, ...]]:
    """Attributes of a convolution, and the shapes of its data and its weight."""
    # odd: oneDNN's kernels for 8 channels saturate sums of pairs of products at 16 bits
    channels = 1 + 2 * int(rng.integers(10))
    groups, filters = 1, int(rng.integers(1, 30))
    if grouped and rng.random() < 0.3:
        groups, filters = channels, channels * int(rng.integers(1, 3))
    kernel = tuple(int(each) for each in rng.integers(1, 4, 2))
    attributes = {
        "kernel": str(kernel),
        "num_filter": str(filters),
        "num_group": str(groups),
        "stride": str(tuple(map(int, rng.integers(1, 3, 2)))),
        "pad": str(tuple(int(size > 1 and rng.integers(2)) for size in kernel)),
        "no_bias": either(rng, "True", "False"),
    }
    size = tuple(int(each) for each in rng.integers(4, 10, 2))
    return attributes, (2, channels, *size), (filters, channels // groups, *kernel)


def convolution(rng: Rng) -> Sample:
    attributes, data, weight = geometry(rng, grouped=False)
    inputs = {"data": q.integers(rng, np.uint8, *data), "weight": q.integers(rng, np.int8, *weight)}
    ends = {**q.ends(rng, "data", np.uint8), **q.ends(rng, "weight")}
    if attributes["no_bias"] == "False":
        inputs["bias"] = q.integers(rng, np.int8, weight[0])
        ends |= q.ends(rng, "bias")
    inputs |= ends
    arrays = frozenset(name for name in inputs if not name.startswith("data"))
    wrong = {"stride": "(3, 3)"}
    return Sample("_contrib_quantized_conv", attributes, inputs, arrays, wrong=wrong)


def fully_connected(rng: Rng) -> Sample:
    dtype, features, units = either(rng, *BYTES), either(rng, 3, 40, 5000), int(rng.integers(1, 9))
    inputs = {"data": q.integers(rng, dtype, 3, features)}
    inputs["weight"] = q.integers(rng, np.int8, units, features)
    ends = {**q.ends(rng, "data", dtype), **q.ends(rng, "weight")}
    attributes = {"num_hidden": str(units), "no_bias": either(rng, "True", "False")}
    if attributes["no_bias"] == "False":
        inputs["bias"] = q.integers(rng, np.int8, units)
        ends |= q.ends(rng, "bias")
    inputs |= ends
    arrays = frozenset(name for name in inputs if not name.startswith("data"))
    op = "_contrib_quantized_fully_connected"
    return Sample(op, attributes, inputs, arrays, wrong={"num_hidden": str(units + 1)})


def fused_convolution(rng: Rng) -> Sample:
    attributes, data, weight = geometry(rng)
    dtype, filters = either(rng, *BYTES), weight[0]
    inputs = {"data": q.integers(rng, dtype, *data), "weight": q.reals(rng, *weight)}
    count = 1
    if attributes["no_bias"] == "False":
        inputs["bias"], count = q.reals(rng, filters), 2
    norm, own = None, {"quantized": "true"}
    if rng.random() < 0.6:
        norm = ("BatchNorm", {"eps": "1e-05", "fix_gamma": either(rng, "True", "False")}, 4)
        own["with_bn"] = "true"
        inputs |= {name: q.reals(rng, filters) for name in ("gamma", "beta", "mean")}
        inputs["var"] = 0.1 + rng.random(filters).astype(np.float32)
    arrays, ends = frozenset(inputs) - {"data"}, q.ends(rng, "data", dtype)
    has_sum = rng.random() < 0.4
    activation = either(rng, None, q.RELU, *(() if has_sum else (q.LEAKY, q.RELU6)))
    after = q.RELU if has_sum and rng.random() < 0.5 else None
    own |= {"with_act": "true"} if activation else {}
    if has_sum:
        other, kernel = either(rng, *BYTES), json.loads(f"[{attributes['kernel'][1:-1]}]")
        stride, pad = (json.loads(f"[{attributes[key][1:-1]}]") for key in ("stride", "pad"))
        size = [
            (length + 2 * p - k) // s + 1
            for length, k, s, p in zip(data[2:], kernel, stride, pad, strict=True)
        ]
        inputs["other"] = q.integers(rng, other, 2, filters, *size)
        ends |= q.ends(rng, "other", other)
        own |= {"with_sum": "true"} | ({"with_postsum_act": "true"} if after else {})
    # MXNet itself crashes on sums without a calibrated range
    if has_sum or rng.random() < 0.7:
        own |= q.calibration(rng, 0.0 if after or (activation and not has_sum) else -5.0)
    parts = q.chain(
        ("Convolution", attributes, count),
        norm,
        (*activation, 0) if activation else None,
        ("elemwise_add", {}, 1) if has_sum else None,
        (*after, 0) if after else None,
    )
    wrong = {"min_calib_range": "-7", "max_calib_range": "9"}
    return Sample("_sg_mkldnn_conv", own, {**inputs, **ends}, arrays, wrong=wrong, subgraph=parts)


def fused_fully_connected(rng: Rng) -> Sample:
    dtype, features, units = either(rng, *BYTES), either(rng, 3, 40, 5000), int(rng.integers(1, 30))
    own, by_channel = {"quantized": "True"}, bool(rng.integers(2))
    mode = either(rng, "real", "calibrated", *(() if by_channel else ("int32",)))
    own |= {"real": {"enable_float_output": "True"}, "calibrated": q.calibration(rng)}.get(mode, {})
    activation = either(rng, None, q.RELU, q.LEAKY, q.RELU6, q.ABS)
    own |= {"with_eltwise": "True"} if activation else {}
    no_bias = bool(rng.integers(2))
    inputs, ends = {"data": q.integers(rng, dtype, 3, features)}, q.ends(rng, "data", dtype)
    if by_channel:
        own["channel_wise_quantize"] = "True"
        inputs["weight"] = q.reals(rng, units, features)
    else:
        inputs["weight"] = q.integers(rng, np.int8, units, features)
        ends |= q.ends(rng, "weight")
    if not no_bias:
        large = np.float32(either(rng, 1, 1, 1e8))  # such a bias overflows
        if by_channel:
            inputs["bias"] = q.reals(rng, units) * large
        else:
            inputs["bias"] = q.integers(rng, np.int8, units)
            ends |= {name: end * large for name, end in q.ends(rng, "bias").items()}
    inputs |= ends
    attributes = {"num_hidden": str(units), "no_bias": str(no_bias)}
    parts = q.chain(
        ("FullyConnected", attributes, 1 if no_bias else 2),
        (*activation, 0) if activation else None,
    )
    arrays = frozenset(name for name in inputs if not name.startswith("data"))
    outputs = 1 if mode == "real" else 3
    wrong = {"min_calib_range": "-7", "max_calib_range": "9", "enable_float_output": "False"}
    op = "_sg_mkldnn_fully_connected"
    return Sample(op, own, inputs, arrays, outputs, wrong, parts)


MAKERS: dict[str, Maker] = {
    "_contrib_quantize_v2": quantize_v2,
    "_contrib_quantize": quantize,
    "_contrib_requantize": requantize,
    "_contrib_dequantize": one_input("_contrib_dequantize", {}, "_contrib_quantized_act", 1),
    "_contrib_quantized_act": one_input(
        "_contrib_quantized_act", {"act_type": "relu"}, "_contrib_quantized_flatten"
    ),
    "_contrib_quantized_flatten": one_input(
        "_contrib_quantized_flatten", {"act_type": "relu"}, "_contrib_quantized_act"
    ),
    "_contrib_quantized_pooling": pooling,
    "_contrib_quantized_concat": concat,
    "_contrib_quantized_elemwise_add": add,
    "_contrib_quantized_elemwise_mul": multiply,
    "_contrib_quantized_batch_norm": batch_norm,
    "_contrib_quantized_embedding": embedding,
    "_contrib_quantized_conv": convolution,
    "_contrib_quantized_fully_connected": fully_connected,
    "_sg_mkldnn_conv": fused_convolution,
    "_sg_mkldnn_fully_connected": fused_fully_connected,
}


def equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("op", MAKERS)
def test_an_operator_is_mxnets_and_its_mutation_is_not(op: str) -> None:
    rng, noticed = np.random.default_rng(len(op)), 0
    for _ in range(SAMPLES):
        sample = MAKERS[op](rng)
        actual = q.by_torch(sample)  # first: MXNet changes weights whose bias overflows
        try:
            wrong: list[np.ndarray] = q.by_torch(sample.mutated())
        except (GraphError, RuntimeError, IndexError):
            wrong = []
        expected = q.by_mxnet(sample.symbol(), sample.inputs)
        assert equal(actual, expected), sample
        noticed += not equal(wrong, expected)
    assert noticed > SAMPLES / 2


def test_every_operator_has_samples() -> None:
    assert set(MAKERS) == {*quantization.OPERATORS, *fused_layers.OPERATORS}


def test_gelu_of_real_numbers_is_mxnets() -> None:
    rng = np.random.default_rng(0)
    inputs = {"data": q.integers(rng, np.uint8, 3, 40), "weight": q.integers(rng, np.int8, 9, 40)}
    inputs |= {**q.ends(rng, "data", np.uint8), **q.ends(rng, "weight")}
    parts = q.chain(("FullyConnected", {"num_hidden": "9", "no_bias": "True"}, 1), (*q.GELU, 0))
    own = {"quantized": "True", "with_eltwise": "True", "enable_float_output": "True"}
    arrays = frozenset({"weight", "weight_min", "weight_max"})
    sample = Sample("_sg_mkldnn_fully_connected", own, inputs, arrays, 1, subgraph=parts)
    (actual,), (expected,) = q.by_torch(sample), q.by_mxnet(sample.symbol(), inputs)
    assert np.abs(actual - expected).max() <= 1e-6 * np.abs(expected).max()


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ResNet-18, quantized and exported: the prefix of its files."""
    prefix = tmp_path_factory.mktemp("quantized") / "net"
    q.export_quantized(q.random_network("resnet18_v1", 64), 64, prefix)
    return prefix


def files(prefix: Path) -> tuple[str, str]:
    return f"{prefix}-symbol.json", f"{prefix}-0000.params"


def assert_all_heads_equal(prefix: Path, size: int, folder: Path) -> None:
    """All values in a network, and its result, are MXNet's to the last bit."""
    mx = import_mxnet()
    network = mx.sym.load(files(prefix)[0])
    whole = network.get_internals()
    names = [name for name in whole.list_outputs() if "quantized_" in name or "quantize_" in name]
    heads = [whole[name] for name in names if not name.startswith(("resnet", "mobilenet"))]
    graph = mx.sym.Group([*heads, network])
    graph.save(str(folder / "heads.json"))
    arrays = read_arrays(files(prefix)[1])
    data = np.random.default_rng(5).standard_normal((2, 3, size, size)).astype(np.float32)
    module = build_module(read_symbol(folder / "heads.json"), arrays)
    with torch.inference_mode():
        actual = [each.numpy() for each in module(torch.from_numpy(data))]
    expected = q.by_mxnet(graph.tojson(), {"data": data, **arrays}, gradient=True)
    kinds = {each.dtype.name for each in expected}
    assert len(actual) == len(heads) + 1 > 60
    assert kinds >= {"int8", "uint8", "float32"}
    assert all(len(np.unique(each)) > 3 for each in expected if each.dtype.kind != "f")
    assert equal(actual, expected)


def test_resnet_18_is_mxnets_in_all_its_values(resnet: Path, tmp_path: Path) -> None:
    assert_all_heads_equal(resnet, 64, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet50_v1", {}),
        ("resnet50_v1", {"quantize_granularity": "channel-wise"}),
        ("mobilenet1.0", {}),
        ("mobilenetv2_1.0", {"quantized_dtype": "int8"}),
        ("resnet18_v1", {"calib_mode": "entropy"}),
        ("resnet18_v1", {"quantize_mode": "smart"}),
    ],
)
def test_a_network_is_mxnets_in_all_its_values(
    name: str, options: dict[str, str], tmp_path: Path
) -> None:
    q.export_quantized(q.random_network(name, 64), 64, tmp_path / "net", **options)
    assert_all_heads_equal(tmp_path / "net", 64, tmp_path)


def test_a_quantized_network_is_exported_copied_and_pickled(tmp_path: Path) -> None:
    q.export_quantized(q.small_network(), 9, tmp_path / "net")
    module = import_graph(*files(tmp_path / "net"))
    data = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = module(data)
        program = torch.export.export(module, (data,)).module()
        for other in (program, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert torch.equal(other(data), expected)
        assert torch.equal(module.double()(data.double()), expected.double())
        assert module(data[:1].double()).shape == (1, 4)


def test_a_quantized_network_is_summarized(resnet: Path) -> None:
    summary = summarize(read_symbol(files(resnet)[0]))
    assert summary.operators["_sg_mkldnn_conv"] == 20
    assert summary.inputs == ("data",)
    assert not summary.unsupported
    assert summary.limits == {"float32": 1e-6}
    assert set(summary.arrays) == set(read_arrays(files(resnet)[1]))


def refusal(sample: Sample) -> str:
    with pytest.raises(GraphError) as caught:
        q.by_torch(sample)
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "changes", "problem"),
    [
        (fused_convolution, {"with_dedup": "True"}, "with_dedup='True' is not supported"),
        (fused_convolution, {"min_calib_range": "x", "max_calib_range": "1"}, "is not a number"),
        (quantize_v2, {"out_type": "int4"}, "out_type='int4' is not supported"),
        (
            quantize_v2,
            {"min_calib_range": "0", "max_calib_range": "0"},
            "its calibrated range is empty",
        ),
        (batch_norm, {"min_calib_range": "None"}, "is not calibrated"),
        (batch_norm, {"axis": "2"}, "axis='2' is not supported"),
        (fully_connected, {"num_hidden": "99"}, "not \\(num_hidden"),
        (convolution, {"num_filter": "77"}, "expected \\(77"),
        (embedding, {"input_dim": "99"}, "not \\(input_dim, output_dim\\)"),
        (concat, {"num_args": "3"}, "has 6 inputs; expected 9"),
        (pooling, {"pool_type": "sum"}, "pool_type='sum' is not supported"),
    ],
)
def test_what_is_not_supported_is_refused(
    make: Maker, changes: dict[str, str], problem: str
) -> None:
    sample = make(np.random.default_rng(0))
    changed = Sample(**{**vars(sample), "attributes": {**sample.attributes, **changes}})
    assert re.search(problem, refusal(changed))


@pytest.mark.parametrize("part", [q.GELU, ("Activation", {"act_type": "tanh"}), ("Dropout", {})])
def test_parts_that_a_convolution_cannot_have_are_refused(part: tuple[str, dict[str, str]]) -> None:
    rng = np.random.default_rng(0)
    inputs = {"data": q.integers(rng, np.uint8, 1, 2, 4, 4), "weight": q.reals(rng, 3, 2, 1, 1)}
    attributes = {"kernel": "(1, 1)", "num_filter": "3", "no_bias": "True"}
    parts = q.chain(("Convolution", attributes, 1), (*part, 0))
    inputs |= q.ends(rng, "data", np.uint8)
    own = {"quantized": "true", "with_act": "true"}
    sample = Sample("_sg_mkldnn_conv", own, inputs, frozenset({"weight"}), subgraph=parts)
    assert "supported" in refusal(sample)
    empty = Sample("_sg_mkldnn_conv", own, inputs, frozenset({"weight"}))
    assert "does not contain the layers" in refusal(empty)


def test_fused_nodes_of_real_numbers_are_the_layers_they_stand_for() -> None:
    sym = import_mxnet().sym
    data = sym.Convolution(sym.var("data"), kernel=(3, 3), pad=(1, 1), num_filter=4, name="stem")
    layer = sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=4, name="conv")
    layer = sym.Activation(data + sym.BatchNorm(layer, name="norm"), act_type="relu", name="relu")
    output = sym.LeakyReLU(sym.FullyConnected(layer, num_hidden=5, name="fc"), name="leaky")
    rng = np.random.default_rng(0)
    shapes, _, states = output.infer_shape(data=(2, 2, 6, 6))
    named = zip(output.list_arguments(), shapes, strict=True)
    arrays = {name: q.reals(rng, *shape) for name, shape in named if name != "data"}
    named = zip(output.list_auxiliary_states(), states, strict=True)
    arrays |= {name: rng.random(shape).astype(np.float32) for name, shape in named}
    plain = build_module(parse_symbol(output.tojson().encode(), "plain"), arrays)
    table = output.get_backend_symbol("MKLDNN").tojson()
    assert {node["op"] for node in json.loads(table)["nodes"]} == {
        *("null", "_sg_mkldnn_conv", "_sg_mkldnn_fully_connected")
    }
    fused = build_module(parse_symbol(table.encode(), "fused"), arrays)
    assert [type(each) for each in fused.children()] == [type(each) for each in plain.children()]
    assert {name for name, _ in fused.named_modules()} == {n for n, _ in plain.named_modules()}
    images = torch.from_numpy(q.reals(rng, 2, 2, 6, 6))
    assert torch.equal(fused(images), plain(images))
