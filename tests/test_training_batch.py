"""A training batch in a graph: replaced where the graph shows what it is, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.errors import ParityError
from gluon2torch.graph.importer import build_module, read_arrays
from gluon2torch.graph.inputs import training_batch as batches
from gluon2torch.graph.inputs.training_batch import inference_graph, replaced_batch, training_batch
from gluon2torch.graph.symbols.precision import EXACT
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.mxnet_compat import import_mxnet

from .exported import export_symbol
from .test_graph_reader import variable

pytestmark = pytest.mark.mxnet
BATCH = 4


def data(mx: Any, batch: int | None = None) -> Any:
    return mx.sym.var("data", **({} if batch is None else {"shape": (batch, 3, 8, 8)}))


def features(mx: Any, images: Any) -> Any:
    layer = mx.sym.Convolution(images, kernel=(3, 3), num_filter=12, stride=(2, 2), name="conv")
    return mx.sym.Activation(layer, act_type="relu")


def age(mx: Any, images: Any = None, label: Any = None) -> Any:
    """A head of classes for each of two tasks, with labels of a training batch."""
    images = data(mx) if images is None else images
    label = mx.sym.var("label") if label is None else label
    layer = mx.sym.FullyConnected(features(mx, images), num_hidden=10, name="fc")
    parts = mx.sym.Reshape(layer, shape=(BATCH, 2, 5))
    first = mx.sym.Reshape(mx.sym.slice_axis(label, axis=1, begin=0, end=2), shape=(BATCH, 2))
    return mx.sym.SoftmaxOutput(mx.sym.transpose(parts, axes=(0, 2, 1)), first, multi_output=True)


def of_data(mx: Any) -> Any:
    """The batch in the shape of the input; and a value that has it behind other operators."""
    layer = features(mx, data(mx, BATCH))
    parts = mx.sym.SliceChannel(layer, num_outputs=2, name="parts")
    joined = mx.sym.Concat(parts[1], mx.sym.Flatten(parts[0]).reshape((0, 6, 3, 3)), dim=1)
    rows = mx.sym.expand_dims(mx.sym.mean(joined, axis=(2, 3)), axis=1)
    return mx.sym.FullyConnected(mx.sym.Reshape(rows, shape=(BATCH, -1)), num_hidden=3, name="fc")


def exported(symbol: Any, folder: Path, **shapes: tuple[int, ...]) -> tuple[Path, Path]:
    shapes = {"data": (BATCH, 3, 8, 8), **shapes}
    return export_symbol(symbol, folder / "net", shapes)


def compare(symbol: Any, paths: tuple[Path, Path], labels: dict[str, Any]) -> None:
    """MXNet computes the training batch; the module computes it, and each example alone."""
    mx = import_mxnet()
    images = np.random.default_rng(1).standard_normal((BATCH, 3, 8, 8))
    values = {**read_arrays(paths[1]), **labels, "data": images}
    inputs = [mx.nd.array(values[name], dtype="float64") for name in symbol.list_inputs()]
    expected = mx.nd.CachedOp(symbol)(*inputs).asnumpy()
    graph = read_symbol(paths[0])
    module = build_module(graph, read_arrays(paths[1]), dtype="float64")
    with torch.inference_mode():
        whole = module(torch.from_numpy(images)).numpy()
        single = np.concatenate([module(torch.from_numpy(each[None])).numpy() for each in images])
    for actual in (whole, single):
        assert actual.shape == expected.shape
        assert np.abs(actual - expected).max() <= EXACT * np.abs(expected).max()


@pytest.mark.parametrize(("make", "labels"), [(age, {"label": np.ones((BATCH, 3))}), (of_data, {})])
def test_it_is_any_batch_where_the_graph_shows_it(
    make: Callable[[Any], Any], labels: dict[str, Any], tmp_path: Path
) -> None:
    symbol = make(import_mxnet())
    paths = exported(symbol, tmp_path, **{name: value.shape for name, value in labels.items()})
    assert replaced_batch(read_symbol(paths[0])) == BATCH
    compare(symbol, paths, labels)


def test_a_conversion_proves_the_training_batch_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = exported(age(import_mxnet()), tmp_path, label=(BATCH, 3))
    record = convert_graph(*paths, out=tmp_path, sizes=[(8, 8)])
    assert {check.input for check in record.parity.checks} == {"4x3x8x8"}
    assert record.inputs[0].shape == (None, 3, 8, 8)
    assert record.notes == (
        "4 in the graph's Reshape nodes is its training batch; any size replaces it",
    )
    assert torch.export.load(record.file).module()(torch.zeros(7, 3, 8, 8)).shape == (7, 5, 2)
    given = convert_graph(*paths, out=tmp_path, inputs={"data": (1, 3, 8, 8)})
    assert given.sha256 == record.sha256
    assert {check.input for check in given.parity.checks} == {"4x3x8x8"}
    # a wrong replacement is caught: the sizes after it are others
    original = batches._codes
    monkeypatch.setattr(batches, "_codes", lambda node: original(node)[:1] + original(node)[:0:-1])
    with pytest.raises(ParityError):
        convert_graph(*paths, out=tmp_path, sizes=[(8, 8)])


def graph_of(symbol: Any) -> Any:
    return parse_symbol(symbol.tojson().encode(), "net")


def test_the_evidence() -> None:
    mx = import_mxnet()
    cases: list[tuple[Any, int | None]] = [
        (age(mx), BATCH),
        (age(mx, data(mx, BATCH)), BATCH),
        (age(mx, data(mx, 9)), 9),  # the input's shape comes first
        (age(mx, label=mx.sym.var("label", shape=(BATCH, 3))), BATCH),
        (age(mx, label=mx.sym.var("label", shape=(9, 3))), None),  # 9, and 4 in a Reshape
        (mx.sym.Reshape(data(mx), shape=(BATCH, -1)), None),  # a number alone
        (mx.sym.Reshape(data(mx, 0), shape=(BATCH, -1)), None),
        (mx.sym.Reshape(data(mx, 1), shape=(1, -1)), None),  # of one image, it is no batch
        (mx.sym.var("data", shape=(BATCH, 5), __layout__="TNC") * 2, None),
    ]
    for symbol, expected in cases:
        assert training_batch(graph_of(symbol)) == expected


def reshaped(mx: Any, value: Callable[[Any], Any], shape: tuple[int, ...], **options: Any) -> Any:
    """A graph whose input says what the batch is, and one Reshape of a value computed from it."""
    return mx.sym.Reshape(value(data(mx, BATCH)), shape=shape, **options)


def test_what_is_not_the_batch_is_left() -> None:
    """The counter-examples: the same number, of another axis."""
    mx = import_mxnet()
    constant = mx.sym.var("table", shape=(BATCH, 6), init=mx.init.One())
    kept = (BATCH, -1)
    symbols = [
        reshaped(mx, lambda x: mx.sym.transpose(x, axes=(1, 0, 2, 3)), kept),
        reshaped(mx, lambda x: mx.sym.SwapAxis(x, dim1=0, dim2=1), kept),
        reshaped(mx, lambda x: mx.sym.Reshape(x, shape=(-1, 8)), kept),
        reshaped(mx, lambda x: mx.sym.expand_dims(x, axis=0), kept),
        reshaped(mx, lambda x: mx.sym.sum(x, axis=0), kept),
        reshaped(mx, lambda x: mx.sym.sum(x, axis=1, exclude=True), kept),
        reshaped(mx, lambda x: mx.sym.slice(x, begin=(0,), end=(2,)), kept),
        reshaped(mx, lambda x: mx.sym.SliceChannel(x, axis=0, num_outputs=2)[0], kept),
        reshaped(mx, lambda x: mx.sym.Concat(x, x, dim=0), kept),
        reshaped(mx, lambda x: x, (-1, BATCH)),
        reshaped(mx, lambda x: x, (8, -1)),
        reshaped(mx, lambda x: x, (BATCH, -1), reverse=True),
        data(mx, BATCH).reshape((0, -1)) + mx.sym.Reshape(constant, shape=kept),
    ]
    for symbol in symbols:
        graph = graph_of(symbol)
        assert training_batch(graph) == BATCH
        assert replaced_batch(graph) is None
        assert inference_graph(graph) == graph
    assert replaced_batch(graph_of(reshaped(mx, lambda x: x * 2, kept))) == BATCH


def test_attributes_that_are_invalid_are_left_to_the_importer() -> None:
    table = {
        "nodes": [
            {**variable("data"), "attrs": {"__shape__": "(4, x)"}},
            {"op": "Reshape", "name": "r", "attrs": {"shape": "(4, y)"}, "inputs": [[0, 0]]},
        ],
        "heads": [[1, 0]],
    }
    assert training_batch(parse_symbol(json.dumps(table).encode(), "net")) is None
    table["nodes"][0]["attrs"] = {"__shape__": "(4, 2)"}
    assert replaced_batch(parse_symbol(json.dumps(table).encode(), "net")) is None
