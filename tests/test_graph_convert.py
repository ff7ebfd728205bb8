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
from gluon2torch.pipeline import graph_conversion
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.params_writer import write_params

from .exported import export
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
    ]
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
    with pytest.raises(ImageSizeError, match="cannot run on inputs of shape 1x4x31x32 .*--size"):
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


def test_a_record_that_cannot_be_written_takes_its_program_along(
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
        (["--params", "x", "--report", "r"], "--report applies to catalogue networks"),
        (["--params", "x", "--format", "onnx"], "--format applies to catalogue networks"),
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
    assert line.startswith(f"error: {mine[1]}: not a -symbol.json, but a .params file")
    assert "my-net" in result.stdout
