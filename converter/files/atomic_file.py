"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import CheckpointError

_PREFIX = ".writing-"  # of what is not finished


def write_text(text: str, path: Path) -> None:
    """Write a small text file.

    Raises:
        CheckpointError: the folder cannot be written to.
    """
    write_bytes(text.encode(), path)


def write_bytes(data: bytes, path: Path) -> None:
    """Write a small file.

    Raises:
        CheckpointError: the folder cannot be written to.
    """
    with temporary_file(path.parent) as (file, temporary):
        file.write(data)
        publish(file, temporary, path)


def record_path(path: Path) -> Path:
    """Where the record of a checkpoint lies: beside a file, in a folder."""
    return path / "record.json" if path.is_dir() else path.with_suffix(".json")


def remove(path: Path) -> None:
    """Take away a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Find out now, not after the work, whether a folder can be written to.

    What has to be made for that is taken away again.

    Raises:
        CheckpointError: it cannot.
    """
    missing = _missing(folder)
    try:
        with temporary_file(folder):
            pass
    finally:
        _remove_empty(missing)


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A folder in `folder`, whose contents move there if nothing goes wrong, and else are gone.

    What has the name of one of them is replaced then, and not before.

    Raises:
        CheckpointError: in place of any OSError.
    """
    staged, missing = None, _missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=folder, prefix=_PREFIX))
        yield staged
        for path in sorted(staged.iterdir()):
            if path.is_dir() and (folder / path.name).is_dir():  # it does not go in one step
                remove(folder / path.name)
            path.replace(folder / path.name)
        _sync(folder)
    except OSError as error:
        raise _refusal(folder, error) from error
    finally:
        if staged is not None:
            remove(staged)
        _remove_empty(missing)


def make_public(path: Path) -> None:
    """Let others read what was private while it was written, as far as they may read new files."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)


@contextmanager
def temporary_file(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A file in `folder` that is gone afterwards unless `publish` gave it its name.

    Raises:
        CheckpointError: in place of any OSError.
    """
    path = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=_PREFIX)
        path = Path(temporary)
        with os.fdopen(handle, "w+b") as file:
            yield file, path
    except OSError as error:
        raise _refusal(folder, error) from error
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


def publish(file: IO[bytes], temporary: Path, target: Path) -> None:
    """Close a finished file and give it its name, in one step that survives a power cut.

    It is closed first: Windows does not rename a file that is open.
    """
    file.flush()
    os.fsync(file.fileno())
    file.close()
    make_public(temporary)
    temporary.replace(target)
    _sync(target.parent)


def _missing(folder: Path) -> list[Path]:
    """The folders that have to be made, the innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


def _remove_empty(folders: list[Path]) -> None:
    for each in folders:
        with suppress(OSError):  # something is in it
            each.rmdir()


def _sync(folder: Path) -> None:
    """Let the names in a folder survive a power cut, where the system can sync folders."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # some network file systems cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refusal(folder: Path, error: OSError) -> CheckpointError:
    """What a user is told: of the folder that was asked for, not of one that is staged in it."""
    asked = folder.parent if folder.name.startswith(_PREFIX) else folder
    return CheckpointError(
        f"{asked}: cannot be written ({error.strerror or error}); "
        "choose another folder, or make room"
    )
