"""Files appear whole or not at all, on systems that are stricter than this one, too."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch import convert, write_params
from gluon2torch.errors import CheckpointError
from gluon2torch.files import atomic_file
from gluon2torch.inference.feature_extraction import Features, write_features

from .test_commands import arrays

Write = Callable[[Path], object]


def open_files() -> set[str]:
    """The files that this process has open or mapped."""
    found = {os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()}
    maps = Path("/proc/self/maps").read_text().splitlines()
    return found | {line.split(maxsplit=5)[5] for line in maps if line.count("/")}


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Renaming refuses what is open, as Windows does; the names that were given."""
    if not sys.platform.startswith("linux"):
        pytest.skip("looks into /proc")
    given: list[str] = []

    def refusing(replace: Any) -> Any:
        def rename(source: Any, target: Any, **options: Any) -> Any:
            inside = os.path.realpath(source)
            if taken := [each for each in open_files() if each.startswith(inside)]:
                raise PermissionError(13, f"{taken[0]} is open")
            given.append(os.path.basename(target))
            return replace(source, target, **options)

        return rename

    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    return given


@pytest.mark.parametrize("format_", ["pth", "safetensors", "timm-folder"])
def test_a_checkpoint_is_closed_before_it_gets_its_name(
    format_: str, strict: list[str], tmp_path: Path
) -> None:
    write_params(tmp_path / "mine.params", arrays("resnet18_v1b", "resnet_v1b"))
    strict.clear()
    options: dict[str, Any] = {"formats": [format_]}
    if format_ == "timm-folder":
        options = {"layout": format_}
    record = convert(
        params=tmp_path / "mine.params", reference="none", out=tmp_path / "o", **options
    )
    name = Path(record.file).name
    assert strict.count(name) >= 2  # staged, and then in its folder
    assert any(each.endswith(".json") for each in strict)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: atomic_file.write_text("x", path),
        lambda path: write_params(path, {"a": np.ones(3, np.float32)}),
        lambda path: write_features(Features(("i",), {"features": np.ones((1, 2))}, ()), path),
    ],
    ids=["text", "params", "features"],
)
def test_any_file_is_closed_before_it_gets_its_name(
    write: Write, strict: list[str], tmp_path: Path
) -> None:
    write(tmp_path / "file")
    assert strict == ["file"]
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_that_stays_open_is_refused_here(strict: list[str], tmp_path: Path) -> None:
    """The fixture notices what Windows would."""
    source = tmp_path / "source"
    with source.open("w"), pytest.raises(PermissionError, match="is open"):
        os.replace(source, tmp_path / "target")
    torch.save(torch.ones(3), source)
    mapped = torch.load(source, mmap=True)
    with pytest.raises(PermissionError, match="is open"):
        source.replace(tmp_path / "target")
    del mapped
    source.replace(tmp_path / "target")


@pytest.mark.parametrize("lacking", ["O_DIRECTORY", "fsync of folders"])
def test_a_folder_that_cannot_be_synced_is_no_failure(
    lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lacking == "O_DIRECTORY":
        monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    else:
        fsync = os.fsync

        def refusing(descriptor: int) -> None:
            if os.path.isdir(os.readlink(f"/proc/self/fd/{descriptor}")):
                raise OSError(22, "Invalid argument")
            fsync(descriptor)

        if not sys.platform.startswith("linux"):
            pytest.skip("looks into /proc")
        monkeypatch.setattr(os, "fsync", refusing)
    atomic_file.write_text("x", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "x"


def test_a_failure_removes_the_folders_that_were_made(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()

    def fail() -> None:
        with atomic_file.staging(tmp_path / "there" / "a" / "b") as staged:
            (staged / "half").write_text("x")
            raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match="b: cannot be written"):
        fail()
    assert [each.name for each in tmp_path.rglob("*")] == ["there"]


def test_a_folder_that_another_process_removes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check of another process removes the folder that it made."""
    remove, folder = atomic_file._remove_abandoned, tmp_path / "out"
    monkeypatch.setattr(atomic_file, "_remove_abandoned", lambda path: (path.rmdir(), remove(path)))
    with atomic_file.temporary_file(folder) as (file, path):
        file.write(b"x")
        assert path.parent == folder
    folder.rmdir()
    with atomic_file.temporary_folder(folder) as path:
        assert path.is_dir()
