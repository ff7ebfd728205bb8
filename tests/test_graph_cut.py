"""Graphs that are cut at a node: what is converted, and which nodes an error and `graph` name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gluon2torch import import_graph, open_program
from gluon2torch.cli import main
from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module, is_unknown
from gluon2torch.graph.symbols.graph_cut import cut, last_outputs
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params import dense_arrays

from .exported import export_symbol
from .mxnet_run import run_by_mxnet

pytestmark = pytest.mark.mxnet
SHAPE = (2, 3, 9, 8)


def symbol_of_two_parts() -> Any:
    """A convolution, its two halves, and a layer after an operator that is not supported."""
    sym = import_mxnet().sym
    conv = sym.Convolution(sym.var("data"), kernel=(3, 3), num_filter=4, name="conv")
    halves = sym.split(conv, num_outputs=2, axis=1, name="halves")
    noise = sym.sample_normal(sym.var("mu"), sym.var("sigma"), name="noise")
    one = sym.relu(halves[0], name="one")
    late = sym.FullyConnected(
        sym.broadcast_add(halves[1], noise, name="sum"), num_hidden=2, name="late"
    )
    return sym.Group([sym.tanh(one, name="first"), late])


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    shapes = {"data": SHAPE, "mu": (1,), "sigma": (1,)}
    return export_symbol(symbol_of_two_parts(), tmp_path / "net", shapes)


def internals(paths: tuple[Path, Path], names: list[str], data: np.ndarray) -> list[np.ndarray]:
    """The values of nodes, as MXNet itself cuts the graph."""
    mx = import_mxnet()
    inner = mx.sym.load(str(paths[0])).get_internals()
    group = mx.sym.Group([inner[name] for name in names])
    arrays = {name.partition(":")[2]: array for name, array in dense_arrays(paths[1]).items()}
    needed = {name: array for name, array in arrays.items() if name in group.list_inputs()}
    return run_by_mxnet(group.tojson(), {**needed, "data": data})


def test_a_graph_is_converted_up_to_its_nodes(paths: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="unsupported operators") as error:
        convert_graph(*paths, out=tmp_path / "out")
    assert "last outputs that can be converted: halves:1, first; choose" in str(error.value)
    outputs = ["halves:1", "first"]
    record = convert_graph(*paths, out=tmp_path / "out", outputs=outputs)
    assert record.outputs == ("halves:1", "first")
    assert record.operators == {"Convolution": 1, "SliceChannel": 1, "relu": 1, "tanh": 1}
    assert record.parity.passed
    assert set(open_program(record.file).arrays) == {"conv_weight", "conv_bias"}
    data = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    found = torch.export.load(record.file).module()(torch.from_numpy(data))
    expected = internals(paths, ["halves_output1", "first_output"], data)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one.detach().numpy() - other).max() <= 1e-6 * np.abs(other).max()


def test_a_module_is_imported_up_to_a_node(paths: tuple[Path, Path]) -> None:
    data = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    with pytest.raises(ValueError, match="outputs is 'one'; it must be a list"):
        import_graph(*paths, outputs="one")
    module = import_graph(*paths, outputs=["one"])
    (expected,) = internals(paths, ["one_output"], data)
    found = module(torch.from_numpy(data)).detach().numpy()
    assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()
    # the other half of the same node is another value
    other = import_graph(*paths, outputs=["halves:0"])(torch.from_numpy(data))
    assert not torch.equal(
        other, import_graph(*paths, outputs=["halves:1"])(torch.from_numpy(data))
    )


def test_the_graph_command_lists_the_last_outputs(paths: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(main, ["graph", str(paths[0]), "--json", "-"])
    (summary,) = json.loads(result.output)
    assert summary["last_outputs"] == ["halves:1", "first"]
    text = CliRunner().invoke(main, ["graph", str(paths[0])]).output
    assert "can be converted up to: halves:1, first (--output)" in text


def test_an_attribute_that_is_not_supported_names_the_outputs_before_it() -> None:
    sym = import_mxnet().sym
    data = sym.relu(sym.var("data"), name="before")
    table = json.loads(sym.Pooling(data, kernel=(2, 2), name="pool").tojson())
    table["nodes"][-1]["attrs"]["pool_type"] = "median"
    graph = parse_symbol(json.dumps(table).encode(), "net")
    with pytest.raises(GraphError, match=r"\(its last outputs that can be converted: before; "):
        build_module(graph, {})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("onne", "has no node 'onne'; the nearest are one"),
        ("conv_weight", "'conv_weight' is an input or an array"),
        ("one:7", "uses output 7 of relu 'one', which has 1"),
        ("halves:x", "has no node 'halves:x'"),
    ],
)
def test_wrong_nodes_are_one_line(
    name: str, message: str, paths: tuple[Path, Path], tmp_path: Path
) -> None:
    options = ["--symbol", paths[0], "--params", paths[1], "-o", tmp_path / "out"]
    result = CliRunner().invoke(main, ["convert", *map(str, options), "--output", name])
    assert result.exit_code == 1
    assert message in result.stderr


def test_of_several_nodes_of_a_name_one_is_chosen_by_its_place() -> None:
    """As in loops that Gluon has unrolled: the names of the first step are those of the second."""
    sym = import_mxnet().sym
    halves = sym.split(sym.tanh(sym.var("data"), name="same"), num_outputs=2, name="halves")
    again = sym.split(sym.relu(halves[1], name="same"), num_outputs=2, name="halves")
    graph = parse_symbol(sym.shuffle(again[1]).tojson().encode(), "net")
    for name in ("same", "halves:1"):
        stem = name.partition(":")[0]
        message = f"2 nodes are named '{stem}'; choose one of them, from '{stem}@1' to '{stem}@2'"
        with pytest.raises(GraphError, match=message):
            cut(graph, [name])
    chosen = {name: cut(graph, [name]) for name in ("same@1", "same@2", "halves@2:1")}
    assert [len(list(each.operators())) for each in chosen.values()] == [1, 3, 4]
    assert chosen["halves@2:1"].heads == ((4, 1),)
    for name in ("same@0", "same@3", "same@", "same@x", "data@1"):
        with pytest.raises(GraphError, match=f"has no node '{name}'"):
            cut(graph, [name])
    assert last_outputs(graph, is_unknown) == ("halves@2:1",)


def test_labels_and_constants_are_no_last_outputs() -> None:
    sym = import_mxnet().sym
    label = sym.Reshape(sym.var("softmax_label"), shape=(-1,), name="flat")
    ones = sym.ones((1, 3), name="ones")
    known = sym.broadcast_add(sym.relu(sym.var("data"), name="relu"), ones, name="sum")
    head = sym.SoftmaxOutput(sym.shuffle(known, name="mixed"), label, name="softmax")
    graph = parse_symbol(head.tojson().encode(), "net")
    assert last_outputs(graph, is_unknown) == ("sum",)
    assert last_outputs(graph, lambda node: node.op == "relu") == ()


@pytest.mark.costly
def test_a_network_of_the_zoo_is_cut(tmp_path: Path) -> None:
    listed = CliRunner().invoke(main, ["graph", "mobilenet0.25", "--json", "-"])
    (summary,) = json.loads(listed.output)
    assert summary["unsupported"] == {}
    record = convert_zoo(
        "mobilenet0.25",
        init="random",
        out=tmp_path,
        outputs=["pool0_fwd"],
        inputs={"data": (1, 3, 64, 64)},
    )
    assert record.model == "mobilenet0.25-cut"
    assert record.outputs == ("pool0_fwd",)
    assert record.num_classes is None
    assert torch.export.load(record.file).module()(torch.zeros(1, 3, 64, 64)).shape == (
        1,
        256,
        1,
        1,
    )


def test_an_output_needs_a_graph() -> None:
    result = CliRunner().invoke(main, ["convert", "resnet18_v1b", "--output", "x"])
    assert result.exit_code == 2
    assert "--output names nodes of a graph" in result.output


def test_the_file_is_not_changed_by_a_cut(paths: tuple[Path, Path]) -> None:
    graph = read_symbol(paths[0])
    assert cut(graph, ()) is graph
    assert {node.name for node in cut(graph, ["one"]).nodes} == {
        *("data", "conv_weight", "conv_bias"),
        *("conv", "halves", "one"),
    }
