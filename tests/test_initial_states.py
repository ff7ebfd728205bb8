"""Initial states of recurrent layers: zeros with the batch of the input, unless they are given."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gluon2torch import import_graph
from gluon2torch.cli import main
from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module, read_arrays
from gluon2torch.graph.inputs import initial_states
from gluon2torch.graph.inputs.initial_states import state_names
from gluon2torch.graph.inputs.training_batch import replaced_batch
from gluon2torch.graph.symbols.precision import EXACT
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.parity.exported_reference import ExportedReference
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.mxnet_compat import import_mxnet

from .exported import export_symbol

pytestmark = [
    pytest.mark.mxnet,
    pytest.mark.filterwarnings("ignore:Cannot decide"),
]
STEPS, FEATURES = 3, 5


def unrolled(mx: Any, **options: Any) -> Any:
    """A cell of Gluon; its states are `_zeros` of shape (0, 4)."""
    cell = mx.gluon.rnn.LSTMCell(4, prefix="lstm_")
    options = {"layout": "NTC", "merge_outputs": True, **options}
    return cell.unroll(STEPS, mx.sym.var("data"), **options)[0]


def unrolled_in_time(mx: Any) -> Any:
    return unrolled(mx, layout="TNC")


def of_variables(mx: Any) -> Any:
    """A cell of Module's toolkit; its states are variables."""
    cell = mx.rnn.LSTMCell(4, prefix="lstm_")
    states = cell.begin_state(func=mx.sym.Variable)
    return cell.unroll(STEPS, mx.sym.var("data"), states, layout="TNC", merge_outputs=True)[0]


def fused(mx: Any) -> Any:
    return mx.gluon.rnn.LSTM(4, 2, bidirectional=True, prefix="lstm_")(mx.sym.var("data"))


def fused_of_batches(mx: Any) -> Any:
    """The axes are swapped before the layer, whose state is a variable of unknown shape."""
    data = mx.sym.SwapAxis(mx.sym.var("data"), dim1=0, dim2=1)
    options = {"state_size": 4, "num_layers": 1, "mode": "gru"}
    return mx.sym.RNN(data, mx.sym.var("parameters"), mx.sym.var("s"), name="gru", **options)


def concatenated(mx: Any) -> Any:
    """A state that is not merely broadcast: it is joined with the first step."""
    step = mx.sym.slice_axis(mx.sym.var("data"), axis=1, begin=0, end=1).reshape((0, -1))
    zeros = mx.sym.zeros((0, 4), __layout__="NC")
    joined = mx.sym.Concat(step, zeros, dim=1)
    known = mx.sym.FullyConnected(step, num_hidden=4, no_bias=True, name="known") + zeros
    return mx.sym.FullyConnected(joined, num_hidden=4, name="fc") + known


CASES: list[tuple[Callable[[Any], Any], bool]] = [
    (unrolled, False),
    (unrolled_in_time, True),
    (of_variables, True),
    (fused, True),
    (fused_of_batches, False),
    (concatenated, False),
]


def shape(in_time: bool, batch: int) -> tuple[int, int, int]:
    return (STEPS, batch, FEATURES) if in_time else (batch, STEPS, FEATURES)


def saved(symbol: Any, folder: Path, **shapes: tuple[int, ...]) -> tuple[Path, Path]:
    """The symbol without arrays for its states."""
    graph = parse_symbol(symbol.tojson().encode(), "net")
    found = dict(zip(symbol.list_arguments(), symbol.infer_shape(**shapes)[0], strict=True))
    states = {name: found[name] for name in state_names(graph)}
    return export_symbol(symbol, folder / "net", {**shapes, **states})


def largest(actual: Any, expected: np.ndarray) -> float:
    actual = actual.detach().numpy()
    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize(("make", "in_time"), CASES)
def test_states_are_zeros_of_the_inputs_batch(
    make: Callable[[Any], Any], in_time: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = saved(make(import_mxnet()), tmp_path, data=shape(in_time, 2))
    module = import_graph(*paths, dtype="float64")
    reference = ExportedReference(paths[0], read_arrays(paths[1]))
    reference.cast("float64")
    copies = [module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))]
    for batch, each in zip((2, 1, 7), copies, strict=True):
        data = np.random.default_rng(batch).standard_normal(shape(in_time, batch))
        assert largest(each(torch.from_numpy(data)), reference({"data": data})["head0"]) <= EXACT
    narrow = module.float()(torch.from_numpy(data.astype(np.float32)))
    assert narrow.dtype == torch.float32


@pytest.mark.parametrize(("make", "in_time"), [CASES[1], CASES[2], CASES[5]])
def test_the_other_axis_is_wrong(
    make: Callable[[Any], Any], in_time: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation: the batch is read from the axis of time."""
    paths = saved(make(import_mxnet()), tmp_path, data=shape(in_time, 2))
    right = initial_states._batch_axis
    monkeypatch.setattr(initial_states, "_batch_axis", lambda *args: 1 - right(*args))
    module = import_graph(*paths)
    with pytest.raises(RuntimeError, match="size|shape"):
        module(torch.zeros(shape(in_time, 7)))


def test_a_conversion_takes_states_where_they_are_given(tmp_path: Path) -> None:
    paths = saved(of_variables(import_mxnet()), tmp_path, data=shape(True, 2))
    names = ["lstm_begin_state_0", "lstm_begin_state_1"]
    assert state_names(read_symbol(paths[0])) == names
    text = CliRunner().invoke(main, ["graph", str(paths[0])]).output
    assert "inputs:  data\n" in text
    assert "states:  lstm_begin_state_0, lstm_begin_state_1 (zeros by default)" in text
    without = convert_graph(*paths, out=tmp_path, inputs={"data": (STEPS, 2, FEATURES)})
    assert [(each.name, each.shape) for each in without.inputs] == [("data", (3, None, 5))]
    given = {"data": (STEPS, 2, FEATURES), names[1]: (2, 4)}
    record = convert_graph(*paths, out=tmp_path, inputs=given)
    assert [each.name for each in record.inputs] == ["data", names[1]]
    assert [each.shape for each in record.inputs] == [(3, None, 5), (None, 4)]
    assert record.parity.passed is True
    assert record.sha256 != without.sha256
    with pytest.raises(GraphError, match=r"inputs are data \(and, zeros by default, lstm_begin"):
        convert_graph(*paths, out=tmp_path, inputs={"dat": (1,)})


def test_states_of_fused_layers_are_given_or_zeros(tmp_path: Path) -> None:
    paths = saved(fused_of_batches(import_mxnet()), tmp_path, data=shape(False, 2))
    inputs = {"data": (2, STEPS, FEATURES)}
    data, state = torch.rand(inputs["data"]), torch.rand(1, 2, 4)
    optional = import_graph(*paths)
    zeros = import_graph(*paths, inputs=inputs)
    given = import_graph(*paths, inputs={**inputs, "s": (1, 2, 4)})
    assert torch.equal(optional(data), zeros(data))
    assert torch.equal(optional(data, state), given(data, state))
    assert not torch.equal(zeros(data), given(data, state))
    with pytest.raises(TypeError, match="positional argument"):
        zeros(data, state)
    record = convert_graph(*paths, out=tmp_path, inputs={**inputs, "s": (1, 2, 4)})
    assert [each.shape for each in record.inputs] == [(None, None, FEATURES), (1, None, 4)]
    program = torch.export.load(record.file).module()
    data, state = torch.rand(7, STEPS + 4, FEATURES), torch.rand(1, 7, 4)
    assert torch.allclose(program(data, state), given(data, state), atol=1e-6)
    record = convert_graph(*paths, out=tmp_path, inputs=inputs)
    assert [each.shape for each in record.inputs] == [(None, None, FEATURES)]


def test_a_training_batch_in_states(tmp_path: Path) -> None:
    mx = import_mxnet()
    cell = mx.gluon.rnn.GRUCell(4, prefix="gru_")
    states = cell.begin_state(batch_size=2, func=mx.sym.zeros)
    out = cell.unroll(STEPS, mx.sym.var("data"), states, layout="NTC", merge_outputs=True)[0]
    label = mx.sym.Reshape(mx.sym.var("label"), shape=(2,))
    symbol = mx.sym.SoftmaxOutput(mx.sym.mean(out, axis=1), label, name="softmax")
    paths = export_symbol(symbol, tmp_path / "net", {"data": (2, STEPS, FEATURES), "label": (2, 1)})
    assert replaced_batch(read_symbol(paths[0])) == 2
    record = convert_graph(*paths, out=tmp_path, inputs={"data": (1, STEPS, FEATURES)})
    assert record.inputs[0].shape == (None, STEPS, FEATURES)
    assert {check.input for check in record.parity.checks} == {"2x3x5"}
    data = torch.rand(7, STEPS, FEATURES)
    program = torch.export.load(record.file).module()
    alone = torch.cat([program(each[None]) for each in data])
    assert torch.allclose(program(data), alone, atol=1e-6)
    # without a label that names the batch, the states are constants, as in MXNet
    plain = export_symbol(out, tmp_path / "plain", {"data": (2, STEPS, FEATURES)})
    assert replaced_batch(read_symbol(plain[0])) is None
    module = import_graph(*plain)
    assert module(torch.zeros(2, STEPS, FEATURES)).shape == (2, STEPS, 4)
    with pytest.raises(RuntimeError, match="size"):
        module(torch.zeros(7, STEPS, FEATURES))


def test_what_is_no_state_is_an_input() -> None:
    """The counter-examples: no shape, another use, a name that merely resembles one."""
    mx = import_mxnet()
    data, parameters = mx.sym.var("data"), mx.sym.var("parameters")
    options = {"state_size": 4, "num_layers": 1, "mode": "gru"}
    state = mx.sym.var("s")
    layer = mx.sym.RNN(data, parameters, state, **options)
    symbols = [
        mx.sym.broadcast_add(data, mx.sym.var("rnn_begin_state_0")),
        mx.sym.broadcast_add(data, mx.sym.var("rnn_begin_state_0", shape=(2, 3))),
        mx.sym.broadcast_add(data, mx.sym.var("rnn_begin_state_0", shape=(0, 0))),
        mx.sym.broadcast_add(data, mx.sym.var("my_begin_state", shape=(0, 3))),
        mx.sym.Group([layer, state]),
        mx.sym.RNN(data, parameters, mx.sym.relu(state), **options),
    ]
    for symbol in symbols:
        assert state_names(parse_symbol(symbol.tojson().encode(), "net")) == []
    for symbol in (layer, data + mx.sym.var("begin_state_0", shape=(0, 3))):
        assert len(state_names(parse_symbol(symbol.tojson().encode(), "net"))) == 1


def test_zeros_without_an_input_to_read_the_batch_from_broadcast() -> None:
    symbol = import_mxnet().sym.zeros((0, 3))
    module = build_module(parse_symbol(symbol.tojson().encode(), "net"), {})
    assert module().tolist() == [[0, 0, 0]]
    node = {"op": "_zeros", "name": "z", "attrs": {"shape": "(-1, 3)"}, "inputs": []}
    graph = parse_symbol(json.dumps({"nodes": [node], "heads": [[0, 0]]}).encode(), "net")
    with pytest.raises(GraphError, match="its shape \\(-1, 3\\) is unknown"):
        build_module(graph, {})
