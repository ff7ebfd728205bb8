"""Recurrent layers, embeddings and operators on sequences, held against MXNet."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch import import_graph
from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module, read_arrays
from gluon2torch.graph.layers.recurrent_layers import SteppedLSTM
from gluon2torch.graph.operators import recurrent, sequence
from gluon2torch.graph.symbols.aliases import FIRST_NAMES
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet

from .fuzz.generators.sequence import GENERATORS, vector_size
from .fuzz.operator_case import Case, imported
from .mxnet_run import run_by_mxnet
from .operator_trials import Trial, cast, check, computed

pytestmark = [
    pytest.mark.mxnet,
    # torch's own remark on nn.LSTM with proj_size
    pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning"),
]
RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def recurrent_case(mode: str, directions: int = 1, projection: int = 0, **attributes: str) -> Case:
    steps, batch, inputs, hidden, layers = 5, 3, 4, 6, 2
    size = vector_size(mode, inputs, hidden, layers, directions, projection)
    states = (layers * directions, batch, projection or hidden)
    arrays = {"parameters": 0.4 * normal(size), "state": normal(*states)}
    if mode == "lstm":
        arrays["state_cell"] = normal(*states[:2], hidden)
    fixed = {"mode": mode, "state_size": str(hidden), "num_layers": str(layers)}
    fixed |= {"bidirectional": str(directions == 2), "state_outputs": "True"}
    fixed |= {"projection_size": str(projection)} if projection else {}
    outputs = 3 if mode == "lstm" else 2
    return Case(
        "RNN", {**fixed, **attributes}, {"data": normal(steps, batch, inputs)}, arrays, outputs
    )


def steps_case(op: str, axis: int, **attributes: str) -> Case:
    data = {"data": normal(4, 3, 2) if axis == 0 else normal(3, 4, 2)}
    data["lengths"] = np.array([4, 1, 2], np.float64)
    return Case(op, {"use_sequence_length": "True", "axis": str(axis), **attributes}, data)


def ctc_case(op: str, labels: list[list[int]], **attributes: str) -> Case:
    data = {"data": normal(7, 3, 5), "label": np.array(labels, np.float64)}
    if "use_data_lengths" in attributes:
        data["data_lengths"] = np.array([7.0, 5, 6])
    if "use_label_lengths" in attributes:
        data["label_lengths"] = np.array([2.0, 1, 3])
    return Case(op, attributes, data)


LABELS = [[1, 2, 0], [3, 0, 0], [1, 1, 2]]
INDICES = np.array([[0, 3], [7, -1]], np.float64)
TABLE = {"input_dim": "5", "output_dim": "3"}
CASES = [
    Trial(recurrent_case("rnn_relu"), {"mode": "rnn_tanh"}),
    Trial(recurrent_case("rnn_tanh", 2), {"mode": "rnn_relu"}),
    Trial(recurrent_case("gru"), {"bidirectional": "True", "num_layers": "1"}, refused=True),
    Trial(
        recurrent_case("gru", 2, p="0.5"),
        {"bidirectional": "False", "num_layers": "4"},
        refused=True,
    ),
    Trial(recurrent_case("lstm", 2), {"lstm_state_clip_min": "-0.1", "lstm_state_clip_max": "0"}),
    Trial(recurrent_case("lstm", 1, 3), {"lstm_state_clip_min": "0", "lstm_state_clip_max": "1"}),
    Trial(recurrent_case("lstm", 2, 8), {"lstm_state_clip_min": "0", "lstm_state_clip_max": "1"}),
    *(
        Trial(
            Case(op, TABLE, {"data": INDICES}, {"weight": normal(5, 3)}),
            {"output_dim": "2"},
            refused=True,
        )
        for op in ("Embedding", "_contrib_SparseEmbedding", "_sparse_Embedding")
    ),
    Trial(steps_case("SequenceMask", 0), {"value": "1"}),
    Trial(steps_case("SequenceMask", 0, value="-0.3"), {"value": "-0.4"}),
    Trial(steps_case("SequenceMask", 1), {"value": "1"}),
    Trial(steps_case("SequenceLast", 0), "SequenceReverse"),
    Trial(steps_case("SequenceLast", 1), "SequenceMask"),
    Trial(steps_case("SequenceReverse", 0), "SequenceMask"),
    Trial(Case("SequenceReverse", {}, {"data": normal(4, 3)}), "_copy"),
    Trial(Case("SequenceLast", {}, {"data": normal(4, 3)}), {"axis": "1"}),
    Trial(Case("SequenceMask", {}, {"data": normal(4, 3)}), "negative"),
    *(
        Trial(ctc_case(op, LABELS), {"blank_label": "last"})
        for op in ("CTCLoss", "ctc_loss", "_contrib_CTCLoss", "_contrib_ctc_loss")
    ),
    Trial(
        ctc_case("CTCLoss", [[1, 2, -1], [3, -1, -1], [0, 0, 2]], blank_label="last"),
        {"blank_label": "first"},
    ),
    Trial(
        ctc_case("CTCLoss", LABELS, use_data_lengths="True", use_label_lengths="True"),
        {"blank_label": "last"},
    ),
]
# not in MXNet's releases; and part of a layer
WITHOUT_CASE = {"WarpCTC", "_rnn_param_concat"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operator_is_mxnets_and_its_mutation_is_not(case: Trial, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_every_operator_has_a_case() -> None:
    operators = {*recurrent.OPERATORS, *sequence.OPERATORS}
    tested, generated = (
        {FIRST_NAMES.get(op, op) for op in names}
        for names in ([trial.case.op for trial in CASES], GENERATORS)
    )
    assert tested == operators - WITHOUT_CASE
    assert tested | {"_rnn_param_concat"} == generated | {"_contrib_SparseEmbedding"}


def test_a_label_that_does_not_fit_costs_nothing() -> None:
    case = ctc_case("CTCLoss", [[1, 1, 1, 1, 1, 1], [1, 2, 0, 0, 0, 0], [3, 3, 3, 3, 0, 0]])
    data = {name: array.astype(np.float32) for name, array in case.data.items()}
    case = replace(case, data=data)
    (loss,) = imported(case)
    assert loss[0] == 0
    assert np.abs(loss - computed(case)[0]).max() < 1e-5 * loss.max()


def test_warp_ctc_is_softmax() -> None:
    """MXNet's plug-in is not part of its releases; its forward is a softmax of each row."""
    scores = normal(6, 4)
    (actual,) = imported(
        Case("WarpCTC", {"label_length": "3", "input_length": "3"}, {"data": scores})
    )
    (expected,) = computed(Case("softmax", {}, {"data": scores}))
    assert np.abs(actual - expected).max() < 1e-15


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("mode", recurrent.LAYERS)
def test_sequences_of_different_lengths(mode: str, directions: int) -> None:
    """cuDNN alone has them: each sequence is computed as if it were alone, and padded with 0."""
    case = recurrent_case(mode, directions)
    lengths = [5, 2, 3]
    attributes = {**case.attributes, "use_sequence_length": "True"}
    arrays = {**case.arrays, "lengths": np.array(lengths, np.int32)}
    actual = imported(Case("RNN", attributes, case.data, arrays, case.outputs))
    limit = 1e-6 if mode == "rnn_relu" else 1e-12  # MXNet's relu is in float32
    for place, length in enumerate(lengths):
        data = {"data": case.data["data"][:length, place : place + 1]}
        states = {k: v[:, place : place + 1] if v.ndim > 1 else v for k, v in case.arrays.items()}
        alone = computed(Case("RNN", case.attributes, data, states, case.outputs))
        assert np.abs(actual[0][:length, place : place + 1] - alone[0]).max() < limit
        assert not actual[0][length:, place].any()
        for ours, theirs in zip(actual[1:], alone[1:], strict=True):
            assert np.abs(ours[:, place : place + 1] - theirs).max() < limit


@pytest.mark.parametrize("projection", [0, 3])
def test_clipped_states(projection: int) -> None:
    """cuDNN alone clips: the cell state, in each step, before the hidden state follows from it."""
    mx = import_mxnet()
    hidden, low, high = 6, -0.2, 0.15
    module = SteppedLSTM(4, hidden, 1, projection=projection, clip=(low, high)).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    weights = {
        name: mx.nd.array(p.detach().numpy(), dtype="float64")
        for name, p in module.named_parameters()
    }
    data, size = normal(5, 3, 4), projection or hidden
    h, c = (mx.nd.zeros((3, width), dtype="float64") for width in (size, hidden))
    for step in mx.nd.array(data, dtype="float64"):
        gates = mx.nd.FullyConnected(
            step, weights["weight_ih_l0"], weights["bias_ih_l0"], num_hidden=24
        )
        gates = gates + mx.nd.FullyConnected(
            h, weights["weight_hh_l0"], weights["bias_hh_l0"], num_hidden=24
        )
        i, f, g, o = mx.nd.split(gates, 4, axis=1)
        c = mx.nd.sigmoid(f) * c + mx.nd.sigmoid(i) * mx.nd.tanh(g)
        c = mx.nd.minimum(mx.nd.maximum(c, low), high)
        h = mx.nd.sigmoid(o) * mx.nd.tanh(c)
        if projection:
            h = mx.nd.dot(h, weights["weight_hr_l0"], transpose_b=True)
    output, (_, cell) = module(torch.from_numpy(data))
    assert np.abs(output[-1].detach().numpy() - h.asnumpy()).max() < 1e-14
    assert np.abs(cell[0].detach().numpy() - c.asnumpy()).max() < 1e-14
    assert (c.asnumpy() == high).any()
    assert (c.asnumpy() == low).any()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"state_size": "5"}, "which is no layer of 2 × 5 units"),
        ({"mode": "gru", "projection_size": "3"}, "projection_size='3' is not supported"),
        (
            {"mode": "qrnn"},
            "mode='qrnn' is not supported; supported: rnn_relu, rnn_tanh, gru, lstm",
        ),
        ({"p": "1.5"}, "p='1.5' is not supported"),
        ({"lstm_state_clip_min": "-1"}, "lstm_state_clip_max is missing"),
        ({"num_layers": "100000000"}, "num_layers='100000000' is not supported"),
    ],
)
def test_a_layer_that_cannot_be(changes: dict[str, str], problem: str) -> None:
    case = recurrent_case("lstm")
    attributes = {**case.attributes, **changes}
    with pytest.raises(GraphError, match="RNN 'it'") as raised:
        imported(Case("RNN", attributes, case.data, case.arrays))
    assert problem in str(raised.value)


def exported_layer(kind: str, stem: Path, **options: Any) -> tuple[Path, Path]:
    """A hybridized layer of gluon.rnn with random weights, as MXNet exports it."""
    mx = import_mxnet()
    layer = getattr(mx.gluon.rnn, kind)(6, input_size=4, **options)
    layer.initialize(mx.init.Normal(0.4))
    layer.hybridize()
    batch = 3 if options.get("layout") == "NTC" else 2
    layer(mx.nd.ones((3, 2, 4)), layer.begin_state(batch))
    layer.export(str(stem))
    return Path(f"{stem}-symbol.json"), Path(f"{stem}-0000.params")


LAYERS = [
    ("RNN", {"activation": "tanh"}),
    ("RNN", {"num_layers": 2, "activation": "tanh", "bidirectional": True}),
    ("GRU", {"num_layers": 3}),
    ("GRU", {"num_layers": 2, "bidirectional": True, "layout": "NTC"}),
    ("LSTM", {"num_layers": 1, "layout": "NTC"}),
    ("LSTM", {"num_layers": 3, "bidirectional": True, "dropout": 0.3}),
    ("LSTM", {"num_layers": 2, "projection_size": 5}),
    ("LSTM", {"num_layers": 2, "projection_size": 9, "bidirectional": True}),
]


@pytest.mark.parametrize(("kind", "options"), LAYERS, ids=str)
def test_exported_layers(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    """At another length and batch than exported; states are optional, and outputs."""
    mx = import_mxnet()
    symbol, params = exported_layer(kind, tmp_path / "net", **options)
    module = import_graph(symbol, params, dtype="float64")
    names = set(mx.nd.load(str(params)))
    assert {name.partition(":")[2].split("_", 1)[1].partition("_")[2] for name in names} <= {
        f"{place}_{part}" for place in ("i2h", "h2h", "h2r") for part in ("weight", "bias")
    }
    assert len(list(module.parameters())) == len(names)
    batch, steps = 5, 7
    data = normal(batch, steps, 4) if options.get("layout") == "NTC" else normal(steps, batch, 4)
    count = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    sizes = [options.get("projection_size", 6), 6][: 2 if kind == "LSTM" else 1]
    states = [normal(count, batch, size) for size in sizes]
    expected = run(symbol, params, [data, *states])
    actual = module(*(torch.from_numpy(each) for each in (data, *states)))
    assert len(actual) == len(expected) == 1 + len(states)
    for one, other in zip(actual, expected, strict=True):
        assert np.abs(one.detach().numpy() - other).max() <= 1e-12 * np.abs(other).max()
    zeros = run(symbol, params, [data, *(np.zeros_like(state) for state in states)])
    without = module(torch.from_numpy(data))
    assert np.abs(without[0].detach().numpy() - zeros[0]).max() <= 1e-12
    copied = pickle.loads(pickle.dumps(copy.deepcopy(module)))
    assert torch.equal(copied(torch.from_numpy(data))[0], without[0])


def run(symbol: Path, params: Path, data: list[np.ndarray]) -> list[np.ndarray]:
    """MXNet's outputs in float64, of a graph whose inputs are called data0, data1 …"""
    graph, values = import_mxnet().sym.load(str(symbol)), cast(read_arrays(params), "float64")
    names = [name for name in graph.list_inputs() if name not in values]
    return run_by_mxnet(graph, {**values, **dict(zip(names, data, strict=True))})


def test_an_exported_layer_with_lengths(tmp_path: Path) -> None:
    """The layer alone on each sequence is the reference, as MXNet's CPU ignores the lengths."""
    mx = import_mxnet()
    layer = mx.gluon.rnn.LSTM(6, 2, bidirectional=True, input_size=4, use_sequence_length=True)
    layer.initialize(mx.init.Normal(0.4))
    layer.hybridize()
    layer(mx.nd.ones((3, 2, 4)), layer.begin_state(2), mx.nd.array([3, 1]))
    layer.export(str(tmp_path / "net"))
    symbol, params = tmp_path / "net-symbol.json", tmp_path / "net-0000.params"
    module = import_graph(symbol, params, dtype="float64")
    lengths, data = [7, 2, 4], normal(7, 3, 4)
    order = [node.target for node in module.graph.nodes if node.op == "placeholder"]
    assert order == ["data0", "data3"]  # states before another input are zeros
    given = torch.from_numpy(data), torch.tensor(lengths)
    output, hidden, cell = (each.detach().numpy() for each in module(*given))
    plain = symbol.read_text().replace(
        '"use_sequence_length": "True"', '"use_sequence_length": "0"'
    )
    table = json.loads(plain)
    for node in table["nodes"]:
        if node["op"] == "RNN":
            del node["inputs"][4]
    (tmp_path / "plain-symbol.json").write_text(json.dumps(table))
    zeros = np.zeros((4, 1, 6))
    for place, length in enumerate(lengths):
        alone = data[:length, place : place + 1]
        expected = run(tmp_path / "plain-symbol.json", params, [alone, zeros, zeros])
        assert np.abs(output[:length, place] - expected[0][:, 0]).max() <= 1e-14
        assert np.abs(hidden[:, place] - expected[1][:, 0]).max() <= 1e-14
        assert np.abs(cell[:, place] - expected[2][:, 0]).max() <= 1e-14
        assert not output[length:, place].any()


@pytest.mark.parametrize(("mode", "projection"), [("rnn_tanh", 0), ("gru", 0), ("lstm", 0)])
def test_gradients_are_mxnets(mode: str, projection: int) -> None:
    mx = import_mxnet()
    case = recurrent_case(mode, 2, projection)
    arrays = {**case.data, **case.arrays}
    given = {name: mx.nd.array(each, dtype="float64") for name, each in arrays.items()}
    for each in given.values():
        each.attach_grad()
    with mx.autograd.record():
        found = mx.nd.CachedOp(mx.sym.load_json(case.symbol()))(*given.values())
        loss = (found[0] * found[0]).sum() + found[1].sum()
    loss.backward()
    graph = parse_symbol(case.symbol().encode(), "it")
    module = build_module(graph, case.arrays, dtype="float64")
    data = torch.from_numpy(case.data["data"]).requires_grad_()
    output, state, *_ = module(data)
    (output.square().sum() + state.sum()).backward()
    assert data.grad is not None
    expected = given["data"].grad.asnumpy()
    assert np.abs(data.grad.numpy() - expected).max() <= 1e-12 * np.abs(expected).max()
    layer = next(each for each in module.children())
    first = layer.weight_ih_l0.grad.numpy().ravel()
    expected = given["parameters"].grad.asnumpy()[: first.size]
    assert np.abs(first - expected).max() <= 1e-12 * np.abs(expected).max()


# torch's own layers give it
@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning")
@pytest.mark.parametrize("mode", recurrent.LAYERS)
def test_a_layer_is_exported_with_any_batch(mode: str) -> None:
    """torch.export fixes the number of steps of torch's own layers."""
    case = recurrent_case(mode)
    arrays = {"parameters": case.arrays["parameters"]}  # the states are zeros
    graph = parse_symbol(case.symbol().encode(), "it")
    module = build_module(graph, arrays, dtype="float64")
    data = torch.from_numpy(case.data["data"])
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(module, (data,), dynamic_shapes=({1: batch},))
    data = torch.from_numpy(normal(5, 7, 4))
    for one, other in zip(program.module()(data), module(data), strict=True):
        assert torch.equal(one, other)
