"""`--input` and `inputs=`: graphs of one input or several, of any shape and data type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from gluon2torch.cli import main
from gluon2torch.errors import GraphError, ImageSizeError, ParityError
from gluon2torch.graph.importer import read_arrays
from gluon2torch.graph.inputs.input_spec import InputSpec, describe
from gluon2torch.graph.inputs.shapes import input_specs
from gluon2torch.graph.operators import OPERATORS
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.pipeline.input_shapes import input_shapes
from gluon2torch.sources.mxnet_compat import import_mxnet

from .exported import export_symbol
from .mxnet_run import run_by_mxnet
from .test_graph_reader import variable

Paths = tuple[Path, Path]


def run(paths: Paths, *arguments: object, out: Path | None = None) -> Result:
    options = ["--symbol", paths[0], "--params", paths[1], "-o", out or paths[0].parent / "out"]
    return CliRunner().invoke(main, ["convert", *map(str, [*options, *arguments])])


def saved(symbol: Any, folder: Path, **shapes: tuple[int, ...]) -> Paths:
    return export_symbol(symbol, folder / "net", shapes)


def save_detector(folder: Path) -> Paths:
    """A graph of images and a row of three numbers for each, as R-CNNs take; the row is first."""
    mx = import_mxnet()
    rows = mx.sym.FullyConnected(mx.sym.var("im_info"), num_hidden=4, name="rows")
    images = mx.sym.Convolution(mx.sym.var("data"), kernel=(3, 3), num_filter=4, name="conv")
    pooled = mx.sym.Flatten(mx.sym.Pooling(images, global_pool=True, kernel=(1, 1)))
    symbol = mx.sym.elemwise_sub(rows, mx.sym.relu(pooled), name="out")
    return saved(symbol, folder, data=(1, 3, 8, 8), im_info=(1, 3))


@pytest.fixture
def detector(tmp_path: Path) -> Paths:
    return save_detector(tmp_path)


@pytest.mark.mxnet
def test_several_inputs_on_the_command_line(detector: Paths) -> None:
    given = ["--input", "data=1,3,9,8", "--input", "im_info=1x3:float32"]
    result = run(detector, *given, "--json", "-")
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)
    assert record["inputs"] == [
        {"name": "im_info", "shape": [None, 3], "dtype": "float32"},
        {"name": "data", "shape": [None, 3, None, None], "dtype": "float32"},
    ]
    assert (record["input"], record["input_shape"], record["notes"]) == (None, None, [])
    assert [(check["dtype"], check["input"]) for check in record["parity"]["checks"]] == [
        ("float64", "im_info 1x3, data 1x3x9x8"),
        ("float64", "im_info 2x3, data 2x3x9x8"),
        ("float32", "im_info 1x3, data 1x3x9x8"),
        ("float32", "im_info 2x3, data 2x3x9x8"),
        ("float64", "im_info 1x3, data 1x3x7x6"),
        ("float64", "im_info 1x3, data 1x3x6x10"),
    ]
    assert record["parity"]["passed"] is True
    program = torch.export.load(record["file"]).module()
    rng = np.random.default_rng(0)
    rows, images = (rng.random(shape, np.float32) for shape in ((5, 3), (5, 3, 9, 8)))
    values = {**read_arrays(detector[1]), "im_info": rows, "data": images}
    (expected,) = run_by_mxnet(detector[0].read_text(), values)
    actual = program(torch.from_numpy(rows), torch.from_numpy(images)).detach().numpy()
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.mxnet
def test_inputs_in_another_order_are_the_same_program(detector: Paths, tmp_path: Path) -> None:
    shapes = {"data": (1, 3, 8, 8), "im_info": (1, 3)}
    one = convert_graph(*detector, out=tmp_path / "a", inputs=shapes)
    other = convert_graph(*detector, out=tmp_path / "b", inputs=dict(reversed(shapes.items())))
    assert one.sha256 == other.sha256
    assert one.inputs == other.inputs


@pytest.mark.mxnet
def test_a_wrong_operator_is_caught(detector: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    for op, wrong in (("elemwise_sub", "elemwise_add"), ("relu", "sigmoid")):
        with monkeypatch.context() as patch:
            patch.setitem(OPERATORS, op, OPERATORS[wrong])
            with pytest.raises(ParityError, match="first stage that differs is head0"):
                convert_graph(
                    *detector,
                    out=detector[0].parent / "out",
                    inputs={"data": (1, 3, 8, 8), "im_info": (1, 3)},
                )


@pytest.mark.mxnet
def test_one_line_says_what_is_wrong_and_lists_the_inputs(detector: Paths) -> None:
    cases: list[tuple[list[str], int, str]] = [
        ([], 1, "expected one input, found 2 (im_info, data)"),
        (["--input", "data=1,3,8,8"], 1, "needs the shape of 'im_info'"),
        (
            ["--input", "data=1,3,8,8", "--input", "info=1,3", "--input", "im_info=1,3"],
            1,
            "has no input 'info'; its inputs are im_info, data",
        ),
        (["--input", "conv_weight=4,3,3,3"], 1, "its inputs are im_info, data"),
        (["--input", "data:1,3"], 2, "'data:1,3' is not NAME=SHAPE[:DTYPE]"),
        (["--input", "data=1,0"], 2, "the graph's inputs are im_info, data"),
        (["--input", "data=1,3:float64"], 2, "DTYPE one of float32, int32, int64, uint8"),
        (["--input", "data=1", "--input", "data=2"], 2, "gives 'data' twice; the graph's inputs"),
    ]
    for options, status, message in cases:
        result = run(detector, *options)
        assert result.exit_code == status, options
        (line,) = [line for line in result.stderr.splitlines() if line.lower().startswith("error")]
        assert message in line
        assert "im_info" in line
        assert "data" in line
    assert not (detector[0].parent / "out").exists()


@pytest.mark.mxnet
def test_a_label_is_not_taken_as_an_input(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    scores = sym.FullyConnected(sym.var("data"), num_hidden=3, name="fc")
    net = sym.SoftmaxOutput(scores, sym.var("softmax_label"), name="softmax")
    paths = saved(net, tmp_path, data=(1, 4), softmax_label=(1,))
    result = run(paths, "--input", "data=1,4", "--input", "softmax_label=1")
    assert result.exit_code == 1
    assert (
        "does not take the label 'softmax_label', which only training uses; its inputs are data"
        in result.stderr
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((), r"the shape of 'data' is \(\); expected sizes above 0"),
        ((1, -3), "expected sizes above 0"),
        ("1,3", "the shape of 'data' is '1,3'"),
        (5, "inputs: the shape of 'data' is 5; expected sizes above 0"),
        (None, "the shape of 'data' is None"),
        ({1, 3}, r"the shape of 'data' is \{1, 3\}"),
        ((1, 2.5), r"the shape of 'data' is \(1, 2.5\)"),
        (
            ((1, 3), "complex64"),
            "the data type of 'data' is 'complex64'; it must be one of float32",
        ),
        ((3, "int32"), "the shape of 'data' is 3"),
    ],
)
def test_a_wrong_shape_in_python_is_named(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convert_graph("s", "x", inputs={"data": value})


def test_sizes_may_be_integers_of_numpy() -> None:
    given = {"data": np.ones((2, 3)).shape, "ids": (tuple(np.array([1, 5])), "int32")}
    found = input_shapes(given)
    assert found == {"data": ((2, 3), "float32"), "ids": ((1, 5), "int32")}
    assert all(type(size) is int for shape, _ in found.values() for size in shape)


@pytest.mark.mxnet
def test_integers(tmp_path: Path) -> None:
    mx = import_mxnet()
    layer = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc")
    symbol = mx.sym.Group([layer, mx.sym.Reshape(mx.sym.var("ids"), shape=(0, -1))])
    paths = saved(symbol, tmp_path, data=(2, 4), ids=(2, 3, 2))
    given: dict[str, Any] = {"data": [2, 4], "ids": ((2, 3, 2), "int64")}
    record = convert_graph(*paths, out=tmp_path, inputs=given)
    assert record.parity.passed is True
    assert [(each.dtype, each.shape) for each in record.inputs] == [
        ("float32", (None, 4)),
        ("int64", (None, None, None)),
    ]
    program = torch.export.load(record.file).module()
    ids = torch.arange(18).reshape(3, 3, 2)
    assert torch.equal(program(torch.zeros(3, 4), ids)[1], ids.reshape(3, 6))


def test_random_integers_are_small_and_within_the_tables() -> None:
    rng = np.random.default_rng(0)
    values = InputSpec((1000,), "uint8").random(rng)
    assert (values.dtype, values.min(), values.max()) == ("uint8", 0, 9)
    table = {
        "nodes": [
            *(variable(name) for name in ("ids", "a", "b")),
            {
                "op": "Embedding",
                "name": "e",
                "attrs": {"input_dim": "2"},
                "inputs": [[0, 0], [1, 0]],
            },
            {
                "op": "Embedding",
                "name": "f",
                "attrs": {"input_dim": "7"},
                "inputs": [[0, 0], [2, 0]],
            },
        ],
        "heads": [[3, 0], [4, 0]],
    }
    graph = parse_symbol(json.dumps(table).encode(), "net")
    tables = {"a": np.ones((2, 1)), "b": np.ones((7, 1))}
    (spec,) = input_specs(graph, tables, {"ids": ((1000,), "int32")}).values()
    values = spec.random(rng)
    assert (values.dtype, values.min(), values.max()) == ("int32", 0, 1)


def test_a_mask_is_float32_of_zeros_and_ones() -> None:
    table = {
        "nodes": [variable("data"), {"op": "relu", "name": "relu", "inputs": [[0, 0]]}],
        "heads": [[1, 0]],
    }
    graph = parse_symbol(json.dumps(table).encode(), "net")
    spec = input_specs(graph, {}, {"data": ((50, 4), "mask")})["data"]
    assert (spec.dtype, spec.batch) == ("float32", 50)
    values = spec.random(np.random.default_rng(0))
    assert values.dtype == "float64"  # before it is cast to that of the proof
    assert set(values.ravel()) == {0, 1}


@pytest.mark.mxnet
def test_indices_and_lengths(tmp_path: Path) -> None:
    """Token indices, segments and lengths, as a BERT takes them; the lengths in floating point."""
    mx = import_mxnet()
    ids, kinds = mx.sym.var("ids"), mx.sym.var("kinds")
    words = mx.sym.Embedding(ids, input_dim=20, output_dim=6, name="words")
    words = words + mx.sym.Embedding(kinds, input_dim=2, output_dim=6, name="types")
    masked = mx.sym.SequenceMask(words, mx.sym.var("length"), use_sequence_length=True, axis=1)
    symbol = mx.sym.FullyConnected(masked, num_hidden=3, flatten=False, name="fc")
    paths = saved(symbol, tmp_path, ids=(1, 5), kinds=(1, 5), length=(1,))
    options = ["--input", "ids=1,5:int32", "--input", "kinds=1,5", "--input", "length=1"]
    result = run(paths, *options, "--json", "-")
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)
    assert [(each["shape"], each["dtype"]) for each in record["inputs"]] == [
        ([None, None], "int32"),
        ([None, None], "float32"),
        ([None], "float32"),
    ]
    arrays = {name: np.ones(1) for name in ("words_weight", "types_weight")}
    given = {"ids": ((1000,), "int32"), "kinds": ((1000,), "float32"), "length": ((1000,), "uint8")}
    specs = input_specs(read_symbol(paths[0]), arrays, given)
    values = {
        name: np.unique(spec.random(np.random.default_rng(0))) for name, spec in specs.items()
    }
    assert values["ids"].tolist() == list(range(10))
    assert (values["kinds"].tolist(), values["kinds"].dtype) == ([0, 1], "float64")
    assert (values["length"].tolist(), values["length"].dtype) == ([1, 2], "uint8")


@pytest.mark.mxnet
def test_a_graph_of_one_input(tmp_path: Path) -> None:
    mx = import_mxnet()
    paths = saved(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3), tmp_path, data=(1, 4))
    record = convert_graph(*paths, out=tmp_path, inputs={"data": (3, 4)})
    assert (record.input, record.input_shape) == ("data", (4,))
    assert {check.input for check in record.parity.checks} == {"3x4"}
    result = run(paths, "--input", "data=1,4")
    assert "takes (N, 4); --input gives other shapes" in result.output
    default = convert_graph(*paths, out=tmp_path)
    assert default.sha256 == record.sha256
    assert default.inputs == record.inputs
    with pytest.raises(ImageSizeError, match="cannot run on inputs of shape 1x5"):
        convert_graph(*paths, out=tmp_path, inputs={"data": (1, 5)})


@pytest.mark.mxnet
def test_inputs_with_different_first_sizes_are_of_fixed_shapes(tmp_path: Path) -> None:
    mx = import_mxnet()
    image = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc")
    symbol = mx.sym.broadcast_add(image, mx.sym.var("rois"))
    paths = saved(symbol, tmp_path, data=(1, 4), rois=(5, 3))
    result = run(paths, "--input", "data=1,4", "--input", "rois=5,3")
    assert result.exit_code == 0, result.output
    assert "takes data (1, 4), rois (5, 3)" in result.output
    assert "shapes only: the inputs have different first sizes" in result.output
    (path,) = (tmp_path / "out").glob("*.pt2")
    program = torch.export.load(path).module()
    assert program(torch.zeros(1, 4), torch.zeros(5, 3)).shape == (5, 3)
    with pytest.raises((AssertionError, RuntimeError), match=r"rois.size\(\)\[0\] == 5"):
        program(torch.zeros(1, 4), torch.zeros(6, 3))


@pytest.mark.mxnet
def test_a_batch_in_the_graph_without_evidence_is_that_of_the_program(tmp_path: Path) -> None:
    mx = import_mxnet()
    rows = mx.sym.Reshape(mx.sym.var("data"), shape=(4, -1))
    paths = saved(mx.sym.FullyConnected(rows, num_hidden=3), tmp_path, data=(4, 3, 2))
    record = convert_graph(*paths, out=tmp_path, inputs={"data": (4, 3, 2)})
    assert record.inputs[0].shape == (4, 3, 2)
    assert torch.export.load(record.file).module()(torch.zeros(4, 3, 2)).shape == (4, 3)


@pytest.mark.mxnet
def test_a_head_that_is_constant_beside_one_that_is_not(tmp_path: Path) -> None:
    """Anchor boxes depend on the size of an image alone; a network of constants is refused."""
    mx = import_mxnet()
    data = mx.sym.var("data")
    layer = mx.sym.FullyConnected(data, num_hidden=3, name="fc")
    constant = data * 0 + 1.5
    paths = saved(mx.sym.Group([constant, layer]), tmp_path, data=(1, 4))
    record = convert_graph(*paths, out=tmp_path, inputs={"data": (1, 4)})
    assert record.parity.passed is True
    assert record.parity.constant_heads == ("head0",)
    assert [note.split(",")[0] for note in record.notes] == [
        "head0 does not depend on the values of the inputs"
    ]
    paths = saved(layer, tmp_path, data=(1, 4))
    record = convert_graph(*paths, out=tmp_path, inputs={"data": (1, 4)})
    assert (record.parity.constant_heads, record.notes) == ((), ())
    paths = saved(mx.sym.Group([constant, layer * 0]), tmp_path, data=(1, 4))
    with pytest.raises(ParityError, match="outputs do not depend on the input: head0"):
        convert_graph(*paths, out=tmp_path, inputs={"data": (1, 4)})


def test_names_of_shapes() -> None:
    assert describe({"data": (1, 3)}) == "1x3"
    assert describe({"data": (1, 3), "ids": ("N", 2)}) == "data 1x3, ids Nx2"


@pytest.mark.mxnet
def test_names_that_differ_are_noted_in_the_record_and_on_the_command_line(tmp_path: Path) -> None:
    mx = import_mxnet()
    paths = saved(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3), tmp_path, data=(1, 4))
    text = paths[0].read_text().replace("fullyconnected", "net7_fullyconnected")
    paths[0].write_text(text)
    result = run(paths, "--input", "data=1,4", out=tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "  note: all 2 arrays were matched by their names without a prefix" in result.output
    (record,) = (tmp_path / "out").glob("*.json")
    (note,) = json.loads(record.read_text())["notes"]
    assert note in result.output
    paths[0].write_text(text.replace("_weight", "_w"))
    with pytest.raises(GraphError, match="2 of the graph's 2 arrays are missing"):
        convert_graph(*paths, out=tmp_path)
