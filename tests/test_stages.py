"""A conversion announces its stages, with a share of the work that only grows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from gluon2torch.checkpoints.record import Record
from gluon2torch.files.stages import announce_step, watched
from gluon2torch.parity import proof
from gluon2torch.pipeline.batch import _in_process
from gluon2torch.pipeline.request import Request
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params

from .conftest import random_network, record
from .images import run


@pytest.mark.mxnet
def test_verbose_prints_each_stage_as_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "_PROVED_MAPS", {})  # of other tests in this process
    path = tmp_path / "mine.params"
    write_params(path, random_network("cifar_resnet20_v1").arrays)
    options = ("--params", path, "--reference", "gluon", "-o", tmp_path / "out")
    result = run("convert", *options, "--verbose")
    assert result.exit_code == 0, result.output
    shown = [
        re.fullmatch(rf"{re.escape(str(path))}: (.*) \((\d+)%\)", line)
        for line in result.stderr.splitlines()
    ]
    found = [line for line in shown if line is not None]
    assert [line[1] for line in found] == [
        "read",
        "map",
        "build the reference",
        "prove",
        *("prove float32 32x32", "prove float32 33x25"),
        *("prove float64 32x32", "prove float64 33x25"),
        "prove with random weights",
        "write",
    ]
    shares = [int(line[2]) for line in found]
    assert len(shown) == len(found)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 90)
    assert run("convert", *options).stderr == ""


SHARE = re.compile(r"(.*): (.*) \((\d+)%\)")


def stages(text: str) -> tuple[list[str], list[int]]:
    """The stages that were printed, and their shares."""
    found = [SHARE.fullmatch(line) for line in text.splitlines()]
    return [line[2] for line in found if line], [int(line[3]) for line in found if line]


@pytest.mark.mxnet
def test_a_graph_announces_its_stages(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    convolution = sym.Convolution(sym.var("data"), num_filter=2, kernel=(3, 3), name="conv")
    symbol, params = tmp_path / "net-symbol.json", tmp_path / "net-0000.params"
    symbol.write_text(sym.Activation(convolution, act_type="relu").tojson())
    rng = np.random.default_rng(0)
    arrays = {"conv_weight": rng.standard_normal((2, 3, 3, 3)), "conv_bias": np.ones(2)}
    write_params(params, {f"arg:{key}": np.float32(value) for key, value in arrays.items()})
    options = ("--symbol", symbol, "--params", params, "--input", "data=2,3,12,10")
    result = run("convert", *options, "-o", tmp_path, "--report", tmp_path / "report", "-v")
    names, shares = stages(result.stderr)
    first, *further, write, report = names[3:]
    assert names[:3] == ["read", "map", "prove"]
    assert (first, write, report) == ("prove float64 2x3x12x10", "write", "report")
    assert "prove float32 2x3x12x10" in further
    assert all(re.fullmatch(r"prove float(32|64) [x\d]+", name) for name in further)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 95)


def test_a_network_of_the_zoo_announces_its_stages(tmp_path: Path) -> None:
    options = ("--init", "random", "--reference", "none", "--format", "pth", "-o", tmp_path)
    result = run("convert", "mobilenet0.25", *options, "--verbose")
    assert stages(result.stderr) == (["read", "map", "prove", "write"], [0, 5, 25, 90])


def announcing(*_: object) -> Record:
    announce_step("map")
    return record()


def test_processes_print_their_stages(capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(model="cifar_resnet20_v1")
    for verbose, lines in ((False, ""), (True, "cifar_resnet20_v1: map (5%)\n")):
        assert _in_process(request, announcing, verbose).error is None
        assert capsys.readouterr().err == lines


def test_watchers_are_called_only_within_their_block() -> None:
    seen: list[tuple[str, float]] = []
    with watched(lambda stage, share: seen.append((stage, share))):
        announce_step("map")
        announce_step("a new step")
    announce_step("write")
    assert seen == [("map", 0.05), ("a new step", 0.0)]
