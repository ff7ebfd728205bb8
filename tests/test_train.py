"""train: a network of the catalogue from its own initialisation."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import gluon2torch
from gluon2torch import FinetuneOptions, open_checkpoint, validate
from gluon2torch.checkpoints.model_card import model_card
from gluon2torch.errors import CheckpointError, UnknownModelError
from gluon2torch.finetuning.fine_tuning import finetune
from gluon2torch.inference.images.labelled_images import STATE
from gluon2torch.sources.source import Source

from .conftest import require_data
from .documents import training_figures
from .images import SHEET, run
from .test_finetune import Killed, make_colours

MODEL = "cifar_resnet20_v1"
QUICK = FinetuneOptions(epochs=2, batch_size=6, ema=0.5, holdout=0.25)


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    return make_colours(tmp_path / "colours")


def train(images: Path, out: Path, options: FinetuneOptions = QUICK, **more: Any) -> Any:
    return gluon2torch.train(MODEL, images, out, options, workers=0, **more)


@pytest.mark.costly
def test_equal_seeds_give_equal_bytes_killed_or_not(colours: Path, tmp_path: Path) -> None:
    def kill(row: dict[str, float]) -> None:
        raise Killed

    whole = train(colours, tmp_path / "whole")
    torch.manual_seed(999)  # the caller's random numbers do not matter
    with pytest.raises(Killed):
        train(colours, tmp_path / "part", report=kill)
    torch.manual_seed(1000)
    resumed = train(colours, tmp_path / "part", resume=True)
    for one, other in ((whole.best, resumed.best), (whole.last, resumed.last)):
        assert Path(one.file).read_bytes() == Path(other.file).read_bytes()
    other = train(colours, tmp_path / "other", replace(QUICK, seed=1))
    assert other.last.content_sha256 != whole.last.content_sha256


def test_the_results_are_checkpoints_as_any_other(colours: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("-o", out, "--epochs", 1, "--batch-size", 6, "--workers", 0, "--device", "cpu")
    result = run("train", f"gluon_{MODEL}", colours, *options, "--gluon-batch-norm", "--seed", 3)
    assert result.exit_code == 0, result.output
    assert (out / "curves.csv").is_file()
    opened = open_checkpoint(next(out.glob("last-*.pth")))
    assert opened.entry.name == MODEL
    assert opened.labels is not None
    assert opened.labels.ids == ("blue", "green", "red")
    assert opened.record.source == Source("trained", seed=3)
    assert opened.network().fc.out_features == 3
    done = train(colours, tmp_path / "python")
    assert "with weights that were trained in PyTorch" in model_card(done.last, "")


def test_a_misspelt_network(colours: Path, tmp_path: Path) -> None:
    result = run("train", "cifar_resnet20_v11", colours, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "did you mean" in result.output
    assert MODEL in result.output
    with pytest.raises(UnknownModelError, match="did you mean"):
        gluon2torch.train("cifar_resnet20_v11", colours, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_training_in_the_folder_is_refused(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    options = FinetuneOptions(epochs=1, batch_size=6)
    out = tmp_path / "out"
    train(colours, out, options)
    assert (out / STATE).is_file()
    with pytest.raises(CheckpointError, match="a training already exists"):
        train(colours, out, options)
    with pytest.raises(CheckpointError, match="different kind"):
        finetune(untrained, colours, out, options, resume=True, workers=0)
    with pytest.raises(CheckpointError, match="different model"):
        gluon2torch.train("cifar_resnet20_v2", colours, out, options, resume=True, workers=0)


@pytest.mark.slow
def test_the_real_images_are_learnt(tmp_path: Path) -> None:
    require_data()
    options = FinetuneOptions(epochs=40, batch_size=20, lr=0.05, warmup=2, min_scale=1.0, holdout=0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.perf_counter()
    try:
        done = train(SHEET, tmp_path / "out", options)
    finally:
        torch.set_num_threads(threads)
    seconds = time.perf_counter() - start
    answers = validate(done.last.file, SHEET, workers=0).answers
    print(f"{answers.top1} of {answers.images} after {options.epochs} epochs, {seconds:.0f} s")
    for epoch, accuracy in training_figures("Train from scratch").items():
        assert done.history[epoch]["train accuracy"] == pytest.approx(accuracy, abs=5e-5)
    assert answers.images == 100
    assert answers.top1 > 95
