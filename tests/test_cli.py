from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gluon2torch.checkpoints.record import Record
from gluon2torch.commands.convert_command import show_each
from gluon2torch.errors import KeyMapError
from gluon2torch.pipeline.batch import convert_in_turn
from gluon2torch.pipeline.request import Request
from gluon2torch.sources.params_writer import write_params

from .conftest import record as a_record
from .test_commands import arrays

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "convert.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
    )


@pytest.mark.mxnet
def test_results_as_lines_and_as_json(tmp_path: Path) -> None:
    done = run("cifar_resnet20_v1", "--init", "random", "-o", "w", "--json", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    assert record["model"] == "cifar_resnet20_v1"
    assert record["name"] == "gluon_cifar_resnet20_v1"
    assert record["family"] == "cifar_resnet_v1"
    assert record["file"] == f"w/gluon_cifar_resnet20_v1-{record['sha256'][:8]}.pth"
    assert record["bytes"] == (tmp_path / record["file"]).stat().st_size
    assert record["parameters"] == 272474
    assert record["num_classes"] == 10
    assert record["source"] == {
        "kind": "random",
        "path": None,
        "url": None,
        "sha1": None,
        "seed": 0,
    }
    assert record["parity"]["passed"] is True
    assert [(c["dtype"], c["input"]) for c in record["parity"]["checks"]] == [
        ("float64", "2x3x32x32"),
        ("float64", "2x3x33x25"),
        ("float32", "2x3x32x32"),
        ("float32", "2x3x33x25"),
    ]
    assert all(0 < c["max_rel"] < c["limit"] for c in record["parity"]["checks"])
    assert set(record["seconds"]) == {"source", "map", "reference", "parity", "write", "total"}

    done = run("cifar_resnet20_v1", "--init", "random", "-o", "w", cwd=tmp_path)
    assert "equal to gluon: float64" in done.stdout
    assert record["file"] in done.stdout  # the same bytes again
    done = run("cifar_resnet20_v1", "--init", "random", "-o", "w", "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_reference_none_is_said_and_recorded(tmp_path: Path) -> None:
    source = tmp_path / "mine.params"
    write_params(source, arrays())
    options = ["--reference", "none", "-o", tmp_path, "--json", "r.json"]
    done = run("cifar_resnet20_v1", "--params", source, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "parity was not run" in done.stdout
    (record,) = json.loads((tmp_path / "r.json").read_text())
    assert record["parity"] == {
        "reference": "none",
        "passed": None,
        "checks": [],
        "stages": [],
        "condition": None,
        "constant_from": None,
        "constant_heads": [],
        "map_proof": None,
        "training": None,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet50v1d"], "did you mean resnet50_v1d"),
        ([], "give a MODEL, or --all"),
        (["--all", "resnet18_v1b"], "--all accepts neither"),
        (
            ["--params", "x.params", "resnet18_v1b", "resnet34_v1b"],
            "--params accepts only one MODEL",
        ),
        (["--params", "a", "--params", "b", "--symbol", "s"], "--symbol accepts only one file"),
        (["--params", "a", "--params", "b", "--report", "r"], "--report accepts only one file"),
        (
            ["--params", "a", "--params", "b", "--save-reference", "r.npz"],
            "--save-reference accepts only one network",
        ),
        (["--params", "tests/graphs"], "--params: tests/graphs has no .params files"),
        (["--params", "@no/such/list"], "--params: no/such/list cannot be read (No such file"),
        (["--all", "--shard", "0/4"], "'0/4' is not a shard; write I/N with I from 1 to N"),
        (["--all", "--shard", "5/4"], "'5/4' is not a shard"),
        (["--all", "--jobs", "0"], "0 is not in the range"),
        (["resnet18_v1b", "--size", "224"], "'224' is not a size"),
        (["resnet18_v1b", "--seed", "-1"], "-1 is not in the range"),
        (["resnet18_v1b", "--json", "/"], "'--json': / is a folder"),
        (["resnet18_v1b", "--backbone"], "--backbone extracts the trunk from a file"),
        (["resnet18_v1b", "--size", "0x4"], "'0x4' is not a size"),
        (["resnet18_v1b", "--init", "magic"], "'magic' is not one of"),
    ],
)
def test_wrong_usage_is_status_2_and_one_line(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "0 bytes are too few"),
        (b"\x12\x01" + bytes(14) + b"\x09" + bytes(25), "at byte 16: 9 arrays do not fit in"),
        (b"<!DOCTYPE html><html>", "a web page"),
    ],
)
def test_a_users_file_that_is_wrong_is_status_1_and_one_line(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.params"
    if content is not None:
        path.write_bytes(content)
    options = ["--reference", "none", "-o", tmp_path / "out", "--json", "-"]
    done = run("resnet18_v1b", "--params", path, *options)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {path}: ")
    assert message in line
    (record,) = json.loads(done.stdout)
    assert record["error"] == line.removeprefix("Error: ")
    assert (record["model"], record["family"]) == ("resnet18_v1b", "resnet_v1b")
    assert record["name"] == "gluon_resnet18_v1b"
    assert (record["source"]["kind"], record["source"]["path"]) == ("params", str(path))
    assert "file" not in record
    assert not (tmp_path / "out").exists()


@pytest.mark.mxnet
def test_without_network_one_line_says_what_to_do(tmp_path: Path) -> None:
    done = run("resnet18_v1b", "cifar_resnet20_v1", "-o", tmp_path)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert "--init random" in first
    assert "cifar_resnet20_v1-121e1579.zip" in second
    assert "0 of 2 converted" in done.stdout


def test_a_failure_does_not_stop_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    def one(request: Request, *_: object) -> Record:
        if request.model == "b":
            raise KeyMapError("b is wrong:", [f"problem {number:02}" for number in range(40)])
        return a_record()

    requests = [Request(model=name, params=f"{name}.params") for name in "abc"]
    results = show_each(convert_in_turn(requests, one), requests, quiet=False)
    assert [result.succeeded for result in results] == [True, False, True]
    assert "problem 39" in results[1].as_dict()["error"]  # the record has them all
    out, err = capsys.readouterr()
    assert "2 of 3 converted, 0 proved equal" in out
    assert "problem 00" in err
    assert "problem 39" not in err
    assert "… and 30 more" in err


def test_the_catalogue_as_table_and_json() -> None:
    done = run("--list")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len([line for line in lines if line]) == 74 + 256 + 7
    assert any(line.split()[:3] == ["yolo3_darknet53_voc", "voc", "3x416x416"] for line in lines)
    assert any(
        line.split() == ["senet_154", "gluon_senet154", "224x224", "115.09M", "81.22", "95.36"]
        for line in lines
    )
    rows = json.loads(run("--list", "--json", "-").stdout)
    assert len(rows) == 329
    assert rows[-1]["task"] == "tracking"
    assert rows[0]["name"] == "resnet18_v1b"
    assert rows[0]["dataset"]["input_size"] == [224, 224]


@pytest.mark.posix
@pytest.mark.parametrize("verb", ["convert --list", "inspect mine.params", "detect mine.params"])
def test_a_reader_that_ends_early_is_no_error(verb: str, tmp_path: Path) -> None:
    write_params(tmp_path / "mine.params", arrays())
    reading, writing = os.pipe()
    os.close(reading)  # as of `| head` that has read enough
    command = [sys.executable, "-m", "gluon2torch", *verb.split()]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path)
    os.close(writing)
    assert done.stderr == b""


def test_the_shell_completes_commands_and_options() -> None:
    def complete(*words: str) -> list[str]:
        environment = {
            **os.environ,
            "_GLUON2TORCH_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("gluon2torch", *words)),
            "COMP_CWORD": str(len(words)),
        }
        code = "import sys; sys.argv = ['gluon2torch']; from gluon2torch.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        return done.stdout.split()

    assert complete("val") == ["plain,validate"]
    assert complete("convert", "--save") == ["plain,--save-reference"]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from gluon2torch.cli import main;"
        "assert CliRunner().invoke(main, ['convert', '--help']).exit_code == 0;"
        "print([m for m in ('torch', 'numpy', 'mxnet', 'yaml', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow
def test_help_answers_at_once() -> None:
    def best(*command: str) -> float:
        times = []
        for _ in range(10):
            start = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True, cwd=ROOT)
            times.append(time.perf_counter() - start)
        return min(times)

    extra = best("convert.py", "--help") - best("-c", "import click")
    print(f"convert.py --help: {extra:.3f} s more than importing click")
    assert extra < 0.15
