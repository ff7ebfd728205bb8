"""A conversion announces its stages, with a share of the work that only grows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gluon2torch.files.stages import announce_step, watched
from gluon2torch.parity import proof
from gluon2torch.sources.params_writer import write_params

from .conftest import random_network
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


def test_watchers_are_called_only_within_their_block() -> None:
    seen: list[tuple[str, float]] = []
    with watched(lambda stage, share: seen.append((stage, share))):
        announce_step("map")
        announce_step("a new step")
    announce_step("write")
    assert seen == [("map", 0.05), ("a new step", 0.0)]
