"""Outputs go through symbolic links, and never over a folder, a device, a FIFO or a socket."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from gluon2torch.cli import main
from gluon2torch.commands.option_types import JsonTarget, OutputFile, OutputFolder
from gluon2torch.errors import CheckpointError
from gluon2torch.files.atomic_file import new_file, staging, write_text
from gluon2torch.files.output_path import kind_of, output_file
from gluon2torch.sources.params_writer import write_params

from .folders import make_weights
from .images import encode, noise, run
from .test_commands import arrays
from .test_graph_reader import network

pytestmark = pytest.mark.posix
OUTPUTS = (OutputFile, OutputFolder, JsonTarget)


def options() -> Iterator[tuple[str, click.Parameter]]:
    """Each command's options and arguments."""
    for verb, command in main.commands.items():
        for parameter in command.params:
            yield verb, parameter


TARGETS = [
    pytest.param(verb, each, id=f"{verb} {each.opts[-1]}")
    for verb, each in options()
    if isinstance(each.type, OUTPUTS)
]


def test_every_output_has_the_type_of_one() -> None:
    words = ("Write ", "Draw ", "Save ", "Output ", "The .params file to write")
    for verb, each in options():
        if isinstance(each, click.Option) and not each.is_flag and each.help is not None:
            assert not each.help.startswith(words) or isinstance(each.type, OUTPUTS), (
                verb,
                each.opts,
            )
    assert len(TARGETS) >= 26


@pytest.mark.parametrize(("verb", "option"), TARGETS)
@pytest.mark.parametrize("make", ["FIFO", "link to a FIFO", "socket", "device"])
def test_what_is_no_file_is_refused_before_any_work(
    verb: str,
    option: click.Parameter,
    make: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        if make == "FIFO":
            os.mkfifo("target")
        elif make == "link to a FIFO":
            os.mkfifo("far")
            os.symlink("far", "target")
        elif make == "device":
            make_device("target")
        else:
            listening.bind("target")
        before, names_before = os.stat("target"), os.listdir()
        names = [option.opts[-1]] if isinstance(option, click.Option) else []
        result = run(verb, "x", *(["x"] if names else []), *names, "target")
        if verb == "release" and not names:
            result = run(verb, "target")
    assert result.exit_code == 2, result.output
    kind = "named pipe (FIFO)" if "FIFO" in make else make
    assert f"target is a {kind}, not a " in " ".join(result.output.split())
    after = os.stat("target")
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert os.listdir() == names_before
    assert os.path.islink("target") == ("link" in make)


def make_device(path: str) -> None:
    """A device of the kind of /dev/null, which only root may make, and not in every container."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("may not make a device")


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (stat.S_IFCHR, "a device"),
        (stat.S_IFBLK, "a device"),
        (stat.S_IFDIR, "a folder"),
        (stat.S_IFIFO, "a named pipe (FIFO)"),
        (stat.S_IFSOCK, "a socket"),
        (stat.S_IFREG, None),
    ],
)
def test_the_kinds_by_name(
    kind: int, named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_text("kept")
    monkeypatch.setattr(Path, "stat", lambda *_, **__: os.stat_result((kind, *[0] * 9)))
    assert kind_of(path) == named
    if named is None:
        assert output_file(path) == path
        return
    with pytest.raises(CheckpointError, match="not a regular file; choose another name"):
        write_text("new", path)
    monkeypatch.undo()
    assert path.read_text() == "kept"


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link, far = tmp_path / "link", tmp_path / "far" / "file"
    link.symlink_to(Path("far", "file"))
    for text in ("made", "replaced"):
        write_text(text, link)
        assert link.is_symlink()
        assert far.read_text() == text
    assert [each.name for each in far.parent.iterdir()] == ["file"]

    def fail() -> None:
        with new_file(link) as file:
            file.write(b"half")
            raise ValueError("full")

    with pytest.raises(ValueError, match="full"):
        fail()
    assert far.read_text() == "replaced"
    link.unlink()
    link.symlink_to("link")
    with pytest.raises(CheckpointError, match="a symbolic link in a loop"):
        write_text("x", link)


def test_staged_files_go_through_links_and_replace_all_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to("far")  # a folder that is a link
    out = tmp_path / "near"
    (out / "b").symlink_to(tmp_path / "b")
    (tmp_path / "old").mkdir()
    (out / "c").symlink_to(tmp_path / "old")
    with staging(out) as staged:
        (staged / "a").write_text("a")
        (staged / "b").write_text("b")
        (staged / "c").mkdir()
        (staged / "c" / "in").write_text("c")
    assert (tmp_path / "b").read_text() == "b"
    assert (tmp_path / "old" / "in").read_text() == "c"
    assert sorted(each.name for each in out.iterdir() if each.is_symlink()) == ["b", "c"]
    assert not list(tmp_path.glob("**/.writing-*"))
    os.mkfifo(out / "d")

    def replace_both() -> None:
        with staging(out) as staged:
            (staged / "a").write_text("new")
            (staged / "d").write_text("new")

    with pytest.raises(CheckpointError, match="near/d: is a named pipe"):
        replace_both()
    assert (out / "a").read_text() == "a"
    assert stat.S_ISFIFO((out / "d").stat().st_mode)


def test_a_checkpoints_name_may_be_a_link(tmp_path: Path) -> None:
    source, out = tmp_path / "mine.params", tmp_path / "out"
    write_params(source, arrays())
    convert = ("convert", "--params", source, "--reference", "none", "-o", out)
    assert run(*convert).exit_code == 0
    (path,) = out.glob("*.pth")
    content = path.read_bytes()
    path.rename(tmp_path / "far")
    path.symlink_to(tmp_path / "far")
    (tmp_path / "far").write_bytes(b"")
    assert run(*convert).exit_code == 0
    assert path.is_symlink()
    assert (tmp_path / "far").read_bytes() == content
    path.unlink()
    os.mkfifo(path)
    result = run(*convert)
    assert result.exit_code == 1
    assert f"{path}: is a named pipe (FIFO)" in result.output


FILES: dict[str, list[str]] = {
    "convert --json": ["convert", "--params", "mine.params", "--reference", "none"],
    "convert --save-reference": ["convert", "--params", "mine.params", "--reference", "graph"],
    "inspect --json": ["inspect", "mine.params"],
    "detect --json": ["detect", "mine.params"],
    "diff --json": ["diff", "mine.params", "mine.params"],
    "graph --json": ["graph", "net-symbol.json"],
    "graph --dot": ["graph", "net-symbol.json"],
    "graph --html": ["graph", "net-symbol.json"],
    "to-gluon --out": ["to-gluon", "mine.pth"],
    "to-gluon --json": ["to-gluon", "mine.pth", "-o", "back.params"],
    "verify --json": ["verify", "mine.pth", "--reference", "none"],
    "predict --json": ["predict", "mine.pth", "images"],
    "features --out": ["features", "mine.pth", "images", "-j", "0"],
    "features --json": ["features", "mine.pth", "images", "-j", "0", "-o", "f.npz"],
    "validate --json": ["validate", "mine.pth", "list.txt", "-j", "0"],
    "validate --predictions": ["validate", "mine.pth", "list.txt", "-j", "0"],
    "validate --confusion": ["validate", "mine.pth", "list.txt", "-j", "0"],
    "finetune --json": ["finetune", "mine.pth", "images", "-j", "0", "--epochs", "1"],
    "train --json": ["train", "cifar_resnet20_v1", "images", "-j", "0", "--epochs", "1"],
    "release --json": ["release", "published", "--model", "cifar_resnet20_v1", "--from", "proved"],
}


FOLDERS: dict[str, list[str]] = {
    "convert --out": ["convert", "--params", "mine.params", "--reference", "none"],
    "convert --report": ["convert", "--params", "mine.params", "--reference", "none"],
    "finetune --out": FILES["finetune --json"],
    "train --out": FILES["train --json"],
    "release folder": ["release", "--model", "cifar_resnet20_v1", "--from", "proved"],
}
# written through a link in test_graph_command.py and test_task_predictions.py
ELSEWHERE = {"graph --svg", "predict --out"}


def test_each_output_is_tried() -> None:
    """Of each command that writes, every option, and the argument of `release`."""
    outputs = {
        f"{verb} {each.opts[-1]}" for verb, each in options() if isinstance(each.type, OUTPUTS)
    }
    assert outputs == {*FILES, *FOLDERS} | ELSEWHERE


@pytest.fixture
def inputs(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with what the commands read."""
    monkeypatch.chdir(untrained.parent)
    rng = np.random.default_rng(0)
    values = {  # the outputs of the network depend on the images
        name: rng.normal(0, 0.1, array.shape).astype("f4")
        if array.ndim > 1
        else np.ones_like(array)
        for name, array in arrays().items()
    }
    write_params("mine.params", values)
    Path("net-symbol.json").write_text(json.dumps(network()))
    for number in range(4):
        folder = Path("images", "ab"[number % 2])
        folder.mkdir(parents=True, exist_ok=True)
        image = encode(Image.fromarray(noise(34, 38, number)), "PNG")
        (folder / f"{number}.png").write_bytes(image)
    Path("list.txt").write_text("images/a/0.png 0\nimages/b/1.png 1\n")
    Path("far").mkdir()


@pytest.mark.costly
@pytest.mark.parametrize("verb", FILES)
@pytest.mark.usefixtures("inputs")
def test_each_verb_writes_through_a_link(verb: str) -> None:
    option = verb.split()[-1]
    if verb.startswith("release"):
        make_weights(Path("proved"))
    suffix = ".npz" if verb in ("convert --save-reference", "features --out") else ""
    link = Path(f"link{suffix}")
    link.symlink_to(Path("far", f"file{suffix}"))
    result = run(*FILES[verb], option, link)
    failed = verb.startswith("verify")  # its name has no digits of its hash
    assert result.exit_code == failed, result.output
    assert link.is_symlink()
    (written,) = Path("far").iterdir()
    assert written.stat().st_size > 0


@pytest.mark.costly
@pytest.mark.parametrize("verb", FOLDERS)
@pytest.mark.usefixtures("inputs")
def test_a_folder_may_be_a_link(verb: str) -> None:
    if verb.startswith("release"):
        make_weights(Path("proved"))
    far, link = Path("far", "folder"), Path("link")
    link.symlink_to(far)  # not there yet
    result = run(*FOLDERS[verb], *([] if verb == "release folder" else [verb.split()[-1]]), link)
    assert result.exit_code == 0, result.output
    assert link.is_symlink()
    assert len(list(far.iterdir())) >= 2
    assert not list(Path("far").glob(".writing-*"))
