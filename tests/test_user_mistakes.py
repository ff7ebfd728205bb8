"""Mistakes that once ended in a traceback, a lost file or a wrong figure."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import save_file

from gluon2torch.checkpoints.record import to_json
from gluon2torch.checkpoints.torch_file import save
from gluon2torch.cli import main
from gluon2torch.commands.predict_command import _draw, _real
from gluon2torch.errors import CheckpointError, ImageError, PluginError
from gluon2torch.files.atomic_file import write_text
from gluon2torch.finetuning.training_output import _remove_older
from gluon2torch.graph.plugin import load_plugin
from gluon2torch.inference.images.image_file import images_below, read_image
from gluon2torch.inference.images.task_input import short_side_size
from gluon2torch.inference.runner import find_device
from gluon2torch.mappings.preprocessing import ShortSide
from gluon2torch.sources.params_writer import write_params

from .conftest import record
from .images import encode, noise
from .test_commands import arrays


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("inspect", ["mine.params", "--json", "mine.params"]),
        ("inspect", ["--json", "./mine.params", "mine.params"]),
        ("inspect", ["--json", "link.params", "mine.params"]),
        ("to-gluon", ["mine.pth", "-o", "mine.pth"]),
        ("features", ["mine.pth", "mine.png", "-o", "out.npz", "--json", "out.npz"]),
        ("validate", ["mine.pth", "mine", "--predictions", "a", "--confusion", "./a"]),
        ("verify", ["mine.pth", "--json", "mine.json"]),
        ("predict", ["--json", "mine.json", "mine.pth", "mine.png"]),
        ("convert", ["--params", "mine.npz", "--save-reference", "mine.npz"]),
        ("graph", ["mine.json", "--html", "a", "--dot", "a"]),
    ],
)
def test_a_file_is_not_an_output_and_something_else(
    verb: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for suffix in ("params", "pth", "npz", "json"):
        Path(f"mine.{suffix}").write_text("mine")
    Path("link.params").symlink_to("mine.params")
    result = run(verb, *words)
    assert result.exit_code == 2
    assert re.search("is also the (file|record) of", result.stderr)
    assert Path("mine.json").read_text() == "mine"
    assert all(path.read_text() == "mine" for path in Path().glob("mine.*"))


@pytest.mark.posix
@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "pipe"],
        ["detect", "pipe"],
        ["diff", "pipe", "mine.params"],
        ["diff", "mine.params", "pipe"],
        ["convert", "--params", "pipe", "--reference", "none"],
        ["verify", "pipe"],
        ["to-gluon", "pipe", "-o", "back.params"],
        ["predict", "pipe", "mine.png"],
    ],
)
def test_a_pipe_is_not_called_a_damaged_file(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_params("mine.params", arrays())
    Path("mine.png").write_bytes(encode(Image.fromarray(noise(4, 4)), "PNG"))
    for kind, make in (
        ("a device", lambda: os.symlink(os.devnull, "pipe")),
        ("a named pipe (FIFO)", lambda: os.mkfifo("pipe")),
    ):
        make()
        result = run(*words)
        assert result.exit_code == 1
        assert result.stderr == (
            f"Error: pipe: is {kind}, not a regular file; save its content as a file first\n"
        )
        os.unlink("pipe")


def test_only_what_a_training_wrote_is_removed(tmp_path: Path) -> None:
    other = tmp_path / "best-resnet50.pth"
    other.write_bytes(b"mine")
    newer = record(labels=("a", "b"))
    other.with_suffix(".json").write_text(to_json(newer.as_dict()))
    _remove_older(other, newer)  # its name is not that of its content
    written = tmp_path / f"best-{hashlib.sha256(b'written').hexdigest()[:8]}.pth"
    written.write_bytes(b"written")
    for facts in ("{}", to_json(record(labels=("a", "c")).as_dict()), "no record"):
        written.with_suffix(".json").write_text(facts)
        _remove_older(written, newer)
        assert written.exists()
    written.with_suffix(".json").write_text(to_json(newer.as_dict()))
    _remove_older(written, newer)
    assert {each.stem for each in tmp_path.iterdir()} == {other.stem}


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot be written \(File name too long\)"):
        write_text("text", tmp_path / ("x" * 300))
    write_params(tmp_path / "mine.params", arrays())
    result = run("inspect", tmp_path / "mine.params", "--json", tmp_path / ("x" * 300))
    assert result.exit_code == 2
    assert "File name too long" in result.stderr
    result = run("convert", "--params", tmp_path / ("x" * 300), "--reference", "none")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_a_damaged_exif_is_a_damaged_image(tmp_path: Path) -> None:
    path = tmp_path / "odd.png"
    Image.fromarray(noise(4, 4)).save(path, exif=b"Exif\0\0II*\0")
    try:
        with Image.open(path) as image:
            image.getexif()
    except struct.error:
        with pytest.raises(ImageError, match=r"odd\.png: is not a valid image"):
            read_image(path)
    else:
        assert read_image(path).shape == (4, 4, 3)


@pytest.mark.posix
def test_a_link_back_up_lists_no_image_twice(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(encode(Image.fromarray(noise(4, 4)), "PNG"))
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "other").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "other").symlink_to(tmp_path / "a")
    found = [str(path.relative_to(tmp_path / "a")) for path in images_below(tmp_path / "a")]
    assert found == ["other/x.png", "x.png"]


@pytest.mark.parametrize("words", [("--holdout", "nan"), ("--lr", "nan"), ("--warmup", "inf")])
def test_numbers_are_finite(words: tuple[str, str], tmp_path: Path) -> None:
    result = run("finetune", tmp_path / "x.pth", tmp_path, *words)
    assert result.exit_code == 2
    assert "is not finite" in result.stderr or "is not in the range" in result.stderr


def test_a_scale_is_no_percentage() -> None:
    result = run("validate", "x.pt2", "data", "--scales", "50,75,100")
    assert result.exit_code == 2
    assert "at most 8" in result.stderr


def test_a_very_long_image_keeps_a_pixel() -> None:
    rule = ShortSide(short=600, max_size=1000, interpolation="linear", multiple=1)
    assert short_side_size((1, 2500), rule) == (1, 1000)


def test_a_device_without_values_is_none() -> None:
    with pytest.raises(ValueError, match="device 'meta' is not available"):
        find_device("meta")


def test_types_that_numpy_lacks_are_named(tmp_path: Path) -> None:
    tensors = {"weight": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    save_file(tensors, tmp_path / "a.safetensors")
    result = run("diff", tmp_path / "a.safetensors", tmp_path / "a.safetensors")
    assert result.exit_code == 1
    assert "weight has the data type float8_e4m3fn, which cannot be compared" in result.stderr


def test_a_plugin_that_exits_has_failed(tmp_path: Path) -> None:
    (tmp_path / "leave.py").write_text("raise SystemExit")
    with pytest.raises(PluginError, match="the plugin failed at"):
        load_plugin(tmp_path / "leave.py")


def test_a_full_disk_is_an_error_of_the_system() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        save({"state": torch.zeros(10)}, Full())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "far/mine.pth"), "far/mine.pth: cannot be used"),
        (MemoryError(), "there is not enough memory; choose smaller images"),
        (RuntimeError("CUDA out of memory. Tried"), "there is not enough memory (CUDA out"),
    ],
)
def test_what_nothing_else_has_handled_is_one_line(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("gluon2torch.checkpoints.inspection.inspect_file", fail)
    result = run("inspect", "mine.params")
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_of_unreadable_images_has_no_accuracy(tmp_path: Path) -> None:
    from gluon2torch import convert
    from gluon2torch.inference.validation import validate

    write_params(tmp_path / "mine.params", arrays())
    record = convert(params=tmp_path / "mine.params", reference="none", out=tmp_path)
    listed = tmp_path / "list.txt"
    (tmp_path / "x.png").write_bytes(b"none")
    listed.write_text("x.png 3\n")
    with pytest.raises(ImageError, match=r"none of its images can be read; the first: .*x\.png"):
        validate(record.file, listed, workers=0)


def test_a_picture_never_replaces_an_image_that_was_given(tmp_path: Path) -> None:
    """Also if its name differs as a path, or in upper case, which some systems ignore."""
    given = tmp_path / "a-objects.png"
    given.write_bytes(b"mine")
    result: Any = SimpleNamespace(
        image=str(tmp_path / "a.png"), pictures={"objects": lambda: noise(4, 4)}
    )
    for name in (given, tmp_path / "x" / ".." / "a-objects.png", tmp_path / "A-Objects.PNG"):
        assert list(_draw(result, tmp_path, {_real(name)})) == [str(tmp_path / "a-2-objects.png")]
    assert given.read_bytes() == b"mine"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_names_that_stdout_cannot_write_are_no_traceback(encoding: str, tmp_path: Path) -> None:
    name = "模型\udcff.params"  # a byte that is not UTF-8
    write_params(tmp_path / name, {"x": np.zeros(3, np.float32)})

    def call(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "gluon2torch", *words],
            env={**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"},
            cwd=tmp_path,
            capture_output=True,
        )

    for words in (["detect", name], ["detect", name, "--json", "-"]):
        done = call(*words)
        assert done.stderr == b""
        assert b".params" in done.stdout
    json.loads(done.stdout.decode("utf-8"))
