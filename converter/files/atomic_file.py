"""Atomic writes: a file is written completely or not at all.

A temporary is removed by the process that made it, and, if that was killed, by the next process
that writes to the same folder. A symbolic link is not replaced, but the file that it points at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import CheckpointError
from .output_path import output_file
from .temporary_names import PREFIX, is_abandoned, new_name

_own: set[Path] = set()  # temporaries of this process that are not yet removed


def write_text(text: str, path: Path) -> None:
    """Write a small text file; `?` replaces what UTF-8 does not have, such as bytes in file names.

    Raises:
        CheckpointError: See `new_file`.
    """
    write_bytes(text.encode("utf-8", "replace"), path)


def write_bytes(data: bytes, path: Path) -> None:
    """Write a small file.

    Raises:
        CheckpointError: See `new_file`.
    """
    with new_file(path) as file:
        file.write(data)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that gets the name `path` if the block succeeds, and is deleted if it fails.

    Raises:
        CheckpointError: In place of any OSError, or `path` exists and is not a regular file.
    """
    try:
        target = output_file(path)
    except OSError as error:  # the name is too long, or a folder above may not be entered
        raise _write_error(path, error) from error
    with temporary_file(target.parent) as (file, temporary):
        yield file
        publish(file, temporary, target)


def record_path(path: Path) -> Path:
    """Return the path of a checkpoint's record: beside a file, inside a folder."""
    return path / "record.json" if os.path.isdir(path) else path.with_suffix(".json")


def remove(path: Path) -> None:
    """Delete a file or a folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Check, before any work is done, that a folder can be written to.

    Folders that are created for the check are removed again.

    Raises:
        CheckpointError: The folder cannot be written to.
    """
    missing = _missing(folder)
    try:
        with temporary_file(folder):
            pass
    finally:
        _remove_empty(missing)


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Yield a staging folder in `folder`; on success its contents move there, else it is deleted.

    Existing files of the same names are replaced only then, each atomically. A new folder appears
    as a whole; one that exists keeps its other files.

    Raises:
        CheckpointError: In place of any OSError, or a name belongs to something that is not a
            regular file.
    """
    missing = _missing(folder)
    try:
        with temporary_folder(folder) as staged:
            yield staged
            for path in staged.rglob("*"):
                if path.is_file():  # all are checked before any is replaced
                    output_file(folder / path.relative_to(staged))
            _move_all(staged, folder)
    except OSError as error:
        raise _write_error(folder, error) from error
    finally:
        _remove_empty(missing)


def _move_all(folder: Path, target: Path) -> None:
    """Move what is in a staged folder to a folder that exists, and leave what else is there."""
    for path in sorted(folder.iterdir()):
        _move(path, target / path.name)
    _sync(target)


def _move(path: Path, target: Path) -> None:
    """Give a staged file or folder its name, or that of what a link of this name points at."""
    if path.is_dir() and target.is_dir():
        _move_all(path, target)
    elif path.is_file() and target.is_symlink():  # perhaps to another file system: no rename
        with path.open("rb") as source, new_file(target) as file:
            shutil.copyfileobj(source, file)
    else:
        path.replace(os.path.realpath(target))


def make_public(path: Path) -> None:
    """Give a file or folder that was private while written the permissions of a new one (umask)."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)


@contextmanager
def temporary_file(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Yield a file in `folder`, and its path; it is deleted afterwards unless `publish` renames it.

    Raises:
        CheckpointError: In place of any OSError.
    """
    try:
        with _temporary(folder) as path, _open_new(path) as file:
            yield file, path
    except OSError as error:
        raise _write_error(folder, error) from error


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield a new private folder in `parent`; it is deleted afterwards unless it was renamed.

    Raises:
        OSError: The folder cannot be made.
    """
    with _temporary(parent) as path:
        path.mkdir(mode=0o700, parents=True)  # as in _open_new
        yield path


def remove_temporaries() -> None:
    """Remove this process's temporaries; for its end, if something interrupted the usual removal.

    A signal's exception can be raised just before the removal in a `finally` block.
    """
    for path in list(_own):
        _remove_temporary(path)


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """Yield the path of a temporary, to be created; whatever is there afterwards is deleted.

    The path is known before anything is created, so that no interruption can lose it.
    """
    path = folder / new_name()
    _own.add(path)
    try:
        Path(os.path.realpath(folder)).mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        yield path
    finally:
        _remove_temporary(path)


def _remove_temporary(path: Path) -> None:
    with suppress(OSError):  # the folder may be missing, too
        remove(path)
    _own.discard(path)


def _remove_abandoned(folder: Path) -> None:
    """Remove the temporaries of processes that were killed.

    Two processes may do so at once, and files of other users may stay.
    """
    found: list[os.DirEntry[str]] = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:  # as in _open_new
        found = [each for each in entries if each.name.startswith(PREFIX) and is_abandoned(each)]
    for entry in found:
        with suppress(OSError):
            remove(Path(entry.path))


def _open_new(path: Path) -> IO[bytes]:
    """Open a new private file; another process can remove its folder, which it made for a check."""
    try:
        return open(path, "x+b", opener=_open_private)
    except FileNotFoundError:
        Path(os.path.realpath(path.parent)).mkdir(parents=True, exist_ok=True)
        return open(path, "x+b", opener=_open_private)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def publish(file: IO[bytes], temporary: Path, target: Path) -> None:
    """Close a finished file and rename it, atomically and safely against a power cut.

    It is closed first because Windows does not rename open files.
    """
    file.flush()
    os.fsync(file.fileno())
    file.close()
    make_public(temporary)
    temporary.replace(target)
    _sync(target.parent)


def _missing(folder: Path) -> list[Path]:
    """Return the folders that have to be created, innermost first."""
    # pathlib raises an error where a folder above may not be entered
    return [each for each in (folder, *folder.parents) if not os.path.exists(each)]


def _remove_empty(folders: list[Path]) -> None:
    for each in folders:
        with suppress(OSError):  # not empty
            each.rmdir()


def _sync(folder: Path) -> None:
    """Sync the names in a folder to disk, where the system supports it, against a power cut."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # not supported by some network file systems
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_error(folder: Path, error: OSError) -> CheckpointError:
    """Build the error of a failed write; it names the requested folder, not a staging one in it."""
    requested = folder.parent if folder.name.startswith(PREFIX) else folder
    return CheckpointError(
        f"{requested}: cannot be written ({error.strerror or error}); "
        "choose another place or free disk space"
    )
