"""`convert.py --symbol`: any exported network → a program of torch.export."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import nn

from gluon2torch.commands.convert_command import convert_command
from gluon2torch.errors import CheckpointError, GraphError, ImageSizeError, KeyMapError, ParityError
from gluon2torch.graph.operators import OPERATORS
from gluon2torch.graph.summary import summarize
from gluon2torch.graph.symbols.symbol import read_symbol
from gluon2torch.pipeline import graph_conversion
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.pipeline.graph_verification import verify_graph
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params

from .exported import export, export_symbol
from .test_graph_reader import ARRAYS, network, variable


def run(*arguments: object) -> Result:
    return CliRunner().invoke(convert_command, list(map(str, arguments)))


@pytest.fixture
def mine(tmp_path: Path) -> tuple[Path, Path]:
    """A layer and a ReLU, which needs no MXNet."""
    (tmp_path / "my-net-symbol.json").write_text(json.dumps(network()))
    write_params(tmp_path / "my-net-0000.params", {f"arg:{k}": v for k, v in ARRAYS.items()})
    return tmp_path / "my-net-symbol.json", tmp_path / "my-net-0000.params"


@pytest.mark.mxnet
def test_an_exported_network_becomes_a_program(tmp_path: Path) -> None:
    symbol, params = export("cifar_resnet20_v1", tmp_path, (32, 32))
    options = ["--symbol", symbol, "--params", params, "--size", "32x32", "--size", "33x25"]
    result = run(*options, "-o", tmp_path / "out", "--json", "-")
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)
    path = Path(record["file"])
    assert path.name == f"gluon_cifar_resnet20_v1-{record['sha256'][:8]}.pt2"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == record["sha256"]
    assert json.loads(path.with_suffix(".json").read_text()) == record
    assert (record["model"], record["name"]) == ("cifar_resnet20_v1", "gluon_cifar_resnet20_v1")
    assert (record["parameters"], record["num_classes"]) == (272474, 10)
    assert record["input_shape"] == [3, 32, 32]
    assert record["parity"]["reference"] == "gluon"
    assert record["parity"]["passed"] is True
    assert [(c["dtype"], c["input"], c["limit"]) for c in record["parity"]["checks"]] == [
        ("float64", "2x3x32x32", 1e-12),
        ("float64", "2x3x33x25", 1e-12),
        ("float32", "2x3x32x32", 1e-5),
        ("float32", "2x3x33x25", 1e-5),
        ("float64", "2x3x25x21", 1e-12),
        ("float64", "2x3x21x37", 1e-12),
    ]
    assert record["inputs"][0]["shape"] == [None, 3, None, None]
    program = torch.export.load(path).module()
    assert program(torch.zeros(7, 3, 32, 32)).shape == (7, 10)


@pytest.mark.costly
def test_equal_networks_give_equal_bytes_in_every_process(
    mine: tuple[Path, Path], tmp_path: Path
) -> None:
    here = convert_graph(*mine, out=tmp_path / "a", reference="none")
    code = (
        "import sys, torch; torch.fx.symbolic_trace(torch.nn.ReLU());"
        "from gluon2torch.pipeline.graph_conversion import convert_graph;"
        "print(convert_graph(*sys.argv[1:3], out=sys.argv[3], reference='none').file)"
    )
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", code, *map(str, mine), str(tmp_path / "b" / "c")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    there = Path(done.stdout.strip())
    assert there.name == Path(here.file).name, done.stderr
    assert there.read_bytes() == Path(here.file).read_bytes()
    # nothing of the machine that made it stands in it
    assert str(root).encode() not in there.read_bytes()


def test_without_mxnet_it_is_written_and_the_record_says_so(
    mine: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gluon2torch.pipeline.graph_conversion.has_mxnet", lambda: False)
    result = run("--symbol", mine[0], "--params", mine[1], "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "parity was not run" in result.output
    assert "takes (N, 2)" in result.output
    (path,) = (tmp_path / "out").glob("*.pt2")
    assert re.fullmatch(r"gluon_my_net-[0-9a-f]{8}\.pt2", path.name)
    assert json.loads(path.with_suffix(".json").read_text())["parity"]["reference"] == "none"
    assert torch.export.load(path).module()(torch.tensor([[1.0, 2.0]])).tolist() == [[0, 3, 9]]


@pytest.mark.mxnet
def test_an_operator_that_computes_otherwise_is_caught(
    mine: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPERATORS, "relu", OPERATORS["sigmoid"])
    with pytest.raises(ParityError, match="first stage that differs is head0 ") as error:
        convert_graph(*mine, out=tmp_path / "out")
    assert error.value.failure.model == "my-net"
    assert error.value.failure.parity.passed is False
    assert not (tmp_path / "out").exists()


@pytest.mark.mxnet
def test_fused_nodes_are_proved_as_their_layers_and_counted_as_in_the_file(tmp_path: Path) -> None:
    """As `gluon2torch graph` counts them: oneDNN's fused nodes, and the layers in them."""
    sym = import_mxnet().sym
    layer = sym.Convolution(sym.var("data"), kernel=(3, 3), num_filter=4, name="conv")
    plain = sym.Activation(layer, act_type="relu", name="relu")
    symbol, params = export_symbol(plain, tmp_path / "net", {"data": (1, 3, 28, 28)})
    plain.get_backend_symbol("MKLDNN").save(str(symbol))
    record = convert_graph(symbol, params, sizes=[(28, 28)], out=tmp_path / "out")
    further = ["float64", "float64"]  # with images of other sizes
    assert [each.dtype for each in record.parity.checks] == ["float64", "float32", *further]
    assert record.operators == {"_sg_mkldnn_conv": 1, "Convolution": 1, "Activation": 1}
    assert record.operators == summarize(read_symbol(symbol)).operators


def test_a_program_that_differs_from_the_module_is_not_written(
    mine: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_program = torch.export.export

    def wrong(module: Any, *arguments: Any, **options: Any) -> Any:
        with torch.no_grad():
            module.fc1.bias += 1e-3
            program = export_program(module, *arguments, **options)
            program.state_dict["fc1.bias"] = nn.Parameter(module.fc1.bias.detach().clone())
            module.fc1.bias -= 1e-3
        return program

    monkeypatch.setattr(torch.export, "export", wrong)
    with pytest.raises(CheckpointError, match="the program differs from the module"):
        convert_graph(*mine, out=tmp_path / "out", reference="none")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inputs", [None, {"data": (1, 2)}])
def test_a_program_that_differs_is_never_replaced_by_another(
    inputs: Any, mine: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what torch cannot export for any batch size is written for one."""
    export_program = torch.export.export

    def wrong(module: Any, arguments: Any, dynamic_shapes: Any) -> Any:
        program = export_program(module, arguments, dynamic_shapes=dynamic_shapes)
        if dynamic_shapes is not None:
            with torch.no_grad():
                program.state_dict["fc1.bias"] = nn.Parameter(module.fc1.bias + 1e-3)
        return program

    monkeypatch.setattr(torch.export, "export", wrong)
    with pytest.raises(CheckpointError, match="the program differs from the module by"):
        convert_graph(*mine, out=tmp_path / "out", reference="none", inputs=inputs)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inputs", [None, {"data": (1, 2)}])
def test_a_program_for_one_batch_size_is_noted(
    inputs: Any, mine: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_program = torch.export.export

    def fails(module: Any, arguments: Any, dynamic_shapes: Any) -> Any:
        if dynamic_shapes is not None:
            raise RuntimeError("the batch is a constant")
        return export_program(module, arguments)

    monkeypatch.setattr(torch.export, "export", fails)
    record = convert_graph(*mine, out=tmp_path / "out", reference="none", inputs=inputs)
    (note,) = record.notes
    assert note == (
        "the pt2 file accepts this batch only: torch cannot export it otherwise (the batch is a "
        "constant); that of `--format pth` accepts others"
    )
    assert record.inputs[0].shape == (1, 2)
    assert torch.export.load(record.file).module()(torch.tensor([[1.0, 2.0]])).tolist() == [
        [0, 3, 9]
    ]


def test_a_constant_that_is_cut_to_the_batch_limits_it(tmp_path: Path) -> None:
    table = network()
    offsets = {**variable("offsets"), "attrs": {"__shape__": "(5, 3)"}}
    cut = {"op": "slice_like", "name": "cut", "attrs": {"axes": "(0,)"}, "inputs": [[5, 0], [4, 0]]}
    table["nodes"] += [
        offsets,
        cut,
        {"op": "elemwise_add", "name": "sum", "inputs": [[4, 0], [6, 0]]},
    ]
    table["heads"] = [[7, 0]]
    (tmp_path / "net-symbol.json").write_text(json.dumps(table))
    write_params(tmp_path / "net.params", {**ARRAYS, "offsets": np.eye(5, 3, dtype=np.float32)})
    files = tmp_path / "net-symbol.json", tmp_path / "net.params"
    record = convert_graph(*files, out=tmp_path / "out", reference="none")
    assert (record.notes, record.inputs[0].shape) == ((), (None, 2))
    program = torch.export.load(record.file).module()
    assert program(torch.tensor([[1.0, 2.0]] * 5)).tolist() == [
        [1, 3, 9],
        [0, 4, 9],
        [0, 3, 10],
        [0, 3, 9],
        [0, 3, 9],
    ]


def reshaping(folder: Path, batch: int) -> tuple[Path, Path]:
    """A layer of a value whose batch is a number in the graph."""
    table = network()
    reshape = {"op": "Reshape", "name": "r", "attrs": {"shape": f"({batch}, -1)"}}
    table["nodes"].insert(3, {**reshape, "inputs": [[0, 0]]})
    table["nodes"][4]["inputs"] = [[3, 0], [1, 0], [2, 0]]
    table["nodes"][5]["inputs"] = [[4, 0]]
    table["heads"] = [[5, 0]]
    (folder / "r-symbol.json").write_text(json.dumps(table))
    arrays = {**ARRAYS, "fc1_weight": np.ones((3, 3 * 28 * 28), np.float32)}
    write_params(folder / "r.params", arrays)
    return folder / "r-symbol.json", folder / "r.params"


@pytest.mark.mxnet
@pytest.mark.parametrize("options", [["--size", "28x28"], ["--input", "data=1,3,28,28"], []])
def test_a_network_for_one_batch_size_is_proved_and_written_for_it(
    options: list[str], tmp_path: Path
) -> None:
    symbol, params = reshaping(tmp_path, 1)
    result = run("--symbol", symbol, "--params", params, "-o", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    (path,) = (tmp_path / "out").glob("*.json")
    record = json.loads(path.read_text())
    assert record["inputs"] == [{"name": "data", "shape": [1, 3, 28, 28], "dtype": "float32"}]
    assert {check["input"] for check in record["parity"]["checks"]} == {"1x3x28x28"}
    *found, note = record["notes"]
    usual = "28x28 is the first of the usual sizes at which the graph runs; --size gives another"
    assert found == ([] if options else [usual])
    assert note.endswith("shapes only: the network does not run with a batch of 2")
    assert note in result.output


@pytest.mark.mxnet
def test_a_detector_whose_proposals_are_of_one_image_is_proved_and_written_for_it(
    tmp_path: Path,
) -> None:
    """MXNet refuses more images than one in `Proposal`, of which every Faster R-CNN has one."""
    sym = import_mxnet().sym
    features = sym.Convolution(
        sym.var("data"), kernel=(3, 3), stride=(8, 8), pad=(1, 1), num_filter=4, name="features"
    )
    scores, offsets = (
        sym.Convolution(features, kernel=(1, 1), num_filter=size, name=name)
        for name, size in (("scores", 2), ("offsets", 4))
    )
    options = {"feature_stride": 8, "ratios": (1,), "scales": (2,), "rpn_min_size": 2}
    options |= {"rpn_pre_nms_top_n": 6, "rpn_post_nms_top_n": 4}
    shares = sym.SoftmaxActivation(scores, mode="channel")
    boxes = sym.contrib.Proposal(shares, offsets, sym.var("im_info"), **options)
    pooled = sym.ROIPooling(features, boxes, pooled_size=(2, 2), spatial_scale=1 / 8)
    shapes = {"data": (1, 3, 32, 24), "im_info": (1, 3)}
    paths = export_symbol(
        sym.FullyConnected(pooled, num_hidden=3, name="fc"), tmp_path / "net", shapes
    )
    record = convert_graph(*paths, out=tmp_path, inputs=shapes, formats=["pth"])
    assert record.parity.passed
    assert {check.input for check in record.parity.checks} >= {"data 1x3x32x24, im_info 1x3"}
    assert [each.shape[0] for each in record.inputs or ()] == [1, 1]
    assert "one image at a time in MXNet" in record.notes[0]
    checked = verify_graph(record.file)
    assert checked.parity is not None
    assert checked.parity.passed


def test_a_network_for_another_batch_size_is_one_line(tmp_path: Path) -> None:
    symbol, params = reshaping(tmp_path, 4)
    options = ["--symbol", symbol, "--params", params, "-o", tmp_path / "out"]
    result = run(*options, "--reference", "none", "--size", "28x28")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert f"Error: {symbol}: cannot run on inputs of shape 1x3x28x28" in line
    assert "--input NAME=SHAPE" in line
    assert run(*options, "--reference", "none", "--input", "data=4,3,28,28").exit_code == 0


@pytest.mark.mxnet
def test_a_note_names_what_mxnet_has_in_float32_only(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    conv = sym.Convolution(sym.var("data"), kernel=(3, 3), num_filter=4, name="conv")
    paths = export_symbol(sym.LRN(conv, nsize=3), tmp_path / "net", {"data": (1, 3, 12, 10)})
    record = convert_graph(*paths, out=tmp_path, sizes=[(12, 10)], formats=["pth"])
    assert {check.dtype for check in record.parity.checks} == {"float32"}
    assert record.notes == (
        "outputs were compared in float32 only: MXNet does not compute LRN in float64",
    )


def test_the_size_is_looked_for_where_none_is_given(tmp_path: Path) -> None:
    """A convolution and a layer that fits 32×32 alone."""
    table = network()
    table["nodes"][:3] = [variable(name) for name in ("data", "c_weight", "w", "b")]
    conv = {
        "op": "Convolution",
        "name": "c",
        "attrs": {"kernel": "(1, 1)", "num_filter": "1", "no_bias": "True"},
    }
    table["nodes"].insert(4, {**conv, "inputs": [[0, 0], [1, 0]]})
    table["nodes"][5]["inputs"] = [[4, 0], [2, 0], [3, 0]]
    table["nodes"][6]["inputs"] = [[5, 0]]
    table["heads"] = [[6, 0]]
    (tmp_path / "n-symbol.json").write_text(json.dumps(table))
    arrays = {
        "c_weight": np.ones((1, 4, 1, 1), np.float32),
        "w": np.ones((3, 1024), np.float32),
        "b": np.zeros(3, np.float32),
    }
    write_params(tmp_path / "n.params", arrays)
    paths = (tmp_path / "n-symbol.json", tmp_path / "n.params")
    record = convert_graph(*paths, out=tmp_path, reference="none")
    assert record.input_shape == (4, 32, 32)
    assert record.notes == (
        "32x32 is the first of the usual sizes at which the graph runs; --size gives another",
        *record.notes[1:],
    )
    write_params(tmp_path / "n.params", {**arrays, "w": np.ones((3, 1023), np.float32)})
    with pytest.raises(ImageSizeError, match="nor on images of 299x299, .*, 28x28; .*--size HEIG"):
        convert_graph(*paths, out=tmp_path, reference="none")
    write_params(tmp_path / "n.params", arrays)
    with pytest.raises(
        ImageSizeError,
        match="n-symbol.json: cannot run on inputs of shape 1x4x31x32 .*--input NAME",
    ):
        convert_graph(*paths, out=tmp_path, reference="none", sizes=[(31, 32)])


def test_what_keeps_a_network_from_being_converted_is_reported(
    mine: tuple[Path, Path], tmp_path: Path
) -> None:
    symbol, params = mine
    out = tmp_path / "out"
    write_params(params, {**ARRAYS, "fc1_bias": np.full(3, np.nan, np.float32)})
    with pytest.raises(KeyMapError, match="fc1_bias: contains 3 NaN"):
        convert_graph(*mine, out=out, reference="none")
    write_params(params, ARRAYS)
    table = network()
    table["nodes"].append(variable("more"))
    table["nodes"].append({"op": "elemwise_add", "name": "sum", "inputs": [[4, 0], [5, 0]]})
    table["heads"] = [[6, 0]]
    symbol.write_text(json.dumps(table))
    with pytest.raises(GraphError, match=r"expected one input, found 2 \(data, more\)"):
        convert_graph(*mine, out=out, reference="none")
    assert not out.exists()


def test_a_program_is_not_written_if_its_record_cannot_be(
    mine: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(text: str, path: Path) -> None:
        raise CheckpointError("no space")

    monkeypatch.setattr(graph_conversion, "write_text", full)
    with pytest.raises(CheckpointError, match="no space"):
        convert_graph(*mine, out=tmp_path / "out", reference="none")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give it with --params"),
        (["--params", "x", "resnet18_v1b"], "omit MODEL"),
        (["--params", "x", "--backbone"], "--backbone applies to catalogue networks"),
        (["--params", "x", "--reference", "graph"], "the graph with itself"),
    ],
)
def test_wrong_usage(options: list[str], message: str) -> None:
    result = run("--symbol", "net-symbol.json", *options)
    assert result.exit_code == 2
    assert message in result.output


def test_a_users_mistake_is_one_line(mine: tuple[Path, Path], tmp_path: Path) -> None:
    result = run("--symbol", mine[1], "--params", mine[1], "-o", tmp_path / "out")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {mine[1]}: not a -symbol.json, but a .params file")
    assert "my-net" in result.stdout
