"""The float networks that quantized graphs stand for."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from gluon2torch.cli import main
from gluon2torch.errors import ConversionError, GraphError
from gluon2torch.graph.dequantization import dequantized
from gluon2torch.graph.importer import build_module, import_graph, read_arrays
from gluon2torch.graph.operators.quantization import OPERATORS
from gluon2torch.graph.summary import summarize
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.graph.symbols.symbol_writer import symbol_json
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

from . import quantized as q
from .fuzz.wrong_attributes import VALUES
from .test_graph_quantization import MAKERS, files

pytestmark = pytest.mark.mxnet
SIZE = 64


@pytest.fixture(scope="module")
def network() -> Any:
    network = q.random_network("resnet18_v1", SIZE)
    network.hybridize()
    return network


@pytest.fixture(scope="module", params=["tensor-wise", "channel-wise"])
def prefix(
    request: pytest.FixtureRequest, network: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("quantized") / "net"
    q.export_quantized(network, SIZE, path, quantize_granularity=request.param)
    return path


def test_the_float_network_is_close_to_the_original(prefix: Path, network: Any) -> None:
    images = np.random.default_rng(5).standard_normal((2, 3, SIZE, SIZE)).astype(np.float32)
    original = network(import_mxnet().nd.array(images)).asnumpy()
    module = import_graph(*files(prefix), dequantize=True)
    with torch.inference_mode():
        actual = module(torch.from_numpy(images)).numpy()
    assert 1e-5 < np.abs(actual - original).max() / np.abs(original).max() < 0.01
    kinds = {type(each) for each in module.children()}
    assert kinds == {nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Linear}
    assert isinstance(module.get_submodule("stage3_conv2"), nn.Conv2d)


def test_weights_are_integers_times_their_scales(prefix: Path) -> None:
    arrays = read_arrays(files(prefix)[1])
    module = import_graph(*files(prefix), dtype="float64", dequantize=True)
    weight = module.get_submodule("stage1_conv0").weight.detach().numpy()
    (name,) = (key for key in arrays if key.endswith("stage1_conv0_weight"))
    stem = name.removesuffix("conv0_weight") + "batchnorm0_"
    gamma, variance = (arrays[stem + key].astype(np.float64) for key in ("gamma", "running_var"))
    factor = (gamma / np.sqrt(variance + 1e-5)).astype(np.float32)
    folded = arrays[name] * factor[:, None, None, None]
    for channel, original in zip(weight, folded, strict=True):
        step = np.float64(np.float32(1) / (np.float32(127.5) / np.abs(original).max()))
        whole = np.rint(channel / step)
        assert (channel == whole * step).all()
        assert set(np.unique(whole)) <= set(range(-128, 128))
        assert np.abs(channel - original).max() <= 0.51 * step or np.abs(whole).max() >= 127
    head = module.get_submodule("dense0").weight.detach().numpy()
    stored = {key: array for key, array in arrays.items() if "dense0_weight" in key}
    if len(stored) == 3:  # the whole layer has one scale, and the file contains integers
        (whole,) = (array for array in stored.values() if array.dtype == np.int8)
        step = max(np.abs(array).max() for array in stored.values() if array.size == 1) / 127
        assert (head == whole * np.float64(np.float32(step))).all()


def test_conversion_of_the_float_network_is_proved(prefix: Path, tmp_path: Path) -> None:
    record = convert_graph(*files(prefix), out=tmp_path, sizes=[(SIZE, SIZE)], dequantize=True)
    assert record.parity.reference == "gluon"
    assert record.parity.passed
    # those of the file, which is quantized
    assert record.operators["_sg_mkldnn_conv"] == 20
    assert record.operators == summarize(read_symbol(record.symbol)).operators
    assert {check.dtype for check in record.parity.checks} == {"float64", "float32"}


def test_conversion_of_a_quantized_network_is_proved(tmp_path: Path) -> None:
    prefix = tmp_path / "net"
    q.export_quantized(q.small_network(), 9, prefix)
    record = convert_graph(*files(prefix), out=tmp_path, sizes=[(9, 9)])
    assert record.parity.passed
    assert record.operators["_sg_mkldnn_conv"] == 2
    assert all(check.dtype == "float32" and check.max_rel == 0 for check in record.parity.checks)
    program = torch.export.load(record.file).module()
    data = torch.randn(3, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(program(data), import_graph(*files(prefix))(data))


def unfused_network() -> tuple[Any, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A float network, its arrays, and its running statistics, with one of each operator."""
    sym, rng = import_mxnet().sym, np.random.default_rng(0)
    stem = sym.Convolution(sym.var("data"), kernel=(3, 3), pad=(1, 1), num_filter=6, name="stem")
    norm = sym.BatchNorm(stem, fix_gamma=False, eps=1e-3, name="norm")
    relu = sym.Activation(norm, act_type="relu", name="relu")
    joined = sym.Concat(relu, stem, dim=1, name="joined")
    pooled = sym.Pooling(joined, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pooled")
    total = sym.elemwise_add(pooled, pooled * 1, name="total")
    product = sym.elemwise_mul(total, pooled, name="product")
    output = sym.FullyConnected(sym.Flatten(product, name="flat"), num_hidden=5, name="head")
    shapes, _, states = output.infer_shape(data=(2, 3, 8, 8))
    named = zip(output.list_arguments(), shapes, strict=True)
    arrays = {name: q.reals(rng, *shape) for name, shape in named if name != "data"}
    named = zip(output.list_auxiliary_states(), states, strict=True)
    return output, arrays, {name: 0.5 + np.float32(rng.random(shape)) for name, shape in named}


def test_operators_that_are_not_fused_become_their_layers() -> None:
    mx = import_mxnet()
    from mxnet.contrib.quantization import quantize_model

    network, arrays, states = unfused_network()
    given, other = (
        {name: mx.nd.array(array) for name, array in each.items()} for each in (arrays, states)
    )
    with legacy_names():
        symbol, stored, other = quantize_model(
            network, given, other, calib_mode="none", label_names=None, quantize_mode="full"
        )
    found = {node["op"] for node in json.loads(symbol.tojson())["nodes"]}
    kinds = ("conv", "batch_norm", "act", "concat", "pooling", "elemwise_add", "elemwise_mul")
    kinds += ("flatten", "fully_connected")
    assert found >= {f"_contrib_quantized_{kind}" for kind in kinds}
    quantized = {name: array.asnumpy() for name, array in {**stored, **other}.items()}
    graph, floats = dequantized(parse_symbol(symbol.tojson().encode(), "net"), quantized)
    module = build_module(graph, floats, dtype="float64")
    plain = parse_symbol(network.tojson().encode(), "net")
    original = build_module(plain, {**arrays, **states}, dtype="float64")
    names = {name for name, _ in module.named_modules()}
    assert names == {name for name, _ in original.named_modules()}
    data = torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, actual = original(data), module(data)
    assert 1e-5 < ((actual - expected).abs().max() / expected.abs().max()).item() < 0.02


def test_an_embedding_becomes_its_table() -> None:
    sample = MAKERS["_contrib_quantized_embedding"](np.random.default_rng(0))
    arrays = {name: sample.inputs[name] for name in sample.arrays}
    table = json.loads(sample.symbol())
    table["nodes"].append({"op": "_contrib_dequantize", "name": "real"})
    table["nodes"][-1]["inputs"] = [[4, output, 0] for output in range(3)]
    table["heads"] = [[5, 0, 0]]
    graph, floats = dequantized(parse_symbol(json.dumps(table).encode(), "net"), arrays)
    size = max(abs(float(arrays[f"weight_{end}"][0])) for end in ("min", "max"))
    step = np.float64(np.float32(size) / np.float32(127))
    assert (floats["weight"] == arrays["weight"] * step).all()
    places = torch.tensor([[0.0, 1.0]])
    rows = build_module(graph, floats, dtype="float64")(places)
    assert torch.equal(rows[0], torch.from_numpy(floats["weight"][:2]))


def test_what_cannot_be_dequantized_is_refused() -> None:
    network, arrays, states = unfused_network()
    plain = parse_symbol(network.tojson().encode(), "net")
    with pytest.raises(GraphError, match="is not quantized"):
        dequantized(plain, {**arrays, **states})
    sample = MAKERS["_contrib_quantize_v2"](np.random.default_rng(0))
    with pytest.raises(GraphError, match="the range of its result is used"):
        dequantized(parse_symbol(sample.symbol().encode(), "net"), {})
    sample = MAKERS["_contrib_quantized_conv"](np.random.default_rng(0))
    with pytest.raises(GraphError, match="is not an array of the .params file"):
        dequantized(parse_symbol(sample.symbol().encode(), "net"), {})


def test_every_quantized_operator_is_replaced() -> None:
    from gluon2torch.graph.dequantization import CONVERSIONS, LAYERS_OF_INTEGERS

    assert {*CONVERSIONS, *LAYERS_OF_INTEGERS} == set(OPERATORS)


def test_a_written_graph_is_the_same(prefix: Path) -> None:
    graph = read_symbol(files(prefix)[0])
    again = parse_symbol(symbol_json(graph).encode(), graph.where)
    assert again.nodes == graph.nodes
    assert again.heads == graph.heads


def test_the_option_is_for_graphs() -> None:
    result = CliRunner().invoke(main, ["convert", "resnet18_v1", "--dequantize"])
    assert result.exit_code == 2
    assert "--dequantize applies to exported graphs: give one with --symbol." in result.output


def test_the_option_converts_the_float_network(prefix: Path, tmp_path: Path) -> None:
    symbol, params = files(prefix)
    arguments = ["convert", "--symbol", symbol, "--params", params, "--dequantize"]
    arguments += ["--size", f"{SIZE}x{SIZE}", "--reference", "none", "-o", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    (file,) = tmp_path.glob("*.json")
    assert json.loads(file.read_text())["operators"]["Convolution"] == 20


def spoiled(rng: random.Random, sample: q.Sample) -> tuple[dict[str, Any], q.Arrays]:
    """A node's graph and its arrays with up to three things wrong in them."""
    table: dict[str, Any] = json.loads(sample.symbol())
    arrays = {name: sample.inputs[name] for name in sample.arrays}
    node = table["nodes"][-1]
    parts = [each for graph in node.get("subgraphs", []) for each in graph["nodes"]]
    for _ in range(rng.randint(1, 3)):
        kind, changed = rng.random(), rng.choice([node, *parts])
        attributes = changed.get("attrs") or {"quantized": "True"}
        if kind < 0.5:
            changed["attrs"] = {**attributes, rng.choice(list(attributes)): rng.choice(VALUES)}
        elif kind < 0.6 and changed["op"] != "null":
            changed["op"] = rng.choice([*MAKERS, "Activation", "Convolution", "elemwise_add"])
        elif kind < 0.85 and arrays:
            name = rng.choice(list(arrays))
            few = arrays[name].reshape(-1)[: rng.randint(0, 5)]
            arrays[name] = rng.choice([few, arrays[name][None], arrays[name].astype(np.int32)])
        else:
            more = [[0, 0, 0]] * rng.randint(0, 3)
            node["inputs"] = node["inputs"][: rng.randint(0, len(node["inputs"]))] + more
    return table, arrays


def test_spoiled_nodes_are_imported_or_refused() -> None:
    rng, numbers = random.Random(0), np.random.default_rng(0)
    samples = [make(numbers) for make in MAKERS.values() for _ in range(4)]
    refused = 0
    for _ in range(1500):
        table, arrays = spoiled(rng, rng.choice(samples))
        for change in (lambda *given: given, dequantized):
            try:
                build_module(*change(parse_symbol(json.dumps(table).encode(), "net"), arrays))
            except ConversionError:
                refused += 1
    assert refused > 1500
