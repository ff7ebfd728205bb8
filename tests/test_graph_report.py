"""`--report` for graphs: the differences at each node, and the first wrong node alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gluon2torch.cli import main
from gluon2torch.errors import ParityError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.inputs.input_spec import InputSpec, Specs, random_inputs
from gluon2torch.graph.operators import OPERATORS
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.parity.node_differences import Measured, compare_nodes
from gluon2torch.parity.wrong_node import WrongNode
from gluon2torch.parity.wrong_node import find_wrong_node as find_in_module
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.arrays import bare_name
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params import dense_arrays

from .exported import export_symbol
from .mxnet_run import run_by_mxnet
from .test_report import Page

pytestmark = pytest.mark.mxnet
SHAPE = (2, 3, 12, 10)


def classifier() -> Any:
    """A small network with most kinds of inputs: arrays, several values of a node, a label."""
    sym = import_mxnet().sym
    conv = sym.Convolution(sym.var("data"), kernel=(3, 3), num_filter=4, name="conv")
    norm = sym.BatchNorm(conv, fix_gamma=False, name="norm")
    one, other = sym.split(norm, num_outputs=2, axis=1, name="halves")
    joined = sym.Concat(sym.sigmoid(one, name="gate"), sym.tanh(other, name="value"), name="join")
    scale = sym.exp(sym.var("scale_weight", shape=(1, 4, 1, 1)), name="scale")
    scaled = sym.broadcast_mul(joined, scale, name="scaled")
    pool = sym.Pooling(scaled, kernel=(2, 2), stride=(2, 2), pool_type="avg", name="pool")
    logits = sym.FullyConnected(pool, num_hidden=5, name="fc")
    return sym.SoftmaxOutput(logits, sym.var("softmax_label"), name="softmax")


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return export_symbol(classifier(), tmp_path / "net", {"data": SHAPE})


def convert(paths: tuple[Path, Path], *options: object) -> Result:
    given = ["--symbol", paths[0], "--params", paths[1], "--input", "data=2,3,12,10", *options]
    return CliRunner().invoke(main, ["convert", *map(str, given)])


NODES = [
    *("conv", "norm", "halves", "halves:1", "gate", "value", "join", "scaled", "pool", "fc"),
    "softmax",
]


@pytest.mark.parametrize(
    ("op", "instead", "node"),
    [
        ("sigmoid", "tanh", "gate"),
        ("tanh", "sigmoid", "value"),
        ("broadcast_mul", "broadcast_add", "scaled"),
        ("softmax", None, None),
    ],
)
def test_a_planted_wrong_operator_is_named_with_its_graph_alone(
    op: str,
    instead: str | None,
    node: str | None,
    paths: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report, out = tmp_path / "report", tmp_path / "out"
    if instead is None or node is None:
        assert convert(paths, "-o", out, "--report", report).exit_code == 0
        assert not list(report.glob("*-symbol.json"))
        return
    with monkeypatch.context() as patch:
        patch.setitem(OPERATORS, op, OPERATORS[instead])
        result = convert(paths, "-o", out, "--report", report)
        assert result.exit_code == 1
        named = f"given MXNet's inputs, the first operator that differs is {op} '{node}' ("
        assert named in result.stderr
        assert not out.exists()
        page = Page(report / "gluon_net.html")
        stem = f"gluon_net-{node}"
        files = [f"{stem}-symbol.json", f"{stem}-0000.params", f"{stem}-inputs.npz"]
        assert page.fetched == ["index.html", *files]
        assert "First wrong node" in page.text
        alone = report / files[0], report / files[1]
        with np.load(report / files[2]) as inputs:
            values = dict(inputs)
        assert [each.op for each in read_symbol(alone[0]).operators()][-1] == op
        shapes = {name: value.shape for name, value in values.items()}
        with pytest.raises(ParityError, match="first stage that differs is head0"):
            convert_graph(*alone, out=out, inputs=shapes)
    # MXNet computes it from the files, and torch equally without the planted operator
    arrays = {bare_name(name): array for name, array in dense_arrays(alone[1]).items()}
    assert run_by_mxnet(alone[0].read_text(), {**arrays, **values}, dtype="float64")
    assert convert_graph(*alone, out=out, inputs=shapes).parity.passed


def test_the_page_shows_each_node_in_both_data_types(
    paths: tuple[Path, Path], tmp_path: Path
) -> None:
    result = convert(paths, "-o", tmp_path / "out", "--report", tmp_path / "report", "--json", "-")
    assert result.exit_code == 0, result.output
    page = Page(tmp_path / "report" / "gluon_net.html")
    assert page.open == []
    assert page.fetched == ["index.html"]
    assert page.circles == 2 * len(NODES)
    assert "Node by node" in page.text
    assert "Keys" not in page.text
    assert "First wrong node" not in page.text
    index = Page(tmp_path / "report" / "index.html")
    assert index.fetched == 2 * ["gluon_net.html"]
    (record,) = json.loads(result.stdout)
    assert record["sha256"] in page.text


def test_without_a_report_the_error_says_how_to_get_one(
    paths: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPERATORS, "sigmoid", OPERATORS["tanh"])
    result = convert(paths, "-o", tmp_path / "out")
    assert "`--report DIR` shows each node, and writes the graph" in result.stderr


def find_wrong_node(network: Measured, specs: Specs) -> WrongNode | None:
    """The first wrong node of the module that is imported now."""
    shapes = {name: spec.shape for name, spec in specs.items()}
    module = build_module(network.graph, network.arrays, dtype="float64", inputs=shapes)
    return find_in_module(network, module, random_inputs(specs, np.random.default_rng(0)))


def measured(paths: tuple[Path, Path]) -> Measured:
    arrays = {bare_name(name): array for name, array in dense_arrays(paths[1]).items()}
    return Measured(read_symbol(paths[0]), arrays)


def test_the_differences_are_those_of_each_value(
    paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = {"data": InputSpec(SHAPE)}
    found = compare_nodes(measured(paths), specs, ["float64", "float32"])
    assert [each.name for each in found] == NODES
    assert all(each.relative["float64"] <= 1e-14 for each in found)
    assert all(each.relative["float32"] <= 1e-5 for each in found)
    assert any(each.relative["float32"] >= 1e-9 for each in found)
    with monkeypatch.context() as patch:
        patch.setitem(OPERATORS, "tanh", OPERATORS["sigmoid"])
        found = compare_nodes(measured(paths), specs, ["float64"])
    large = [each.name for each in found if each.relative["float64"] > 1e-3]
    assert large == ["value", "join", "scaled", "pool", "fc", "softmax"]


def test_earlier_errors_are_not_a_nodes_own(
    paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two wrong operators is named if the first one is within its limit."""
    specs = {"data": InputSpec(SHAPE)}
    assert find_wrong_node(measured(paths), specs) is None
    norm = OPERATORS["BatchNorm"]

    def off(call: Any) -> Any:
        return call.function(scaled, norm(call), suffix="_scaled")

    monkeypatch.setitem(OPERATORS, "BatchNorm", off)
    monkeypatch.setitem(OPERATORS, "tanh", OPERATORS["sigmoid"])
    monkeypatch.setattr(f"{__name__}.FACTOR", 1 + 1e-13)
    assert find_wrong_node(measured(paths), specs).name == "value"
    monkeypatch.setattr(f"{__name__}.FACTOR", 1 + 1e-11)
    wrong = find_wrong_node(measured(paths), specs)
    assert (wrong.name, wrong.op, wrong.dtype, wrong.limit) == (
        "norm",
        "BatchNorm",
        "float64",
        1e-12,
    )
    assert 0.9e-11 <= wrong.relative <= 1.1e-11
    assert set(wrong.alone.arrays) == {
        *("norm_gamma", "norm_beta", "norm_moving_mean", "norm_moving_var")
    }
    assert list(wrong.inputs) == ["conv_output"]


def test_of_nodes_of_one_name_none_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    sym = import_mxnet().sym
    end = sym.exp(sym.sigmoid(sym.tanh(sym.var("data"), name="act"), name="one"), name="end")
    text = end.tojson().replace('"one"', '"act"')
    network, specs = Measured(parse_symbol(text.encode(), "net"), {}), {"data": InputSpec((2, 3))}
    assert find_wrong_node(network, specs) is None
    monkeypatch.setitem(OPERATORS, "exp", OPERATORS["expm1"])
    assert find_wrong_node(network, specs).name == "end"


FACTOR = 1.0


def scaled(values: Any) -> Any:
    return values * FACTOR


def test_weights_that_the_graph_computes_stay_with_their_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the parameters of recurrent layers, which Gluon concatenates."""
    sym = import_mxnet().sym
    weight, bias = (sym.var(f"{name}_weight") for name in ("w", "b"))
    parameters = sym.concat(sym.reshape(weight, shape=(-1,)), sym.reshape(bias, shape=(-1,)), dim=0)
    rnn = sym.RNN(
        sym.tanh(sym.var("data"), name="first"),
        parameters,
        sym.var("state"),
        state_size=4,
        num_layers=1,
        mode="rnn_tanh",
        name="rnn",
    )
    rng = np.random.default_rng(0)
    arrays = {"w_weight": rng.standard_normal((4, 7)), "b_weight": rng.standard_normal(8)}
    network = Measured(parse_symbol(rnn.tojson().encode(), "net"), arrays)
    specs = {"data": InputSpec((5, 2, 3)), "state": InputSpec((1, 2, 4), batch_axis=1)}
    assert find_wrong_node(network, specs) is None
    original = OPERATORS["RNN"]

    def off(call: Any) -> Any:
        values = original(call)
        first = values[0] if isinstance(values, tuple) else values
        return call.function(scaled, first, suffix="_scaled")

    monkeypatch.setattr(f"{__name__}.FACTOR", 1.5)
    monkeypatch.setitem(OPERATORS, "RNN", off)
    wrong = find_wrong_node(network, specs)
    assert wrong.name == "rnn"
    assert sorted(wrong.alone.arrays) == ["b_weight", "w_weight"]
    assert list(wrong.inputs) == ["first_output", "state"]
