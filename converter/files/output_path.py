"""Where an output is written: through symbolic links, and only to regular files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from ..errors import CheckpointError

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
)


def kind_of(path: Path) -> str | None:
    """Say what a path is, or what its link points at; None for a regular file and for nothing."""
    try:
        mode = path.stat().st_mode
    except OSError:  # writing reports it, unless it is only that nothing is there
        return None
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), None)


def output_file(path: Path) -> Path:
    """Return the path of the file to write: the one that a symbolic link points at.

    Raises:
        CheckpointError: It is a folder, a device, a FIFO or a socket, which must not be replaced,
            or a link that leads nowhere but to itself.
    """
    if (kind := kind_of(path)) is not None:
        raise CheckpointError(f"{path}: is {kind}, not a regular file; choose another name")
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_symlink():
        raise CheckpointError(f"{path}: is a symbolic link in a loop; choose another name")
    return target
