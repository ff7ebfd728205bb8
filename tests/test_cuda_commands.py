"""validate and finetune on a GPU: each precision and memory format, resuming, and torchrun."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.finetuning.fine_tuning import finetune
from gluon2torch.finetuning.training_options import FinetuneOptions
from gluon2torch.inference.images.labelled_images import STATE
from gluon2torch.inference.runner import Runner, Setup, compute_dtype, find_device, place
from gluon2torch.inference.validation import validate
from gluon2torch.mappings.catalog import load_catalog

from .conftest import record, relative
from .images import noise, run
from .mxnet_logits import drawn_network
from .on_device import find_test_device
from .test_finetune import COLOURS, Killed, make_colours

pytestmark = [
    pytest.mark.cuda,
    # Python 3.12, of the workers that read images; they use neither threads nor the GPU
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
ROOT = Path(__file__).resolve().parents[1]
OPTIONS = FinetuneOptions(epochs=6, batch_size=6, holdout=0.25, optimizer="adamw", lr=2e-3)
# how far the largest logit's scale allows the others to be from the CPU's in float32
TOLERANCES = {None: 1e-5, torch.float16: 1e-2, torch.bfloat16: 8e-2}
FLAGS = {None: (), torch.float16: ("--amp",), torch.bfloat16: ("--amp-bfloat16",)}
PRECISIONS = [pytest.param(each, id=str(each).removeprefix("torch.")) for each in TOLERANCES]


def device_name() -> str:
    device = find_test_device()
    assert device is not None
    return str(device)


def setup(half: torch.dtype | None, channels_last: bool) -> Setup:
    """On the device, as the commands make it: without TF32."""
    return Setup(find_device(device_name()), half is not None, channels_last, half)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_colours(tmp_path_factory.mktemp("images") / "colours")


@pytest.fixture(scope="module")
def fitted(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that knows the colours, trained on the CPU."""
    folder = tmp_path_factory.mktemp("fitted")
    return Path(finetune(start(folder), colours, folder / "out", OPTIONS, workers=0).best.file)


def start(folder: Path) -> Path:
    """A checkpoint with random weights."""
    converted = drawn_network("cifar_resnet20_v1")
    path = folder / "mine.pth"
    torch.save(converted.tensors, path)
    path.with_suffix(".json").write_text(json.dumps(record().as_dict()))
    return path


def test_a_device_is_found_by_name() -> None:
    device = find_device(device_name())
    assert find_device(str(device)) == device
    if device.type == "cuda":
        assert find_device("auto") == device == torch.device("cuda", 0)
        assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("half", PRECISIONS)
def test_logits_are_those_of_the_cpu(
    half: torch.dtype | None, channels_last: bool, record_property: Callable[[str, object], None]
) -> None:
    pixels = torch.from_numpy(np.stack([noise(224, 224, seed) for seed in range(4)]))
    preprocessing = load_catalog()["resnet50_v1d"].dataset.preprocessing
    logits = []
    for each in (Setup(torch.device("cpu")), setup(half, channels_last)):
        network = drawn_network("resnet50_v1d").network().eval().requires_grad_(False)
        place(network, each)
        made = Runner(network, each, preprocessing, compute_dtype(network))(pixels)
        assert made.dtype == (each.half or torch.float32)
        logits.append(made.float().cpu().numpy())
    expected, actual = logits
    record_property("difference", relative(actual, expected))
    assert 0 <= relative(actual, expected) <= TOLERANCES[half]


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("half", PRECISIONS)
def test_validate_counts_as_the_cpu(
    half: torch.dtype | None, channels_last: bool, fitted: Path, colours: Path, tmp_path: Path
) -> None:
    cpu = validate(fitted, colours, workers=0).answers
    assert cpu.top1 >= 22
    answers = validate(fitted, colours, setup=setup(half, channels_last), workers=2).answers
    assert answers.top1 == cpu.top1
    assert np.array_equal(answers.top[:, 0], cpu.top[:, 0])
    assert np.abs(answers.probability - cpu.probability).max() <= TOLERANCES[half]
    flags = *FLAGS[half], *(("--channels-last",) if channels_last else ())
    result = run(
        *("validate", fitted, colours, "--device", device_name(), *flags),
        *("--json", tmp_path / "r.json"),
    )
    assert result.exit_code == 0, result.output
    row = json.loads((tmp_path / "r.json").read_text())
    assert (row["images"], row["top1"], row["skipped"]) == (24, cpu.top1, 0)


def test_predict_and_features_are_those_of_the_cpu(
    fitted: Path, colours: Path, tmp_path: Path
) -> None:
    found = []
    for name in ("cpu", device_name()):
        shown = run("predict", fitted, colours, "--device", name, "--json", "-")
        assert shown.exit_code == 0, shown.output
        features = tmp_path / f"{name}.npz"
        result = run("features", fitted, colours, "-o", features, "--device", name, "--stages")
        assert result.exit_code == 0, result.output
        with np.load(features) as arrays:
            found.append((json.loads(shown.stdout), dict(arrays)))
    (expected, stages), (actual, others) = found
    for one, other in zip(actual, expected, strict=True):
        assert one["top"][0]["label"] == other["top"][0]["label"]
        assert one["top"][0]["probability"] == pytest.approx(other["top"][0]["probability"], 1e-4)
    assert stages.pop("images").tolist() == others.pop("images").tolist()
    assert stages.keys() == others.keys() == {"stem", "stage1", "stage2", "stage3"}
    assert all(relative(others[name], array) <= 1e-5 for name, array in stages.items())


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("half", PRECISIONS)
def test_finetune_learns(
    half: torch.dtype | None, channels_last: bool, colours: Path, tmp_path: Path
) -> None:
    options = replace(OPTIONS, ema=0.5)
    done = finetune(
        start(tmp_path),
        colours,
        tmp_path / "out",
        options,
        setup=setup(half, channels_last),
        workers=2,
    )
    losses = [row["train loss"] for row in done.history]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.5 * losses[0]
    assert done.best_accuracy == 1
    # what was trained on a GPU is read on the CPU
    assert validate(done.best.file, colours, workers=0).answers.top1 >= 22
    state = torch.load(tmp_path / "out" / STATE, weights_only=True)
    assert bool(state["parts"]["scaler"]) == (half == torch.float16)


@pytest.mark.parametrize("half", PRECISIONS)
def test_a_stopped_training_is_resumed(
    half: torch.dtype | None,
    colours: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Equal to the bit on a CPU; on a GPU, torch adds gradients in no fixed order."""
    checkpoint, words = start(tmp_path), {"setup": setup(half, True), "workers": 0}
    whole = finetune(checkpoint, colours, tmp_path / "whole", OPTIONS, **words)

    def stop(row: dict[str, float]) -> None:
        if row["epoch"] == 2:
            raise Killed

    with pytest.raises(Killed):
        finetune(checkpoint, colours, tmp_path / "part", OPTIONS, report=stop, **words)
    saved = torch.load(tmp_path / "part" / STATE, weights_only=True)
    resumed = finetune(checkpoint, colours, tmp_path / "part", OPTIONS, resume=True, **words)
    assert resumed.history[:2] == saved["history"]
    assert [row["epoch"] for row in resumed.history] == [1, 2, 3, 4, 5, 6]
    for key in ("learning rate", "train loss"):
        one, other = ([row[key] for row in each.history] for each in (whole, resumed))
        assert other == pytest.approx(one, rel=0.1, abs=0.02)
    record_property(
        "largest difference of a loss",
        max(
            abs(one["train loss"] - other["train loss"])
            for one, other in zip(whole.history, resumed.history, strict=True)
        ),
    )
    assert resumed.best_accuracy == whole.best_accuracy == 1


def torchrun(processes: int, *words: object) -> Any:
    """A command of ours as torchrun starts it; returns what it writes to stdout."""
    if find_device(device_name()).type == "cuda" and processes > torch.cuda.device_count():
        pytest.skip(f"needs {processes} GPUs; torch finds {torch.cuda.device_count()}")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes)
    done = subprocess.run(
        [
            *(sys.executable, *map(str, launcher), "-m", "gluon2torch", *map(str, words)),
            *("--device", device_name(), "--workers", "1"),
        ],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.posix
@pytest.mark.parametrize("processes", [1, 2])
def test_torchrun_validates(processes: int, fitted: Path, colours: Path) -> None:
    """By NCCL on GPUs; one process communicates with itself."""
    expected = validate(fitted, colours, workers=0).answers
    answer = torchrun(processes, "validate", fitted, colours, "--batch-size", 5, "--json", "-")
    row = json.loads(answer)
    assert (row["images"], row["top1"], row["skipped"]) == (24, expected.top1, 0)


@pytest.mark.posix
@pytest.mark.parametrize("processes", [1, 2])
def test_torchrun_trains(processes: int, colours: Path, tmp_path: Path) -> None:
    options = ("--epochs", 6, "--batch-size", 6, "--optimizer", "adamw", "--lr", 2e-3, "--amp")
    checkpoint, out = start(tmp_path), tmp_path / "out"
    torchrun(processes, "finetune", checkpoint, colours, "-o", out, *options, "--channels-last")
    rows = list(csv.DictReader((out / "curves.csv").read_text().splitlines()))
    losses = [float(row["train loss"]) for row in rows]
    assert len(losses) == 6
    assert losses[-1] < 0.7 * losses[0]
    (last,) = out.glob("last-*.pth")
    state = torch.load(last, weights_only=True)
    assert state["fc.weight"].shape[0] == len(COLOURS)
    assert all(torch.isfinite(each).all() for each in state.values())
