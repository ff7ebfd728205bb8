"""validate, on the real, trained networks; alone and shared by torchrun."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from gluon2torch.checkpoints.formats.job import GRAPH_KEY
from gluon2torch.errors import ImageError
from gluon2torch.inference.figures import draw_confusion
from gluon2torch.inference.images.labelled_images import find_labelled
from gluon2torch.inference.validation import validate, write_predictions
from gluon2torch.mappings.class_labels import Labels, dataset_labels

from .images import SHEET, encode, noise, run

ROOT = Path(__file__).resolve().parents[1]
CPU = ("--device", "cpu", "--workers", "0")


def make_images(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(Image.fromarray(noise(36, 40, number)), "PNG"))
    return folder


def torchrun(processes: int, *arguments: object) -> Any:
    """The JSON that validate prints, when torchrun starts it."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)),
            *("--standalone", "-m", "gluon2torch", "validate"),
            *map(str, arguments),
            *("--device", "cpu", "--workers", "1", "--json", "-"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.costly
@pytest.mark.parametrize(("which", "right"), [("structural", 95), ("export", 90)])
def test_the_trained_networks_score_as_with_mxnet(
    which: str, right: int, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    table, picture = tmp_path / "answers.csv", tmp_path / "confusion.png"
    outputs = ("--predictions", table, "--confusion", picture, "--json", tmp_path / "r.json")
    result = run("validate", trained(which), SHEET, *CPU, *outputs, "--batch-size", 32)
    assert result.exit_code == 0, result.output
    assert f" 100 0 {right}.00 100.00 92.10 - " in " ".join(result.output.split())
    assert "classes: the folders' names are the classes'" in result.output
    row = json.loads((tmp_path / "r.json").read_text())
    assert [row[key] for key in ("images", "top1", "top5", "skipped")] == [100, right, 100, 0]
    assert row["seconds"] > 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 100
    assert all(Path(each["image"]).parent.name == each["class"] for each in rows)
    assert sum(each["class"] == each["predicted"] for each in rows) == right
    assert all(each["top5"].split("|")[0] == each["predicted"] for each in rows)
    with Image.open(picture) as image:
        assert image.size == (960, 840)


@pytest.mark.slow
@pytest.mark.parametrize(("which", "right"), [("structural", 95), ("export", 90)])
def test_torchrun_gives_the_same_counts(
    which: str, right: int, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    answers = []
    for processes in (1, 2):
        table = tmp_path / f"{processes}.csv"
        row = torchrun(processes, trained(which), SHEET, "--batch-size", 16, "--predictions", table)
        assert [row[key] for key in ("images", "top1", "top5", "skipped")] == [100, right, 100, 0]
        answers.append(table.read_text())
    assert answers[0] == answers[1]


@pytest.mark.costly
def test_two_processes_find_what_one_finds(untrained: Path, tmp_path: Path) -> None:
    """An odd number of images, one of them broken, more classes than a batch has."""
    folder = make_images(tmp_path / "images", *(f"{n % 3}/{n}.png" for n in range(7)))
    (folder / "1" / "4.png").write_bytes(b"broken")
    names = tmp_path / "names.txt"
    names.write_text("\n".join(map(str, range(10))))
    labels = Labels(*[tuple(map(str, range(10)))] * 2)
    one = validate(untrained, folder, labels=labels, workers=0, batch_size=2)
    write_predictions(one, tmp_path / "one.csv")
    options = ("--labels", names, "--batch-size", 2, "--predictions", tmp_path / "two.csv")
    two = torchrun(2, untrained, folder, *options)
    assert two["skipped"] == 1
    assert "1/4.png: is not a valid image" in two["skipped_images"][0]
    assert (tmp_path / "two.csv").read_text() == (tmp_path / "one.csv").read_text()
    alone = one.as_dict()
    for key in ("images", "top1", "top5"):
        assert two[key] == alone[key]
    assert two["images"] == 6


def test_a_broken_image_is_named_and_counted(untrained: Path, tmp_path: Path) -> None:
    folder = make_images(tmp_path / "images", "cat/a.png", "dog/a.png", "dog/b.png")
    (folder / "cat" / "b.png").write_bytes(b"broken")
    result = run(
        "validate", untrained, folder, *CPU, "--json", tmp_path / "r.json", "--batch-size", 1
    )
    assert result.exit_code == 0, result.output
    assert f"skipped: {folder / 'cat' / 'b.png'}: is not a valid image" in result.output
    row = json.loads((tmp_path / "r.json").read_text())
    assert (row["images"], row["skipped"]) == (3, 1)
    for image in folder.glob("*/*"):
        image.write_bytes(b"broken")
    result = run("validate", untrained, folder, *CPU)
    assert result.exit_code == 1
    assert f"Error: {folder}: none of its images can be read; the first: " in result.output


def test_counts_are_right_where_the_answers_are_known(untrained: Path, tmp_path: Path) -> None:
    """A network that always ranks the classes 9, 8, 7 …"""
    state = torch.load(untrained, weights_only=True)
    state["fc.weight"].zero_()
    state["fc.bias"].copy_(torch.arange(10))
    torch.save(state, untrained)
    names = dataset_labels("cifar10").ids
    folder = make_images(tmp_path / "images", *(f"{name}/{n}.png" for name in names for n in "ab"))
    for workers in (0, 2):
        result = validate(untrained, folder, workers=workers, batch_size=3)
        assert (result.answers.images, result.answers.top1, result.answers.top5) == (20, 2, 10)
        assert result.answers.top[:, :2].tolist() == [[9, 8]] * 20
        expected = float(torch.arange(10.0).double().softmax(0)[9])
        assert result.answers.probability == pytest.approx([expected] * 20)
        assert result.answers.targets.tolist() == [n for n in range(10) for _ in range(2)]


def test_logits_that_are_no_numbers_are_never_right(untrained: Path, tmp_path: Path) -> None:
    state = torch.load(untrained, weights_only=True)
    state["fc.bias"][3] = float("nan")
    torch.save(state, untrained)
    names = dataset_labels("cifar10").ids
    folder = make_images(tmp_path / "images", *(f"{name}/a.png" for name in names))
    result = validate(untrained, folder, workers=0)
    assert (result.answers.images, result.answers.top1, result.answers.top5) == (10, 0, 0)
    write_predictions(result, tmp_path / "answers.csv")
    assert ",airplane,,nan,||||" in (tmp_path / "answers.csv").read_text()
    matrix = tmp_path / "matrix.png"
    draw_confusion(result.answers.targets, result.answers.top[:, 0], result.names, matrix)
    assert matrix.stat().st_size > 1000


def test_accuracies_are_published_for_the_data_sets_classes_alone(
    untrained: Path, tmp_path: Path
) -> None:
    folder = make_images(tmp_path / "images", "cat/a.png")
    facts = json.loads(untrained.with_suffix(".json").read_text())
    for labels, top1 in (
        (facts["labels"], 92.1),
        ([f"mine {n}" for n in range(9)] + ["cat"], None),
    ):
        facts["labels"] = labels
        untrained.with_suffix(".json").write_text(json.dumps(facts))
        assert validate(untrained, folder, workers=0).as_dict()["published_top1"] == top1


def test_folders_that_are_numbered_as_no_text_is_sorted_are_refused(tmp_path: Path) -> None:
    names = tuple(map(str, range(12)))
    folder = make_images(tmp_path / "a", *(f"{name}/x.png" for name in names))
    with pytest.raises(ImageError, match="names are numbers, whose order as text is not"):
        find_labelled(folder, 12, None)
    found = find_labelled(folder, 12, Labels(names, names))
    assert [Path(path).parent.name for path in found.paths] == [names[i] for i in found.targets]
    few = make_images(tmp_path / "b", *(f"{name}/x.png" for name in names[:10]))
    assert find_labelled(few, 10, None).targets == tuple(range(10))


def test_classes_called_by_numbers_are_not_taken_for_indices(tmp_path: Path) -> None:
    labels = Labels(("1", "10", "2"), ("1", "10", "2"))
    lines = make_images(tmp_path, "x.png") / "list.txt"
    lines.write_text("x.png 1\nx.png 2\nx.png 0\n")
    assert find_labelled(lines, 3, labels).targets == (0, 2, 0)


def test_folders_and_lists_tell_classes_alike(tmp_path: Path) -> None:
    labels = Labels(("n1", "n2", "n3"), ("wolf", "crane", "crane"))
    folder = make_images(tmp_path / "a", "n3/x.png", "n1/y.png", ".git/z.png")
    found = find_labelled(folder, 3, labels)
    assert found.targets == (0, 2)
    assert [Path(path).name for path in found.paths] == ["y.png", "x.png"]
    assert find_labelled(
        make_images(tmp_path / "b", "wolf/x.png", "n2/y.png"), 3, labels
    ).targets == (1, 0)
    other = find_labelled(
        make_images(tmp_path / "c", "ga/x.png", "bu/y.png", "zo/z.png"), 3, labels
    )
    assert [Path(path).parent.name for path in other.paths] == ["bu", "ga", "zo"]
    assert other.targets == (0, 1, 2)
    assert "sorted order" in other.by
    lines = tmp_path / "a" / "list.txt"
    lines.write_text("n3/x.png n3\n\nn1/y y.png\twolf\nn1/y.png 1\n")
    listed = find_labelled(lines, 3, labels)
    assert listed.targets == (2, 0, 1)
    assert listed.paths[1] == str(folder / "n1/y y.png")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["wolf/x.png", "wulf/x.png"], "but these do not: wulf; rename them"),
        (["one/x.png", "two/x.png"], "has 2 folders whose names match no class"),
        (["crane/x.png"], "has 1 folders whose names match no class"),  # two classes are called so
        (["x.png"], "has no folders; expected one for each class"),
    ],
)
def test_folders_that_are_not_the_classes(names: list[str], message: str, tmp_path: Path) -> None:
    labels = Labels(("n1", "n2", "n3"), ("wolf", "crane", "crane"))
    with pytest.raises(ImageError, match=message):
        find_labelled(make_images(tmp_path, *names), 3, labels)


def test_lists_that_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    for text, message in [
        ("a.png wolf\nb.png 3\n", "line 2: '3' is not a class"),
        ("a.png\n", "line 1: 'a.png' is not a class"),
        ("", "has no images"),
    ]:
        path.write_text(text)
        with pytest.raises(ImageError, match=message):
            find_labelled(path, 3, Labels(("wolf", "b", "c"), ("wolf", "b", "c")))
    with pytest.raises(ImageError, match="cannot be read .*expected a folder, or a list of images"):
        find_labelled(tmp_path / "none", 3, None)


def test_a_folder_of_checkpoints_makes_a_table(untrained: Path, tmp_path: Path) -> None:
    folder = make_images(tmp_path / "images", "cat/a.png", "dog/a.png")
    (tmp_path / "all").mkdir()
    for suffix in (".pth", ".json"):
        untrained.with_suffix(suffix).rename(tmp_path / "all" / f"good{suffix}")
    torch.save({"fc.bias": torch.zeros(10)}, tmp_path / "all" / "lost.pth")
    save_file({"a": torch.zeros(1)}, tmp_path / "all" / "of_source.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "all" / "of_graph.safetensors", {GRAPH_KEY: ""})
    result = run("validate", "--all", tmp_path / "all", folder, *CPU, "--json", tmp_path / "r.json")
    assert result.exit_code == 1
    assert "its record, lost.json, is missing" in result.output
    good, lost = json.loads((tmp_path / "r.json").read_text())
    assert (good["model"], good["images"], good["published_top1"]) == ("cifar_resnet20_v1", 2, 92.1)
    assert "error" in lost
    assert "92.10" in result.output
    assert "has no checkpoints" in run("validate", "--all", folder, folder).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a CHECKPOINT and DATA"),
        (["a", "b", "c"], "give a CHECKPOINT and DATA"),
        (["a.pth", "b", "--metric", "voc07"], "--metric is for .pt2 files"),
        (["a.pth", "b", "--segments", "1"], "--segments is for .pt2 files"),
        (["a.pt2", "b", "--batch-size", "64"], "--batch-size is for checkpoints of classifiers"),
        (["a.pt2", "b", "--workers", "2"], "--workers is for checkpoints of classifiers"),
        (["--all", ".", "a", "b"], "--all DIR replaces CHECKPOINT"),
        (["--all", ".", "a", "--model", "resnet50_v1d"], "need one CHECKPOINT"),
        (["a", "b", "--batch-size", "0"], "0 is not in the range"),
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str], message: str) -> None:
    result = run("validate", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_the_answers_do_not_depend_on_who_reads(untrained: Path, tmp_path: Path) -> None:
    folder = make_images(tmp_path / "images", *(f"cat/{n}.png" for n in range(5)))
    answers = [validate(untrained, folder, workers=n, batch_size=2).answers for n in (0, 2)]
    assert np.array_equal(answers[0].top, answers[1].top)
    assert np.array_equal(answers[0].probability, answers[1].probability)


def test_a_matrix_that_cannot_be_drawn_is_noted_before_the_work(
    untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(encode(Image.fromarray(noise(40, 50)), "PNG"))
    (tmp_path / "list.txt").write_text("a.png 3\nno.png 4\n")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    options = ("--confusion", tmp_path / "c.png", "-j", 0, "--device", "cpu")
    result = run("validate", untrained, tmp_path / "list.txt", *options)
    assert result.exit_code == 0, result.output
    note, skipped = result.stderr.splitlines()
    assert note == (
        "note: drawing figures needs matplotlib, which is not installed: `pip install matplotlib`; "
        "--confusion is left out"
    )
    assert skipped.startswith("skipped: ")
    assert not (tmp_path / "c.png").exists()
