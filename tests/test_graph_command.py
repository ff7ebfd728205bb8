"""`gluon2torch graph`: run as a user runs it, without MXNet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gluon2torch.cli import main

from .test_graph_reader import network, variable


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["graph", *map(str, arguments)])


@pytest.fixture
def symbol(tmp_path: Path) -> Path:
    """A classifier of a Module: a layer, ReLU, and softmax with its label."""
    table = network()
    table["nodes"].append(variable("softmax_label"))
    table["nodes"].append(
        {"op": "SoftmaxOutput", "name": "softmax", "inputs": [[4, 0, 0], [5, 0, 0]]}
    )
    table["heads"] = [[6, 0, 0]]
    path = tmp_path / "net-symbol.json"
    path.write_text(json.dumps(table))
    return path


def test_a_summary_as_text_and_as_json(symbol: Path) -> None:
    text = run(symbol).output
    assert f"{symbol}: MXNet 1.9.1, 3 operators, 2 arrays" in text
    assert "can be imported; parity limits: float64 1e-12, float32 1e-05" in text
    assert "not supported" not in text
    (summary,) = json.loads(run(symbol, "--json", "-").output)
    assert summary == {
        "file": str(symbol),
        "mxnet_version": "1.9.1",
        "operators": {"FullyConnected": 1, "relu": 1, "SoftmaxOutput": 1},
        "inputs": ["data"],
        "states": [],
        "labels": ["softmax_label"],
        "outputs": ["softmax"],
        "arrays": ["fc1_weight", "fc1_bias"],
        "unsupported": {},
        "last_outputs": [],
        "limits": {"float64": 1e-12, "float32": 1e-5},
    }


def test_what_is_not_supported_is_reported(symbol: Path) -> None:
    table = json.loads(symbol.read_text())
    table["nodes"][4]["op"] = "Custom"
    symbol.write_text(json.dumps(table))
    result = run(symbol)
    assert result.exit_code == 0
    assert "Custom          1  not supported (relu0): it calls code that" in result.output
    assert "cannot be imported" in result.output


def test_a_picture_without_arrays_and_labels(symbol: Path, tmp_path: Path) -> None:
    table = json.loads(symbol.read_text())
    table["nodes"][4]["name"] = 'a "name" \\ of\nlines'
    symbol.write_text(json.dumps(table))
    assert run(symbol, "--dot", tmp_path / "net.dot").exit_code == 0
    lines = (tmp_path / "net.dot").read_text().splitlines()
    assert lines[0] == "digraph {"
    assert '  n0 [label="data", style=rounded];' in lines
    assert '  n3 [label="FullyConnected\\nfc1\\nnum_hidden 3"];' in lines
    assert '  n4 [label="relu\\na \\"name\\" \\\\ of\\nlines"];' in lines
    assert '  n5 [label="SoftmaxOutput\\nsoftmax", penwidth=2];' in lines
    assert [line for line in lines if "->" in line] == [
        "  n0 -> n3;",
        "  n3 -> n4;",
        "  n4 -> n5;",
    ]


def test_without_graphviz_the_error_says_what_to_install(
    symbol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run(symbol, "--svg", tmp_path / "net.svg")
    assert result.exit_code == 1
    assert "apt install graphviz" in result.output
    assert not (tmp_path / "net.svg").exists()


@pytest.mark.graphviz
def test_a_picture_as_svg(symbol: Path, tmp_path: Path) -> None:
    link = tmp_path / "net.svg"
    link.symlink_to(tmp_path / "far.svg")
    assert run(symbol, "--svg", link).exit_code == 0
    assert link.is_symlink()
    assert "<svg" in (tmp_path / "far.svg").read_text()


@pytest.mark.posix
def test_a_picture_by_a_program_that_fails(
    symbol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    result = run(symbol, "--svg", tmp_path / "net.svg")
    assert result.exit_code == 1
    assert "`dot` failed" in result.output


def test_a_file_that_is_no_graph_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "net-symbol.json").write_bytes(b"\x12\x01" + bytes(30))
    result = run(tmp_path / "net-symbol.json")
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "a .params file" in result.output
