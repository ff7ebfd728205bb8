"""Signals at any moment: no half file, and no temporary that stays for good."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon2torch import convert, read_params
from gluon2torch.checkpoints.record import Record
from gluon2torch.cli import main, orderly_end
from gluon2torch.commands.convert_command import show_each
from gluon2torch.commands.interruption import Interrupted
from gluon2torch.errors import CheckpointError
from gluon2torch.files import atomic_file, temporary_names
from gluon2torch.files.temporary_names import PREFIX, is_abandoned, new_name
from gluon2torch.inference.images.labelled_images import STATE
from gluon2torch.pipeline.batch import convert_in_turn
from gluon2torch.pipeline.request import Request
from gluon2torch.sources.params_writer import write_params

from .conftest import record
from .images import run
from .test_cli import ROOT
from .test_commands import arrays
from .test_finetune import make_colours

pytestmark = [pytest.mark.posix, pytest.mark.costly]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT
DAY = 86400

# what a child does: `moment` is called in the middle of writing, with the temporary file's path
CHILD = """
import os, runpy, signal, sys, time
from gluon2torch.files import atomic_file

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it

publish, remove = atomic_file.publish, atomic_file._remove_temporary

def moment(path):
    pass

def stopped(file, path, target):
    moment(path)
    publish(file, path, target)

def wait(path):
    print("writing", flush=True)
    time.sleep(60)

atomic_file.publish = stopped
"""
COMMAND = """
from gluon2torch.cli import main
main(["convert", *sys.argv[1:]], prog_name="gluon2torch")
"""
SCRIPT = f"""
runpy.run_path({str(ROOT / "convert.py")!r}, run_name="__main__")
"""
LIBRARY = """
from gluon2torch import convert
convert(params=sys.argv[2], reference="none", out=sys.argv[-1])
"""
WAITING = "\nmoment = wait\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.params"
    write_params(path, arrays())
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@contextmanager
def child(code: str, mine: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that converts `mine` and writes to `out`."""
    options = ["--params", str(mine), "--reference", "none", "-o", str(out)]
    with subprocess.Popen(
        [sys.executable, "-c", CHILD + code, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def writing(code: str, mine: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """Such a process, which waits in the middle of writing."""
    with child(WAITING + code, mine, out) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        assert temporaries(out) != []
        yield process


def temporaries(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob(f"**/{PREFIX}*"))


def ended(process: subprocess.Popen[str]) -> int:
    _, errors = process.communicate(timeout=60)
    print(errors)
    return process.returncode


def touch(folder: Path, *, age: float = 0, name: str) -> Path:
    path = folder / name
    path.mkdir()
    (path / "half").write_bytes(b"x")
    os.utime(path, (time.time() - age,) * 2)
    return path


def renamed(**parts: str) -> str:
    """A name as this process gives it, with other parts."""
    names = ("prefix", "host", "pid", "start", "random")
    _, *values = new_name().split("-")
    return "-".join((dict(zip(names, [".writing", *values], strict=True)) | parts).values())


# SIGTERM


@pytest.mark.parametrize("code", [COMMAND, SCRIPT], ids=["gluon2torch", "convert.py"])
def test_sigterm_leaves_nothing(code: str, mine: Path, out: Path) -> None:
    with writing(code, mine, out) as process:
        process.terminate()
        assert ended(process) == TERMINATED
    assert not out.exists()


@pytest.mark.parametrize("code", [COMMAND, SCRIPT], ids=["gluon2torch", "convert.py"])
def test_an_interrupted_conversion_says_what_is_left(code: str, mine: Path, out: Path) -> None:
    with writing(code, mine, out) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert errors == (
        "Interrupted: no unfinished file is left; the same command starts again, and resumes a "
        "download\n"
    )
    assert not out.exists()


def test_several_conversions_say_which_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    def one(request: Request, *_: object) -> Record:
        if request.model == "c":
            raise KeyboardInterrupt
        return record()

    requests = [Request(model=name, params=f"{name}.params") for name in "abcd"]
    with pytest.raises(Interrupted) as caught:
        show_each(convert_in_turn(requests, one), requests, quiet=True)
    caught.value.show()
    assert capsys.readouterr().err == (
        "Interrupted: 2 of 4 are converted, and their files stay; go on with the same options for "
        "c.params d.params\n"
    )


@pytest.mark.parametrize("epochs", [0, 1])
def test_an_interrupted_training_says_how_to_go_on(
    epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluon2torch.finetuning.training import Training

    run_epoch = Training.run_epoch

    def interrupted(self: Training, progress: Any) -> Any:
        if len(self.history) == epochs:
            raise KeyboardInterrupt
        return run_epoch(self, progress)

    monkeypatch.setattr(Training, "run_epoch", interrupted)
    images, out = make_colours(tmp_path / "images", 4), tmp_path / "out"
    options = ("-o", out, "--epochs", "3", "-j", "0", "--device", "cpu")
    result = run("train", "cifar_resnet20_v1", images, *options)
    assert result.exit_code == INTERRUPTED
    assert result.stderr == (
        f"Interrupted: {out / STATE} has the finished epochs; go on with the same command and "
        "`--resume`\n"
        if epochs
        else "Interrupted: no epoch is finished, and nothing is left; the same command starts "
        "again\n"
    )
    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    resume = ("--resume",) if epochs else ()
    assert run("train", "cifar_resnet20_v1", images, *options, *resume).exit_code == 0


def test_more_signals_do_not_stop_the_clean_up(mine: Path, out: Path) -> None:
    more = """
def insist(path):
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.raise_signal(number)
    remove(path)

def moment(path):
    atomic_file._remove_temporary = insist
    signal.raise_signal(signal.SIGTERM)
"""
    with child(more + COMMAND, mine, out) as process:
        assert ended(process) == TERMINATED
    assert not out.exists()


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_just_before_the_removal(number: str, mine: Path, out: Path) -> None:
    late = f"""
def first(path):
    if path.is_dir():
        atomic_file._remove_temporary = remove
        signal.raise_signal(signal.{number})
    remove(path)

def moment(path):
    atomic_file._remove_temporary = first
"""
    out.mkdir()
    with child(late + COMMAND, mine, out) as process:
        assert ended(process) == (TERMINATED if number == "SIGTERM" else INTERRUPTED)
    assert temporaries(out) == []


def test_an_exception_that_a_library_replaces(mine: Path, out: Path) -> None:
    """torch.save makes a RuntimeError of what is raised while it writes."""
    inside = """
import torch
from gluon2torch.checkpoints import torch_file
write, save, count = torch_file._Output.write, torch.save, 0

def interrupted(self, data):
    global count
    count += 1
    if count == 3:
        signal.raise_signal(signal.SIGTERM)
    return write(self, data)

def replaced(*arguments):
    try:
        save(*arguments)
    except BaseException as error:
        print(type(error).__name__, file=sys.stderr)
        raise

torch_file._Output.write, torch.save = interrupted, replaced
"""
    with child(inside + COMMAND, mine, out) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == TERMINATED
    assert errors == "RuntimeError\n"  # else this shows nothing
    assert not out.exists()


def test_an_exception_that_python_drops(mine: Path, out: Path) -> None:
    """Nothing can be raised from a destructor, or from importlib's callbacks."""
    dropped = """
class Closing:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

def moment(path):
    Closing()
    time.sleep(600)
"""
    with child(dropped + COMMAND, mine, out) as process:
        assert ended(process) == TERMINATED
    assert not out.exists()


def test_a_forked_worker_leaves_the_program_its_files(mine: Path, out: Path) -> None:
    forked = """
def moment(path):
    global moment
    def moment(path): pass
    ready, tell = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.write(tell, b"x")
        time.sleep(60)
    os.read(ready, 1)  # a signal during the fork itself is lost
    os.kill(worker, signal.SIGTERM)
    _, status = os.waitpid(worker, 0)
    assert (os.WTERMSIG(status), path.exists()) == (signal.SIGTERM, True), status
"""
    with child(forked + COMMAND, mine, out) as process:
        assert ended(process) == 0
    assert sorted(path.suffix for path in out.iterdir()) == [".json", ".pth"]


def test_a_library_leaves_signals_alone(mine: Path, out: Path) -> None:
    with writing(LIBRARY, mine, out) as process:
        process.terminate()
        assert ended(process) == -signal.SIGTERM


def test_signals_are_handled_during_a_program_only() -> None:
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    hook = sys.unraisablehook
    assert handlers[0] == signal.SIG_DFL  # after all imports
    with orderly_end():
        assert callable(signal.getsignal(signal.SIGTERM))
    with pytest.raises(SystemExit, match="^0$"):
        main(["--version"])
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert sys.unraisablehook == hook


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with orderly_end():
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_commands_work_on_another_thread() -> None:
    ends: list[Any] = []

    def run() -> None:
        try:
            main(["--version"])
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert [(type(end), end.code) for end in ends] == [(SystemExit, 0)]


# SIGKILL


@linux
@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "zombie"])
def test_the_next_write_removes_what_a_killed_process_left(
    reaped: bool, mine: Path, out: Path
) -> None:
    with writing(COMMAND, mine, out) as process:
        process.kill()
        if reaped:
            process.wait()
        else:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        left = temporaries(out)
        assert len(left) == 2  # a folder and a file in it
        assert all(f"-{process.pid}-" in name for name in left)
        atomic_file.write_text("x", out / "file")
        assert [path.name for path in out.iterdir()] == ["file"]


@linux
def test_what_a_live_process_writes_stays(mine: Path, out: Path) -> None:
    with writing(COMMAND, mine, out) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        before = temporaries(out)
        atomic_file.write_text("x", out / "file")
        convert(params=mine, reference="none", out=out)
        assert temporaries(out) == before
        process.kill()
        process.wait()
        atomic_file.write_text("x", out / "file")
        assert temporaries(out) == []
    assert sorted(path.suffix for path in out.iterdir()) == ["", ".json", ".pth"]


def test_what_another_thread_writes_stays(tmp_path: Path) -> None:
    def write() -> None:
        atomic_file.write_text("x", tmp_path / "file")

    with (
        atomic_file.staging(tmp_path) as staged,
        atomic_file.temporary_file(tmp_path) as (_, path),
    ):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert staged.is_dir()
        assert path.is_file()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@linux
def test_a_reused_pid_is_another_process(tmp_path: Path) -> None:
    start = new_name().split("-")[3]
    own = touch(tmp_path, name=renamed(random="00000000"))
    reused = touch(tmp_path, name=renamed(start=str(int(start) - 1)))
    atomic_file.write_text("x", tmp_path / "file")
    assert own.is_dir()
    assert not reused.exists()


@linux
def test_the_start_is_the_one_that_the_system_tells() -> None:
    """A program's name may contain blanks and brackets."""
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b') R 1 (', 0, 0, 0)\nprint(flush=True)\n"
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ticks = temporary_names._start_time(process.pid)
        assert ticks is not None
        up = float(Path("/proc/uptime").read_text().split()[0])
        assert 0 <= up - int(ticks) / os.sysconf("SC_CLK_TCK") < 60
        process.communicate(b"\n")


def test_another_hosts_stay_however_old(tmp_path: Path) -> None:
    other = touch(tmp_path, name=f"{PREFIX}00000000-4194305-1-00000000", age=99 * DAY)
    atomic_file.write_text("x", tmp_path / "file")
    assert other.is_dir()


@linux
def test_a_host_is_a_machine_and_its_process_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    host = temporary_names._host.__wrapped__
    ours = host()
    assert ours == host() == temporary_names._host()
    texts, links, name = temporary_names._text, os.readlink, os.uname().nodename
    for part, fake in (
        ((temporary_names, "_text"), lambda path: f"{texts(path)}0"),
        ((os, "readlink"), lambda path: f"{links(path)}{'' if path.name == 'self' else '0'}"),
        ((os, "uname"), lambda: type("Name", (), {"nodename": f"{name}0"})),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(*part, fake)
            assert host() not in (None, ours)
    monkeypatch.setattr(os, "readlink", lambda path: "1")  # /proc of other process numbers
    assert host() is None


@linux
def test_a_process_that_is_hidden_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, name=renamed(start="1"))
    (entry,) = os.scandir(tmp_path)
    assert is_abandoned(entry)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    assert is_abandoned(entry)  # another user's, whose start is known
    monkeypatch.setattr(temporary_names, "_start_time", refuse)
    assert not is_abandoned(entry)


def test_names_without_a_process_stay_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary_names, "_host", lambda: None)  # a system without /proc
    assert len(new_name()) == len(".writing-a1b2c3_d")
    new = touch(tmp_path, name=".writing-a1b2c3_d", age=DAY - 60)
    old = touch(tmp_path, name=".writing-b1b2c3_d", age=DAY + 60)
    users = touch(tmp_path, name=".writing-Desk.txt", age=99 * DAY)
    atomic_file.write_text("x", tmp_path / "file")
    assert [path.exists() for path in (new, old, users)] == [True, False, True]


def test_two_processes_may_clean_up_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        touch(tmp_path, name=f".writing-0000000{number}", age=2 * DAY)
    (tmp_path / ".writing-00000003").write_text("")
    os.utime(tmp_path / ".writing-00000003", (0, 0))
    first, *_ = found = list(os.scandir(tmp_path))

    def beaten(entry: os.DirEntry[str]) -> bool:
        abandoned = is_abandoned(entry)
        if abandoned:
            atomic_file.remove(Path(entry.path))
        return abandoned

    monkeypatch.setattr(atomic_file, "is_abandoned", beaten)
    atomic_file.write_text("x", tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert len(found) == 4
    assert not is_abandoned(first)


def test_a_temporary_that_cannot_be_removed_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".writing-00000000"
    path.write_text("another user's")
    os.utime(path, (0, 0))
    unlink = Path.unlink

    def refusing(self: Path, missing_ok: bool = False) -> None:
        if self == path:
            raise PermissionError(1, "Operation not permitted")
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)
    atomic_file.write_text("x", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "x"


def test_a_folder_is_listed_once_for_each_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    scandir = os.scandir

    def counting(path: Any) -> Any:
        listed.append(str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counting)
    atomic_file.write_text("x", tmp_path / "file")
    assert listed.count(str(tmp_path)) == 1


def test_a_folder_that_exists_keeps_its_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its files is replaced atomically: at any moment, all are there."""
    names = ["0", "1", "2"]

    def write(text: str) -> None:
        with atomic_file.staging(tmp_path) as staged:
            (staged / "folder").mkdir()
            for name in names:
                (staged / "folder" / name).write_text(text)

    write("old")
    (tmp_path / "folder" / "NOTES.md").write_text("mine")
    (tmp_path / "folder" / ".git").mkdir()
    (tmp_path / "folder" / ".git" / "HEAD").write_text("mine, too")
    seen = []
    replace = os.replace

    def watching(source: Any, target: Any) -> None:
        seen.append({each.name for each in (tmp_path / "folder").iterdir()})
        replace(source, target)

    monkeypatch.setattr(Path, "replace", watching)
    write("new")
    assert seen == [{*names, "NOTES.md", ".git"}] * 3
    assert [(tmp_path / "folder" / name).read_text() for name in names] == ["new"] * 3
    assert (tmp_path / "folder" / "NOTES.md").read_text() == "mine"
    assert (tmp_path / "folder" / ".git" / "HEAD").read_text() == "mine, too"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_folder_in_which_a_file_cannot_be_replaced_stays(tmp_path: Path) -> None:
    (tmp_path / "folder" / "b").mkdir(parents=True)
    (tmp_path / "folder" / "a").write_text("old")

    def write() -> None:
        with atomic_file.staging(tmp_path) as staged:
            (staged / "folder").mkdir()
            for name in "ab":
                (staged / "folder" / name).write_text("new")

    with pytest.raises(CheckpointError, match="b: is a folder, not a regular file"):
        write()
    assert (tmp_path / "folder" / "a").read_text() == "old"


# both, at any moment

KILLS = 200
MODULES = ["gluon2torch.cli", "gluon2torch.pipeline.catalog_conversion", "gluon2torch.models"]
MODULES += ["gluon2torch.checkpoints.output", "gluon2torch.checkpoints.formats.safetensors"]


def write_forever(out: Path, seed: int) -> None:
    """Write checkpoints in turns, and folders of the same contents, until a signal comes."""
    with orderly_end():
        chance, original = random.Random(seed), arrays()
        while True:
            variant = chance.randrange(4)
            values = {name: np.float32(variant) + value for name, value in original.items()}
            write_params(out / "mine.params", values)
            formats = chance.choice((["pth"], ["safetensors"], ["pth", "safetensors"]))
            convert(params=out / "mine.params", reference="none", out=out, formats=formats)
            with atomic_file.staging(out) as staged:
                folder = staged / f"folder{variant}"
                folder.mkdir()
                for number in range(8):
                    atomic_file.write_text(f"{variant}", folder / str(number))


def check_whole(folder: Path) -> int:
    """Fail at a file that is not whole; the number of files whose record is missing, or inverse."""
    alone = 0
    for path in folder.iterdir():
        if path.name.startswith(PREFIX):
            continue
        if path.is_dir():
            contents = [each.read_text() for each in path.iterdir()]
            assert len(contents) == 8
            assert len(set(contents)) == 1
        elif path.suffix == ".json":
            record = json.loads(path.read_text())
            file = Path(record["file"])
            alone += not file.exists()
            if file.exists():
                assert hashlib.sha256(file.read_bytes()).hexdigest() == record["sha256"]
        elif path.suffix == ".params":
            assert len(read_params(path)) == 107
        else:
            assert path.suffix in (".pth", ".safetensors")
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert path.stem.endswith(f"-{digest[:8]}")
            alone += not path.with_suffix(".json").exists()
    return alone


def kill_a_fork(number: int, out: Path, chance: random.Random) -> int | None:
    """The status of a process that writes until it gets a signal."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    process = context.Process(target=write_forever, args=(out, chance.randrange(1 << 30)))
    process.start()
    time.sleep(chance.uniform(0, 2.5))
    assert process.is_alive()
    os.kill(process.pid or 0, number)
    process.join(60)
    process.kill()  # if it did not end
    return process.exitcode


def kill_a_command(number: int, out: Path, chance: random.Random) -> int | None:
    """The status of a whole run of convert.py; one that ended before its signal is repeated."""
    write_params(out / "mine.params", arrays())
    options = ["--params", "mine.params", "--reference", "none", "-o", ".", "--quiet"]
    command = [sys.executable, str(ROOT / "convert.py"), *options]
    start = time.monotonic()
    subprocess.run(command, cwd=out, check=True)
    whole = time.monotonic() - start
    while True:
        with subprocess.Popen(command, cwd=out, stderr=subprocess.DEVNULL) as process:
            time.sleep(chance.uniform(0, whole))
            process.send_signal(number)
            process.wait(60)
        if process.returncode != 0:
            return process.returncode


@linux
@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill 160 processes that write all the time, and 40 runs of the command from its start."""
    chance = random.Random(0)
    counts: Counter[str] = Counter()
    kills: list[Callable[[int, Path, random.Random], int | None]]
    kills = [kill_a_command, *[kill_a_fork] * 4] * (KILLS // 5)
    for index, kill in enumerate(kills):
        out = tmp_path / str(index // 20)  # filled by one after another
        out.mkdir(exist_ok=True)
        monkeypatch.chdir(out)
        number = (signal.SIGTERM, signal.SIGKILL)[index % 2]
        status = kill(number, out, chance)
        counts[f"{number.name}: status {status}"] += 1
        left = temporaries(out)
        counts[f"{number.name}: left something"] += bool(left)
        counts[f"{number.name}: a file without record, or inverse"] += check_whole(out)
        if number == signal.SIGTERM:
            assert status in (TERMINATED, -number)  # the latter while Python starts
            assert left == []
        else:
            assert status == -number
        atomic_file.write_text("x", out / "next.json.txt")
        (out / "next.json.txt").unlink()
        assert temporaries(out) == []
        check_whole(out)
        counts["kills"] += 1
    print(*sorted(counts.items()), sep="\n")
    assert counts["kills"] == KILLS
