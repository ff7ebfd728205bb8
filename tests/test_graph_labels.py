"""Labels: what only training uses is no part of the imported network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch import import_graph
from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module, read_arrays
from gluon2torch.graph.symbols.labels import WITH_LABELS, label_nodes, without_labels
from gluon2torch.graph.symbols.precision import EXACT
from gluon2torch.graph.symbols.roles import roles
from gluon2torch.graph.symbols.symbol import Graph, parse_symbol, read_symbol
from gluon2torch.parity.exported_reference import ExportedReference
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params

from .mxnet_run import run_by_mxnet

RNG = np.random.default_rng(0)
DATA = RNG.standard_normal((4, 5))
ARRAYS = {"fc_weight": RNG.standard_normal((6, 5)), "fc_bias": RNG.standard_normal(6)}


def graph_of(symbol: Any) -> Graph:
    return parse_symbol(symbol.tojson().encode(), "net")


def expected(
    symbol: Any, arrays: dict[str, np.ndarray], labels: dict[str, Any]
) -> list[np.ndarray]:
    """What MXNet computes in inference with the graph as it is, and these labels."""
    return run_by_mxnet(symbol, {"data": DATA, **arrays, **labels}, "float64")


def computed(symbol: Any, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    module = build_module(graph_of(symbol), arrays, dtype="float64")
    result = module(torch.from_numpy(DATA))
    return [each.detach().numpy() for each in (result if isinstance(result, tuple) else (result,))]


def layer(mx: Any, data: Any = None) -> Any:
    data = mx.sym.var("data") if data is None else data
    return mx.sym.FullyConnected(data, num_hidden=6, name="fc")


def column(mx: Any, label: Any, number: int) -> Any:
    """One column of a label for several tasks, as networks for faces take it."""
    part = mx.sym.slice_axis(label, axis=1, begin=number, end=number + 1)
    return mx.sym.Reshape(part, shape=(4,))


def plain(mx: Any) -> Any:
    return mx.sym.SoftmaxOutput(layer(mx), name="softmax")


def several_tasks(mx: Any) -> Any:
    features, label = layer(mx), mx.sym.var("label", shape=(4, 2))
    first = mx.sym.slice_axis(features, axis=1, begin=0, end=2)
    rest = mx.sym.slice_axis(features, axis=1, begin=2, end=None)
    return mx.sym.Group(
        [
            mx.sym.SoftmaxOutput(first, column(mx, label, 0), name="gender"),
            mx.sym.SoftmaxOutput(rest, column(mx, label, 1), name="age"),
        ]
    )


def split_and_cast(mx: Any) -> Any:
    parts = mx.sym.SliceChannel(mx.sym.var("labels"), num_outputs=2, name="parts")
    label = mx.sym.cast(mx.sym.one_hot(mx.sym.Reshape(parts[1], shape=(-1,)), 6), "float64")
    return mx.sym.LinearRegressionOutput(layer(mx), label, name="out")


def reconstruction(mx: Any) -> Any:
    """An autoencoder, whose label is its input."""
    data = mx.sym.var("data")
    decoded = mx.sym.FullyConnected(layer(mx, data), num_hidden=5, name="out")
    return mx.sym.LinearRegressionOutput(decoded, mx.sym.Flatten(data), name="loss")


LABEL = np.array([[0, 3], [1, 2], [1, 0], [0, 1.0]])
OUT = {"out_weight": RNG.standard_normal((5, 6)), "out_bias": RNG.standard_normal(5)}
CASES: list[tuple[Callable[[Any], Any], dict[str, Any], dict[str, Any]]] = [
    (plain, {}, {"softmax_label": LABEL[:, 1]}),
    (several_tasks, {}, {"label": LABEL}),
    (split_and_cast, {}, {"labels": LABEL}),
    (reconstruction, OUT, {}),
]


@pytest.mark.mxnet
@pytest.mark.parametrize(("make", "more", "labels"), CASES)
def test_outputs_are_those_of_mxnet_with_any_label(
    make: Callable[[Any], Any], more: dict[str, Any], labels: dict[str, Any]
) -> None:
    symbol, arrays = make(import_mxnet()), {**ARRAYS, **more}
    found = roles(graph_of(symbol))
    assert (found.inputs, found.labels) == (("data",), tuple(labels))
    actual = computed(symbol, arrays)
    for other in (labels, {name: value + 1 for name, value in labels.items()}):
        for one, two in zip(actual, expected(symbol, arrays, other), strict=True):
            assert np.abs(one - two).max() <= EXACT * np.abs(two).max()


@pytest.mark.mxnet
@pytest.mark.parametrize("op", sorted(WITH_LABELS - {"WarpCTC"}))
def test_mxnets_output_layers_ignore_their_labels(op: str) -> None:
    """The rule itself; of all operators with a label, those that are not listed depend on it."""
    mx = import_mxnet()
    single = op.startswith(("S",))
    label = LABEL[:, 1] if single else RNG.standard_normal((4, 6))
    node = {"op": op, "name": "out", "inputs": [[0, 0, 0], [1, 0, 0]]}
    variables = [{"op": "null", "name": name, "inputs": []} for name in ("data", "label")]
    table = {"nodes": [*variables, node], "arg_nodes": [0, 1], "heads": [[2, 0, 0]]}
    symbol = mx.nd.CachedOp(mx.sym.load_json(json.dumps(table)))
    data = RNG.standard_normal((4, 6))
    one, two = (
        symbol(mx.nd.array(data, dtype="float64"), mx.nd.array(each, dtype="float64")).asnumpy()
        for each in (label, label * 0 + 1)
    )
    assert np.array_equal(one, two)


@pytest.mark.mxnet
def test_a_label_that_a_head_depends_on_is_an_input() -> None:
    mx = import_mxnet()
    features, label = layer(mx), mx.sym.var("label")
    loss = mx.sym.MakeLoss(mx.sym.square(features - label))
    output = mx.sym.LinearRegressionOutput(features, label)
    for symbol in (loss, mx.sym.Group([output, label]), mx.sym.Group([output, loss])):
        found = roles(graph_of(symbol))
        assert (found.inputs, found.labels) == (("data", "label"), ())
    label = RNG.standard_normal((4, 6))
    module = build_module(graph_of(loss), ARRAYS, dtype="float64")
    (wanted,) = expected(loss, ARRAYS, {"label": label})
    actual = module(torch.from_numpy(DATA), torch.from_numpy(label)).detach().numpy()
    assert np.abs(actual - wanted).max() <= EXACT * np.abs(wanted).max()


@pytest.mark.mxnet
def test_the_reference_needs_no_shapes_of_labels(tmp_path: Path) -> None:
    """MXNet itself cannot infer the shape of a label behind `slice_axis`, or at another batch."""
    mx = import_mxnet()
    symbol = several_tasks(mx)
    with pytest.raises(mx.MXNetError, match=r"Provided = \[4\], inferred shape=\[3\]"):
        symbol.infer_shape(data=(3, 5), label=(3, 2))
    symbol.save(str(tmp_path / "net-symbol.json"))
    reference = ExportedReference(tmp_path / "net-symbol.json", ARRAYS)
    reference.cast("float64")
    outputs = reference({"data": DATA[:3]})
    for one, two in zip(outputs.values(), computed(symbol, ARRAYS), strict=True):
        assert np.abs(one - two[:3]).max() <= EXACT * np.abs(two).max()


def small(label: list[list[int]] | None = None) -> dict[str, Any]:
    """softmax(W x + b), with or without a label."""
    names = ("data", "fc_weight", "fc_bias", "softmax_label")
    variables = [{"op": "null", "name": name, "inputs": []} for name in names]
    connected = {"op": "FullyConnected", "name": "fc", "attrs": {"num_hidden": "6"}}
    return {
        "nodes": [
            *variables,
            {**connected, "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]},
            {"op": "Custom", "name": "c", "inputs": [[3, 0, 0]]},
            {"op": "SoftmaxOutput", "name": "softmax", "inputs": [[4, 0, 0], *(label or [])]},
        ],
        "heads": [[6, 0, 0]],
    }


def test_a_label_may_be_missing_and_may_depend_on_operators_that_are_unknown() -> None:
    outputs = []
    for label in (None, [[3, 0, 0]], [[5, 0, 0]]):
        graph = parse_symbol(json.dumps(small(label)).encode(), "net")
        module = build_module(graph, ARRAYS, dtype="float64")
        outputs.append(module(torch.from_numpy(DATA)).detach().numpy())
        assert [node.op for node in without_labels(graph).nodes][-2:] == [
            "FullyConnected",
            "SoftmaxOutput",
        ]
    assert np.array_equal(outputs[0], outputs[1])
    assert np.array_equal(outputs[0], outputs[2])
    assert [node.name for node in label_nodes(graph)] == ["softmax_label", "c"]


def test_an_unknown_operator_that_a_head_depends_on_is_refused() -> None:
    """The counter-example: the same node, before the first input."""
    table = small()
    table["nodes"][5]["inputs"] = [[4, 0, 0]]
    table["nodes"][6]["inputs"] = [[5, 0, 0]]
    with pytest.raises(GraphError, match="1 × Custom"):
        build_module(parse_symbol(json.dumps(table).encode(), "net"), ARRAYS)


def test_an_array_of_labels_may_be_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "net-symbol.json").write_text(json.dumps(small([[3, 0, 0]])))
    narrow = {name: array.astype(np.float32) for name, array in ARRAYS.items()}
    write_params(tmp_path / "a.params", {**narrow, "softmax_label": np.zeros(4, np.float32)})
    write_params(tmp_path / "b.params", {**narrow, "other_label": np.zeros(4, np.float32)})
    assert list(read_arrays(tmp_path / "a.params"))[-1] == "softmax_label"
    module = import_graph(tmp_path / "net-symbol.json", tmp_path / "a.params")
    assert list(module.state_dict()) == ["fc.weight", "fc.bias"]
    with pytest.raises(GraphError, match="'other_label': no node uses this array"):
        import_graph(tmp_path / "net-symbol.json", tmp_path / "b.params")
    assert roles(read_symbol(tmp_path / "net-symbol.json")).labels == ("softmax_label",)
