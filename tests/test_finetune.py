"""finetune: what it learns, what it writes, and that a kill changes nothing."""

from __future__ import annotations

import csv
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import gluon2torch.finetuning.fine_tuning
from gluon2torch.checkpoints.checkpoint import open_checkpoint
from gluon2torch.checkpoints.recorded_facts import RecordedParity
from gluon2torch.errors import CheckpointError, ImageError, TrainingError
from gluon2torch.finetuning.fine_tuning import finetune
from gluon2torch.finetuning.training_data import (
    TrainBatches,
    epoch_batches,
    random_crop,
    split_images,
)
from gluon2torch.finetuning.training_options import FinetuneOptions, make_optimizer, make_schedule
from gluon2torch.inference.classification import Progress
from gluon2torch.inference.images.labelled_images import STATE
from gluon2torch.inference.images.linear_resize import resize_linear
from gluon2torch.inference.process_group import World
from gluon2torch.inference.runner import Setup
from gluon2torch.inference.validation import validate
from gluon2torch.models import create_model
from gluon2torch.sources.source import Source

from .conftest import record, require_data
from .documents import training_figures
from .images import SHEET, encode, noise, run

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
COLOURS = {"blue": (0, 0, 200), "green": (0, 200, 0), "red": (200, 0, 0)}
QUICK = FinetuneOptions(
    epochs=3, batch_size=6, ema=0.5, warmup=0.5, label_smoothing=0.1, holdout=0.25
)


class Killed(Exception):
    """Stands for the signal."""


def make_colours(folder: Path, count: int = 8) -> Path:
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = (np.array(colour) + noise(34, 38, number) // 5).astype(np.uint8)
            (folder / name / f"{number}.png").write_bytes(encode(Image.fromarray(pixels), "PNG"))
    return folder


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    return make_colours(tmp_path / "colours")


def train(
    checkpoint: Path, images: Path, out: Path, options: FinetuneOptions = QUICK, **more: Any
) -> Any:
    return finetune(checkpoint, images, out, options, workers=0, **more)


@pytest.fixture
def dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network draws random numbers while it is trained."""

    def network(*arguments: Any) -> Any:
        made: Any = make_network(*arguments)
        made.drop = torch.nn.Dropout(0.3)
        return made

    make_network = gluon2torch.finetuning.fine_tuning._with_new_classifier
    monkeypatch.setattr(gluon2torch.finetuning.fine_tuning, "_with_new_classifier", network)


@pytest.mark.costly
@pytest.mark.usefixtures("dropout")
@pytest.mark.parametrize("when", ["between epochs", "within an epoch"])
def test_killed_and_resumed_is_the_same_bit_for_bit(
    when: str, untrained: Path, colours: Path, tmp_path: Path
) -> None:
    whole = train(untrained, colours, tmp_path / "whole")

    def report(row: dict[str, float]) -> None:
        if when == "between epochs" and row["epoch"] == 2:
            raise Killed

    @contextmanager
    def watch(epoch: int) -> Iterator[Callable[[Progress], None]]:
        def progress(done: Progress) -> None:
            if when == "within an epoch" and epoch == 3 and done.done > 6:
                raise Killed

        yield progress

    with pytest.raises(Killed):
        train(untrained, colours, tmp_path / "part", report=report, watch=watch)
    assert sorted(path.name for path in (tmp_path / "part").iterdir()) == [STATE]
    torch.manual_seed(999)  # another process begins with other random numbers
    resumed = train(untrained, colours, tmp_path / "part", resume=True)
    assert resumed.history == whole.history
    assert Path(resumed.best.file).read_bytes() == Path(whole.best.file).read_bytes()
    assert Path(resumed.last.file).read_bytes() == Path(whole.last.file).read_bytes()
    again = train(untrained, colours, tmp_path / "part", resume=True)  # nothing is left to do
    assert again.last.content_sha256 == whole.last.content_sha256


@pytest.mark.costly
def test_every_part_of_the_state_matters(untrained: Path, colours: Path, tmp_path: Path) -> None:
    """What is taken out of the saved state changes the result: so it was in use."""
    options = replace(QUICK, epochs=2, holdout=0.5)
    whole = train(untrained, colours, tmp_path / "whole", options)

    def stop(row: dict[str, float]) -> None:
        raise Killed

    for part in ("network", "optimizer", "ema", "schedule"):
        out = tmp_path / part
        with pytest.raises(Killed):
            train(untrained, colours, out, options, report=stop)
        state = torch.load(out / STATE, weights_only=True)
        if part == "optimizer":
            state["parts"][part]["state"] = {}
        elif part == "schedule":
            state["parts"][part]["last_epoch"] = 0
        else:
            for tensor in state["parts"][part].values():
                tensor.zero_()
        torch.save(state, out / STATE)
        resumed = train(untrained, colours, out, options, resume=True)
        assert Path(resumed.last.file).name != Path(whole.last.file).name, part


@pytest.mark.costly
def test_the_results_are_checkpoints_as_any_other(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = (untrained, colours, "-o", out, "--epochs", 2, "--batch-size", 6, "--workers", 0)
    result = run(
        "finetune", *arguments, "--device", "cpu", "--tensorboard", "--json", tmp_path / "r.json"
    )
    assert result.exit_code == 0, result.output
    row = json.loads((tmp_path / "r.json").read_text())
    names = sorted(path.name for path in out.iterdir())
    best, last = Path(row["best"]).name, Path(row["last"]).name
    kept = {best, last, best.replace(".pth", ".json"), last.replace(".pth", ".json")}
    assert set(names) == kept | {"curves.csv", "curves.png", "tensorboard", STATE}
    assert any((out / "tensorboard").iterdir())
    assert [
        int(each["epoch"]) for each in csv.DictReader((out / "curves.csv").read_text().splitlines())
    ] == [1, 2]
    with Image.open(out / "curves.png") as picture:
        assert picture.size[0] == 1440
    opened = open_checkpoint(row["last"])
    assert opened.num_classes == 3
    assert opened.labels is not None
    assert opened.labels.ids == ("blue", "green", "red")
    assert opened.record.source == Source("finetuned", path=str(untrained), seed=0)
    assert opened.record.parity == RecordedParity("none", None)
    assert run("predict", row["last"], colours / "red", "--json", "-").exit_code == 0
    assert run("to-gluon", row["last"], "-o", tmp_path / "my.params").exit_code == 0
    judged = validate(row["last"], colours, workers=0)
    assert judged.answers.images == 24
    assert "a training already exists" in run("finetune", *arguments).output
    assert run("finetune", *arguments, "--resume", "--device", "cpu").exit_code == 0
    assert (
        "was started with different batch_size, seed"
        in run(
            "finetune", untrained, colours, "-o", out, "--epochs", 2, "--seed", 1, "--resume"
        ).output
    )


@pytest.mark.costly
def test_resuming_says_what_there_is_and_adds_epochs(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ("finetune", untrained, colours, "-o", out, "-j", 0, "--device", "cpu", "--resume")
    result = run(*arguments, "--epochs", 2)
    assert result.exit_code == 0, result.output
    assert result.stderr == f"note: {out / STATE} does not exist: a new training starts\n"
    result = run(*arguments, "--epochs", 2)
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        "note: all 2 epochs are finished; resume with a larger `--epochs` to train on\n"
    )
    assert not any(line.startswith("epoch") for line in result.stdout.splitlines())
    result = run(*arguments, "--epochs", 4)
    assert (result.exit_code, result.stderr) == (0, "")
    rows = list(csv.DictReader((out / "curves.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    # cosine over four epochs, from the third on
    rates = [float(row["learning rate"]) for row in rows]
    assert rates[2:] == pytest.approx([0.01 / 2, 0.01 * (1 - 0.5**0.5) / 2])
    result = run(*arguments, "--epochs", 3)
    assert result.exit_code == 1
    assert "4 epochs are finished already; resume it with at least as many" in result.output


@pytest.mark.costly
def test_colours_are_learnt_from_scratch(untrained: Path, colours: Path, tmp_path: Path) -> None:
    (colours / "red" / "0.png").write_bytes(b"broken")
    told: list[str] = []
    options = FinetuneOptions(epochs=4, batch_size=6, holdout=0.25, optimizer="adamw", lr=2e-3)
    done = train(untrained, colours, tmp_path / "out", options, warn=told.append)
    assert done.best_accuracy == 1
    assert done.history[-1]["train loss"] < 0.5 * done.history[0]["train loss"]
    assert len(told) in (0, 4)  # it is held out, or told of in every epoch
    assert validate(done.best.file, colours, workers=0).answers.top1 >= 22


@pytest.mark.costly
def test_steps_whose_gradients_overflow_are_left_out(
    untrained: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float16, whose gradients are scaled; the learning rate does not fall in such a step."""
    scaler = functools.partial(torch.amp.GradScaler, init_scale=2.0**90)
    monkeypatch.setattr(torch.amp, "GradScaler", scaler)
    options = FinetuneOptions(epochs=1, batch_size=12, holdout=0, ema=0.5)
    setup = Setup(torch.device("cpu"), amp=True, amp_dtype=torch.float16)
    train(untrained, colours, tmp_path / "out", options, setup=setup)
    parts = torch.load(tmp_path / "out" / STATE, weights_only=True)["parts"]
    assert parts["schedule"]["last_epoch"] == 0
    assert parts["scaler"]["scale"] == 2.0**88  # halved in each of two steps
    assert all(each.isfinite().all() for each in parts["network"].values())


def test_what_is_fixed_in_gluon_stays_as_it_is(colours: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    before = create_model("cifar_resnet20_v2").state_dict()
    path = tmp_path / "v2.pth"
    torch.save(before, path)
    path.with_suffix(".json").write_text(json.dumps(record("cifar_resnet20_v2").as_dict()))
    options = FinetuneOptions(epochs=1, batch_size=6, weight_decay=0.5)
    after = open_checkpoint(train(path, colours, tmp_path / "out", options).last.file).tensors
    same = {
        name
        for name, tensor in before.items()
        if after[name].shape == tensor.shape and torch.equal(after[name], tensor)
    }
    assert same == {"data_bn.weight", "data_bn.bias"}


def test_the_optimizer_has_only_what_is_trained() -> None:
    network = create_model("cifar_resnet20_v2")
    optimizer = make_optimizer(network, FinetuneOptions())
    held = {id(each) for group in optimizer.param_groups for each in group["params"]}
    left = {name for name, each in network.named_parameters() if id(each) not in held}
    assert left == {"data_bn.weight", "data_bn.bias"}


def test_running_statistics_of_mxnet(untrained: Path, colours: Path, tmp_path: Path) -> None:
    """One step moves the running variance (n - 1) / n times as far as PyTorch does."""
    variances = []
    for gluon in (False, True):
        options = FinetuneOptions(epochs=1, batch_size=24, holdout=0, gluon_batch_norm=gluon)
        done = train(untrained, colours, tmp_path / str(gluon), options)
        variances.append(open_checkpoint(done.last.file).tensors["bn1.running_var"].double())
    count = 24 * 32 * 32
    moved = [each - 0.9 for each in variances]  # it begins at 1, with a momentum of 0.1
    torch.testing.assert_close(
        moved[1] / moved[0], torch.full((16,), (count - 1) / count).double(), atol=2e-5, rtol=0
    )
    assert (moved[1] < moved[0]).all()
    with pytest.raises(CheckpointError, match="different gluon_batch_norm"):
        train(
            untrained,
            colours,
            tmp_path / "True",
            replace(options, gluon_batch_norm=False),
            resume=True,
        )


def test_images_that_cannot_be_read_are_not_in_the_statistics(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    options = FinetuneOptions(epochs=1, batch_size=64, holdout=0)
    means = []
    for out in ("whole", "broken"):
        done = train(untrained, colours, tmp_path / out, options)
        means.append(open_checkpoint(done.last.file).tensors["bn1.running_mean"])
        assert done.history[0]["train loss"] > 0
        for number in range(24):  # the last images of the last class: the others keep their crops
            (colours / "red" / f"x{number}.png").write_bytes(b"broken")
    torch.testing.assert_close(means[1], means[0], atol=1e-6, rtol=0)


def test_a_batch_without_readable_images_changes_no_weight(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    for path in colours.glob("*/*.png"):
        path.write_bytes(b"broken")
    told: list[str] = []
    options = FinetuneOptions(epochs=1, batch_size=6, holdout=0)
    done = train(untrained, colours, tmp_path / "out", options, warn=told.append)
    before, after = (open_checkpoint(path).tensors for path in (untrained, done.last.file))
    assert len(told) == 24
    assert all(torch.equal(after[name], before[name]) for name in before if name[:3] != "fc.")


@pytest.mark.parametrize("readable", [0, 1, 2, 3])
def test_a_batch_has_two_images_at_least(readable: int, colours: Path) -> None:
    for path in sorted(colours.glob("red/*.png"))[readable:]:
        path.write_bytes(b"broken")
    images = split_images(colours, 0, seed=0).train
    batch = TrainBatches(images, [list(range(16, 24))], (32, 32), 1.0, seed=0, epoch=0)[0]
    count = max(readable, 2)
    assert batch.pixels.shape == (count, 32, 32, 3)
    assert batch.weights.tolist() == ([1.0] * readable + [0.0] * 2)[:count]
    assert len(batch.broken) == 8 - readable
    if readable:  # one image is there twice
        assert batch.targets.tolist() == [2] * count
        assert batch.pixels.amax((1, 2, 3)).min() > 0


def test_workers_change_nothing(untrained: Path, colours: Path, tmp_path: Path) -> None:
    options = FinetuneOptions(epochs=1, batch_size=6)
    files = [
        finetune(untrained, colours, tmp_path / str(n), options, workers=n).last.file
        for n in (0, 2)
    ]
    assert Path(files[0]).read_bytes() == Path(files[1]).read_bytes()


def test_an_older_result_in_the_folder_is_replaced(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    for seed in (0, 1):
        done = train(untrained, colours, tmp_path / "out", FinetuneOptions(epochs=1, seed=seed))
        (tmp_path / "out" / STATE).unlink()
    assert list((tmp_path / "out").glob("best-*.pth")) == [Path(done.best.file)]
    assert len(list((tmp_path / "out").glob("*.json"))) == 2


def test_a_training_that_diverges_is_an_error(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    options = FinetuneOptions(epochs=2, lr=1e30, warmup=0)
    with pytest.raises(TrainingError, match="diverged: after epoch . .*choose a lower"):
        train(untrained, colours, tmp_path / "out", options)
    assert not list((tmp_path / "out").glob("*.pth"))


def test_resuming_with_other_held_out_images_is_refused(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    once = FinetuneOptions(epochs=1, holdout=0)
    make_colours(tmp_path / "both" / "train", 2)
    train(untrained, tmp_path / "both" / "train", tmp_path / "out", once)
    make_colours(tmp_path / "both" / "val", 1)
    more = replace(once, epochs=2)
    with pytest.raises(CheckpointError, match="with different held-out images"):
        train(untrained, tmp_path / "both", tmp_path / "out", more, resume=True)
    state = torch.load(tmp_path / "out" / STATE, weights_only=True)
    assert state["parts"]["scaler"] == {}  # of a training without float16


def test_resuming_with_another_checkpoint_is_refused(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    once = FinetuneOptions(epochs=1, batch_size=12)
    out, moved, other = tmp_path / "out", tmp_path / "moved.pth", tmp_path / "other.pth"
    train(untrained, colours, out, once)
    tensors = torch.load(untrained, weights_only=True)
    for path in (moved, other):
        torch.save(tensors, path)
        path.with_suffix(".json").write_text(json.dumps(record().as_dict()))
        tensors["bn1.weight"] = tensors["bn1.weight"] + 1
    more = replace(once, epochs=2)
    with pytest.raises(CheckpointError, match="with different weights; resume it"):
        train(other, colours, out, more, resume=True)
    assert len(train(moved, colours, out, more, resume=True).history) == 2
    state = torch.load(out / STATE, weights_only=True)
    del state["start"]  # as of an earlier version
    torch.save(state, out / STATE)
    assert len(train(moved, colours, out, replace(once, epochs=3), resume=True).history) == 3


@pytest.mark.posix
@pytest.mark.parametrize("name", [" red", "re\u2028d", "re\td", "caf\udce9"])
def test_a_folder_whose_name_no_record_can_have(name: str, colours: Path) -> None:
    (colours / "red").rename(colours / name)
    with pytest.raises(ImageError, match="the name of a class cannot begin or end with"):
        split_images(colours, 0, seed=0)


def test_splits(colours: Path, tmp_path: Path) -> None:
    split = split_images(colours, 0.25, seed=0)
    assert split.held_out is not None
    assert (len(split.train.paths), len(split.held_out.paths)) == (18, 6)
    assert not set(split.train.paths) & set(split.held_out.paths)
    assert split.held_out.targets == (0, 0, 1, 1, 2, 2)
    assert split_images(colours, 0, seed=0).held_out is None
    assert len(split_images(colours, 0.99, seed=0).train.paths) == 3
    make_colours(tmp_path / "both" / "train", 2)
    make_colours(tmp_path / "both" / "val", 1)
    both = split_images(tmp_path / "both", 0.5, seed=0)
    assert both.held_out is not None
    assert (len(both.train.paths), len(both.held_out.paths)) == (6, 3)
    (tmp_path / "both" / "val" / "red").rename(tmp_path / "both" / "val" / "rot")
    for folder, message in [
        (tmp_path / "both", "rot: is not a class of"),
        (colours / "red", "has 0 folders"),
        (tmp_path / "none", "no such folder"),
    ]:
        with pytest.raises(ImageError, match=message):
            split_images(folder, 0, seed=0)
    (colours / "empty").mkdir()
    with pytest.raises(ImageError, match="empty: has no images"):
        split_images(colours, 0, seed=0)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", "eval", "test", "Valid"])
def test_the_names_of_the_held_out_folder(name: str, tmp_path: Path) -> None:
    make_colours(tmp_path / "both" / "train", 2)
    make_colours(tmp_path / "both" / name, 1)
    split = split_images(tmp_path / "both", 0.5, seed=0)
    assert split.labels.ids == ("blue", "green", "red")
    assert split.folder == tmp_path / "both" / name
    assert split.held_out is not None
    assert (len(split.train.paths), len(split.held_out.paths)) == (6, 3)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", "eval"])
def test_the_test_images_choose_no_weights_if_there_are_others(name: str, tmp_path: Path) -> None:
    for folder in ("train", "test", name):
        make_colours(tmp_path / folder, 1)
    assert split_images(tmp_path, 0.5, seed=0).folder == tmp_path / name


def test_the_held_out_folder_is_named(untrained: Path, tmp_path: Path) -> None:
    make_colours(tmp_path / "both" / "train", 2)
    make_colours(tmp_path / "both" / "valid", 1)
    options = ("--epochs", 1, "--batch-size", 6, "-j", 0, "--device", "cpu", "--json", "-")
    result = run("finetune", untrained, tmp_path / "both", "-o", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    valid = tmp_path / "both" / "valid"
    assert result.stderr == f"note: {valid}: its 3 images are held out for evaluation\n"
    assert json.loads(result.stdout)["held_out"] == str(valid)


def test_folders_of_training_and_of_held_out_images_are_no_classes(
    colours: Path, tmp_path: Path
) -> None:
    make_colours(colours / "valid", 1)
    with pytest.raises(
        ImageError, match="valid: has the name of .*, but there is no .*train; move"
    ):
        split_images(colours, 0, seed=0)
    make_colours(tmp_path / "parts" / "train", 1)
    make_colours(tmp_path / "parts" / "holdout", 1)
    with pytest.raises(ImageError, match=r"train: has folders in it, but no .* named val, valid, "):
        split_images(tmp_path / "parts", 0, seed=0)


def test_output_folders_among_the_classes_are_no_classes(
    untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_colours(tmp_path / "colours", 2))
    cpu = ("-j", 0, "--device", "cpu")
    options = (*cpu, "--epochs", 1, "--batch-size", 6, "--tensorboard")
    for out in ("run1", "run2", "red/run3", "."):
        for more in ((), ("--resume",)):
            result = run("finetune", untrained, ".", "-o", out, *options, *more)
            assert result.exit_code == 0, result.output
        assert Path(out, "curves.png").is_file()
        last = open_checkpoint(next(Path(out).glob("last-*.pth")))
        assert last.labels is not None
        assert last.labels.ids == ("blue", "green", "red")
    shutil.rmtree("tensorboard")
    judged = run("validate", next(Path("run1").glob("last-*.pth")), ".", *cpu, "--json", "-")
    assert judged.exit_code == 0, judged.output
    assert json.loads(judged.stdout)["images"] == 6


def test_a_folder_of_output_folders_is_no_class(colours: Path) -> None:
    (colours / "runs" / "1").mkdir(parents=True)
    split = split_images(colours, 0, 0, colours / "runs" / "2")
    assert split.labels.ids == ("blue", "green", "red")


def test_the_output_folder_may_be_that_of_a_class(colours: Path) -> None:
    """Its images stay; the plot of an earlier training is none."""
    for name in (STATE, "curves.csv"):
        (colours / "red" / name).touch()
    (colours / "red" / "curves.png").write_bytes((colours / "red" / "0.png").read_bytes())
    split = split_images(colours, 0, 0, colours / "red")
    assert split.labels.ids == ("blue", "green", "red")
    assert [Path(path).name for path in split.train.paths[16:]] == [f"{n}.png" for n in range(8)]


def test_a_class_may_be_named_train(colours: Path) -> None:
    (colours / "red").rename(colours / "train")
    split = split_images(colours, 0, seed=0)
    assert split.labels.ids == ("blue", "green", "train")


def test_batches_and_crops_depend_on_seed_and_epoch_alone() -> None:
    first = epoch_batches(13, 4, 0, 0)
    assert [len(batch) for batch in first] == [4, 4, 4]  # a last batch of one is left out
    assert len(set(chain(*first))) == 12
    assert first == epoch_batches(13, 4, 0, 0)
    assert first != epoch_batches(13, 4, 0, 1)
    assert first != epoch_batches(13, 4, 1, 0)
    assert sorted(chain(*epoch_batches(14, 4, 0, 0))) == list(range(14))
    image = noise(40, 60)
    crops = [random_crop(image, (32, 32), 0.2, np.random.default_rng(n)) for n in (0, 0, 1)]
    assert np.array_equal(crops[0], crops[1])
    assert not np.array_equal(crops[0], crops[2])
    whole = resize_linear(image, (32, 32), (0, 32), (0, 32))
    seen = [random_crop(image, (32, 32), 1, np.random.default_rng(n)) for n in range(8)]
    mirrored = [np.array_equal(each, whole[:, ::-1]) for each in seen]
    assert all(m or np.array_equal(each, whole) for m, each in zip(mirrored, seen, strict=True))
    assert 0 < sum(mirrored) < 8


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("cosine", [1 / 3, 2 / 3, 1, 0.75, 0.25]),
        ("linear", [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]),
        ("step", [1 / 3, 2 / 3, 1, 0.1, 0.01]),
        ("constant", [1 / 3, 2 / 3, 1, 1, 1]),
    ],
)
def test_schedules(schedule: str, rates: list[float]) -> None:
    options = FinetuneOptions(epochs=5, warmup=2, schedule=schedule, lr=0.5)
    optimizer = make_optimizer(torch.nn.Linear(2, 2), options)
    following, seen = make_schedule(optimizer, options, 1), []
    for _ in range(5):
        seen.append(optimizer.param_groups[0]["lr"] / 0.5)
        optimizer.step()
        following.step()
    assert seen == pytest.approx(rates)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [1e-4, 0]


def test_a_foreign_state_is_refused(untrained: Path, colours: Path, tmp_path: Path) -> None:
    for content in ([1], {"network": {}}):
        torch.save(content, tmp_path / STATE)
        with pytest.raises(CheckpointError, match="is not the state of a training"):
            train(untrained, colours, tmp_path, resume=True)
    (tmp_path / STATE).write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="is not the state of a training"):
        train(untrained, colours, tmp_path, resume=True)
    with pytest.raises(ImageError, match="two per process"):
        train(untrained, colours, tmp_path / "b", FinetuneOptions(batch_size=2), world=World(0, 2))


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("epochs", 0, "a whole number, at least 1"),
        ("epochs", 1.5, "a whole number, at least 1"),
        ("epochs", None, "a whole number, at least 1"),
        ("batch_size", 1, "a whole number, at least 2"),
        ("lr", 0, "a number, above 0"),
        ("lr", float("inf"), "a number, above 0"),
        ("weight_decay", -1e-9, "a number, at least 0"),
        ("warmup", float("nan"), "a number, at least 0"),
        ("label_smoothing", 1, "a number, at least 0 and below 1"),
        ("ema", 1.0, "a number, at least 0 and below 1"),
        ("min_scale", 0.0, "a number, above 0 and at most 1"),
        ("min_scale", 1.5, "a number, above 0 and at most 1"),
        ("holdout", 1.5, "a number, at least 0 and below 1"),
        ("holdout", "0.5", "a number, at least 0 and below 1"),
        ("seed", -1, "a whole number, at least 0 and at most 18446744073709551615"),
        ("seed", 2**64, "a whole number, at least 0 and at most 18446744073709551615"),
    ],
)
def test_options_out_of_range_are_refused(
    name: str, value: Any, accepted: str, tmp_path: Path
) -> None:
    values: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"^{name} is {value!r}; it must be {accepted}$"):
        FinetuneOptions(**values)
    words = (f"--{name.replace('_', '-')}", value)
    assert run("finetune", tmp_path / "x.pth", tmp_path, *words).exit_code == 2 or value == "0.5"


def test_options_at_the_ends_of_their_ranges() -> None:
    numbers: dict[str, Any] = {"epochs": 1, "batch_size": 2, "lr": 1e-30, "ema": 0}
    FinetuneOptions(**numbers, weight_decay=0, warmup=0, label_smoothing=0, min_scale=1, holdout=0)
    FinetuneOptions(seed=2**64 - 1)
    with pytest.raises(ValueError, match="preset is 'x'; it must be one of gluon, timm"):
        FinetuneOptions(preset="x")


@pytest.mark.parametrize("rank", [0, 1])
def test_no_process_leaves_before_the_results_are_written(
    rank: int,
    untrained: Path,
    colours: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    seen: list[int] = []

    class Watched(World):
        def wait(self) -> None:
            seen.append(len(list(out.glob("*.pth"))))

    def refuse(*_: Any) -> None:
        raise CheckpointError("no space is left")

    options = FinetuneOptions(epochs=1, batch_size=12)
    done = train(untrained, colours, out, options, world=Watched(rank))
    assert (done is None) == (rank == 1)
    assert seen == ([0] if done is None else [len({done.best.file, done.last.file})])
    if rank == 0:  # an error keeps no other process waiting
        monkeypatch.setattr(gluon2torch.finetuning.fine_tuning, "write_checkpoint", refuse)
        with pytest.raises(CheckpointError, match="no space"):
            train(untrained, colours, out, options, world=Watched(rank), resume=True)
        assert len(seen) == 2


LEFT_THREADS = """
import os, sys, torch
from pathlib import Path
from gluon2torch.finetuning.fine_tuning import finetune
from gluon2torch.finetuning.training_options import FinetuneOptions
from gluon2torch.inference.process_group import join_world
checkpoint, images, out = sys.argv[1:]
names = lambda: [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
with join_world(torch.device("cpu")) as world:
    finetune(checkpoint, images, out, FinetuneOptions(epochs=1), world=world, workers=0)
    during = names()
print(*(sum("gloo_runloop" in name for name in each) for each in (during, names())))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux")
def test_no_thread_of_the_process_group_is_left(
    untrained: Path, colours: Path, tmp_path: Path
) -> None:
    """One that releases a tensor while Python ends aborts the process."""
    single = {"WORLD_SIZE": "1", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", LEFT_THREADS, untrained, colours, tmp_path / "out"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**ENVIRONMENT, **single, "TORCHELASTIC_RUN_ID": "0"},
    )
    during, after = map(int, done.stdout.split())
    assert during > 0
    assert after == 0


def command(
    checkpoint: Path, images: Path, out: Path, *more: object, processes: int = 1
) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    options = ("-o", out, "--batch-size", 9, "--workers", 0, "--device", "cpu", *more)
    words = ("-m", "gluon2torch", "finetune", checkpoint, images, *options)
    return [sys.executable, *(launcher if processes > 1 else []), *map(str, words)]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three classes of the real images."""
    require_data()
    for name in ("cat", "ship", "truck"):
        (tmp_path / "three").mkdir(exist_ok=True)
        (tmp_path / "three" / name).symlink_to(SHEET / name)
    return tmp_path / "three"


@pytest.mark.slow
@pytest.mark.posix
def test_three_classes_are_learnt_in_a_minute_and_a_kill_changes_nothing(
    three: Path, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    start = time.perf_counter()
    options = ("--epochs", 20, "--holdout", 0, "--min-scale", 0.6)
    whole = command(trained("structural"), three, tmp_path / "whole", *options)
    subprocess.run(whole, check=True, cwd=ROOT, env=ENVIRONMENT, capture_output=True)
    seconds = time.perf_counter() - start
    rows = list(csv.DictReader((tmp_path / "whole" / "curves.csv").read_text().splitlines()))
    reached = next(n for n, row in enumerate(rows, 1) if float(row["train accuracy"]) > 0.95)
    last = next((tmp_path / "whole").glob("last-*.pth"))
    answers = validate(last, three, workers=0).answers
    print(
        f"train accuracy {rows[-1]['train accuracy']} after 20 epochs ({seconds:.0f} s), over 0.95 "
        f"from epoch {reached} on; judged without crops {answers.top1} of {answers.images}"
    )
    assert answers.top1 > 0.95 * answers.images
    for epoch, accuracy in training_figures("Fine-tune and train").items():
        assert float(rows[epoch]["train accuracy"]) == pytest.approx(accuracy, abs=5e-5)
    assert seconds < 60

    part = command(trained("structural"), three, tmp_path / "part", *options, "--resume")
    for epochs in (3, 9):  # killed twice, in the middle of what comes next
        process = subprocess.Popen(
            part, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(f"epoch {epochs:>3}"):
                break
        time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert not list((tmp_path / "part").glob("last-*"))
    subprocess.run(part, check=True, cwd=ROOT, env=ENVIRONMENT, capture_output=True)
    for name in ("best", "last"):
        (one,), (other,) = (
            list((tmp_path / each).glob(f"{name}-*.pth")) for each in ("whole", "part")
        )
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_two_processes_train_one_network(
    three: Path, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    for out, epochs in (("whole", 4), ("part", 4)):
        words = command(
            trained("structural"),
            three,
            tmp_path / out,
            "--epochs",
            epochs,
            "--resume",
            processes=2,
        )
        done = subprocess.run(
            words, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr
    (one,), (other,) = (list((tmp_path / each).glob("last-*.pth")) for each in ("whole", "part"))
    assert one.read_bytes() == other.read_bytes()
    rows = list(csv.DictReader((tmp_path / "whole" / "curves.csv").read_text().splitlines()))
    assert float(rows[-1]["train loss"]) < float(rows[0]["train loss"])
