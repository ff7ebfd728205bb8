"""Conversion of many files and networks: in turn, in processes, in shares; loading ahead."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gluon2torch.checkpoints.record import Record
from gluon2torch.cli import main
from gluon2torch.errors import KeyMapError
from gluon2torch.files.atomic_file import temporary_file
from gluon2torch.mappings.catalog import Entry, load_catalog
from gluon2torch.pipeline import arrays_ahead, batch
from gluon2torch.pipeline.arrays_ahead import AHEAD
from gluon2torch.pipeline.batch import convert_in_processes, convert_in_turn
from gluon2torch.pipeline.request import Request
from gluon2torch.sources.arrays import Arrays
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source, load_arrays

from .conftest import record
from .test_commands import arrays

ROOT = Path(__file__).resolve().parents[1]
CATALOG = load_catalog()
SMALL, LARGE = ("cifar_resnet20_v1", "cifar_resnet20_v2"), "cifar_resnet110_v1"


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "convert.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three networks and a file that is none."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a", "c"):
        values = {key: array.copy() for key, array in arrays().items()}
        values[next(iter(values))] *= 2 if name == "a" else 3
        write_params(folder / f"{name}.params", values)
    (folder / "b.params").write_bytes(b"")
    write_params(folder / "d.params", {"x": np.zeros(3, np.float32)})
    return folder


@pytest.mark.parametrize("how", ["a folder", "a list", "--params repeated", "--jobs"])
def test_each_file_has_its_own_record_and_line(how: str, folder: Path, tmp_path: Path) -> None:
    files = [folder / f"{name}.params" for name in "abcd"]
    lines_of = "".join(f"{file}\n\n" for file in files)
    (tmp_path / "list").write_text(lines_of, encoding="utf-8-sig")  # as Windows' editors do
    given = {
        "a folder": ["--params", folder],
        "a list": ["--params", "@list"],
        "--params repeated": [text for file in files for text in ("--params", file)],
        "--jobs": ["--params", folder, "--jobs", 2],
    }[how]
    options = ["--reference", "none", "--json", "r.json", "-o", "out"]
    done = run(*given, *options, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == [
        *("cifar_resnet20_v1", "unknown", "cifar_resnet20_v1", "unknown"),
    ]
    assert lines[4:] == ["2 of 4 converted, 0 proved equal"]
    assert lines[1].split()[1:] == ["not", "converted", str(files[1])]
    one, other = done.stderr.splitlines()
    assert one.startswith(f"Error: {files[1]}: ")
    assert one.endswith(
        "too few for a .params file; the file is damaged or was not written by "
        "MXNet: copy or download it again"
    )
    assert other.startswith(f"Error: {files[3]}: 1 arrays that match no known network")
    records = json.loads((tmp_path / "r.json").read_text())
    assert [each["source"]["path"] for each in records] == list(map(str, files))
    assert ["error" in each for each in records] == [False, True, False, True]
    assert len({each["sha256"] for each in records if "sha256" in each}) == 2
    written = sorted(Path(each["file"]).name for each in records if "file" in each)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.pth")) == written


def test_shards_share_the_networks(folder: Path, tmp_path: Path) -> None:
    options = ["--params", folder, "--reference", "none", "--json", "-", "-o", "out"]
    whole = json.loads(run(*options, cwd=tmp_path).stdout)
    shares = [
        json.loads(run(*options, "--shard", f"{i}/3", cwd=tmp_path).stdout) for i in (1, 2, 3)
    ]
    paths = [[each["source"]["path"] for each in share] for share in shares]
    assert [len(each) for each in paths] == [2, 1, 1]
    order = [each["source"]["path"] for each in whole]
    assert [order[0::3], order[1::3], order[2::3]] == paths
    assert json.loads(run(*options, "--shard", "9/9", cwd=tmp_path).stdout) == []


def requests(*names: str) -> list[Request]:
    return [Request(model=name, init="random", seed=3) for name in names]


def test_arrays_are_loaded_ahead_and_stay_the_same_during_their_turn() -> None:
    names = [*SMALL, LARGE, *SMALL]
    compared = []

    def one(request: Request, _: object, load: Callable[[], Arrays] | None) -> Record:
        assert load is not None
        arrays = load()
        time.sleep(0.2)  # the following ones are drawn
        expected = load_arrays(CATALOG[str(request.model)], Source("random", seed=3))
        assert list(arrays) == list(expected)
        assert all(np.array_equal(arrays[name], expected[name]) for name in expected)
        compared.append(request.model)
        return record()

    list(convert_in_turn(requests(*names), one))
    assert compared == names


def test_arrays_are_loaded_during_the_conversion_before(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: dict[str, threading.Event] = {name: threading.Event() for name in (*SMALL, LARGE)}

    def load(entry: Entry, *_: object) -> Arrays:
        loaded[entry.name].set()
        return {}

    monkeypatch.setattr(arrays_ahead, "load_arrays", load)

    def one(request: Request, *_: object) -> Record:
        if request.model == SMALL[0]:
            assert loaded[SMALL[1]].wait(60)
            # with this one's, its arrays need more memory than a quarter above its own
            assert not loaded[LARGE].wait(0.2)
        if request.model == LARGE:
            assert loaded[LARGE].wait(60)
        return record()

    outcomes = list(convert_in_turn(requests(*SMALL, LARGE), one))
    assert [outcome.error for outcome in outcomes] == [None] * 3


def test_only_some_files_are_downloaded_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    names = list(CATALOG)[: AHEAD + 4]
    downloaded: list[str] = []
    enough = threading.Event()

    def download(entry: Entry, *_: object) -> Arrays:
        downloaded.append(entry.name)
        if len(downloaded) == AHEAD:
            enough.set()
        return {}

    monkeypatch.setattr(arrays_ahead, "load_arrays", download)

    def one(request: Request, _: object, load: Callable[[], Arrays] | None) -> Record:
        if request.model == names[0]:
            assert load is None  # it shows its progress
            enough.wait(60)
            time.sleep(0.1)
            assert downloaded == names[1 : AHEAD + 1]
        elif load is not None:
            load()  # what nobody waits for is cancelled at the end
        return record()

    outcomes = list(convert_in_turn([Request(model=name) for name in names], one))
    assert {outcome.error for outcome in outcomes} == {None}
    assert downloaded == names[1:]


def test_what_cannot_be_loaded_ahead_fails_in_its_turn() -> None:
    def one(request: Request, _: object, load: Callable[[], Arrays] | None) -> Record:
        if load is not None:
            load()
        return record()

    def failing(entry: Entry, *_: object) -> Arrays:
        if entry.name == SMALL[1]:
            raise KeyMapError("no arrays", [])
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays_ahead, "load_arrays", failing)
        outcomes = list(convert_in_turn(requests(*SMALL, LARGE), one))
    assert [outcome.result.succeeded for outcome in outcomes] == [True, False, True]
    assert outcomes[1].error is not None
    assert outcomes[1].error.startswith("no arrays")


def test_a_network_for_which_memory_lacks_fails_alone() -> None:
    def one(request: Request, *_: object) -> Record:
        if request.model == SMALL[1]:
            raise MemoryError("Unable to allocate 2.00 TiB")
        if request.model == LARGE:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return record()

    outcomes = list(convert_in_turn(requests(*SMALL, LARGE), one))
    assert [outcome.result.succeeded for outcome in outcomes] == [True, False, False]
    assert outcomes[1].error == (
        f"{SMALL[1]}: there is not enough memory (Unable to allocate 2.00 TiB); choose smaller "
        "images or a smaller batch"
    )


def test_a_mistake_of_ours_stops_no_other_conversion() -> None:
    def one(request: Request, *_: object) -> Record:
        return bug() if request.model == SMALL[0] else record()

    first, second = convert_in_turn(requests(*SMALL), one)
    assert second.error is None
    assert first.error is not None
    line, *details = first.error.splitlines()
    assert line == first.result.error
    assert line.startswith(f"{SMALL[0]}: cannot be converted because of an error in gluon2torch")
    assert line.endswith("(RuntimeError: a bug)")
    assert details[0].startswith("Traceback")


def bug() -> Record:
    raise RuntimeError("a bug")


def test_an_interrupted_run_does_not_wait_for_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def download(*arguments: Any) -> Arrays:
        *_, progress, _ = arguments
        begun.set()
        try:
            while True:
                progress(1, None)
        finally:
            ended.set()

    def one(*_: object) -> Record:
        assert begun.wait(60)
        raise KeyboardInterrupt

    monkeypatch.setattr(arrays_ahead, "load_arrays", download)
    with pytest.raises(KeyboardInterrupt):
        list(convert_in_turn(requests(*SMALL, LARGE), one))
    assert ended.is_set()


def killed_or_converted(request: Request, *_: object) -> Record:
    """Ends its process for one of the networks, as the system does when memory runs out."""
    if request.model == SMALL[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    return record(str(request.model))


@pytest.mark.posix
@pytest.mark.costly
def test_a_process_that_is_killed_fails_only_its_own_network() -> None:
    names = [SMALL[0], SMALL[1], LARGE]
    outcomes = list(convert_in_processes(requests(*names), 2, killed_or_converted))
    assert [outcome.result.succeeded for outcome in outcomes] == [True, False, True]
    assert [outcome.result.model for outcome in outcomes] == names
    assert "was killed, possibly out of memory" in str(outcomes[1].error)


def with_plugin(request: Request, *_: object) -> Record:
    """A conversion that needs a plugin."""
    if "gluon2torch_plugin_operators" not in sys.modules:
        raise KeyMapError("no plugin")
    return record(str(request.model))


@pytest.mark.costly
def test_each_process_of_jobs_loads_the_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "operators.py"
    plugin.write_text("")
    monkeypatch.setattr(
        batch, "convert_in_processes", partial(convert_in_processes, one=with_plugin)
    )
    arguments = ("convert", *SMALL, "--jobs", "2", "--plugin", str(plugin))
    assert "2 of 2 converted" in CliRunner().invoke(main, arguments).output


def waiting(request: Request, *_: object) -> Record:
    """A conversion that is writing when the program is ended."""
    with temporary_file(Path("out")):
        time.sleep(600)
    return record()


@pytest.mark.posix
@pytest.mark.costly
def test_a_program_that_is_ended_ends_its_processes(tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from gluon2torch.cli import orderly_end; from tests.test_batch import *\n"
        "with orderly_end(): list(convert_in_processes(requests(*SMALL, LARGE), 2, waiting))"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path) as process:
        for _ in range(600):
            if len([*tmp_path.glob("out/.writing-*")]) == 2:
                break
            time.sleep(0.1)
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    assert [*tmp_path.rglob(".writing-*")] == []
