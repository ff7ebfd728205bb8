"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import CheckpointError


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
    """Where the record of a checkpoint lies: beside it. A folder's name has no suffix."""
    return path.with_name(f"{path.name}.json") if path.is_dir() else path.with_suffix(".json")


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
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with temporary_file(folder):
            pass
    finally:
        for each in missing:
            with suppress(OSError):
                each.rmdir()


@contextmanager
def temporary_file(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A file in `folder` that is gone afterwards unless `publish` gave it its name.

    Raises:
        CheckpointError: in place of any OSError.
    """
    path = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".writing-")
        path = Path(temporary)
        with os.fdopen(handle, "w+b") as file:
            yield file, path
    except OSError as error:
        raise CheckpointError(
            f"{folder}: cannot be written ({error.strerror or error}); "
            "choose another folder with `--out`, or make room"
        ) from error
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


def publish(file: IO[bytes], temporary: Path, target: Path) -> None:
    """Give a finished file its name, in one step that survives a power cut."""
    file.flush()
    os.fsync(file.fileno())
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)  # temporary files are private; results are as any other file
    temporary.replace(target)
    if hasattr(os, "O_DIRECTORY"):  # not on Windows
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
