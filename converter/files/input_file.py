"""Input files whose bytes are read in any order, as those of pipes cannot be."""

from __future__ import annotations

import os
from pathlib import Path

from .output_path import kind_of


def stream_problem(path: str | os.PathLike[str]) -> str | None:
    """Say that a path is a pipe, a device or a socket; None for files, folders and nothing."""
    kind = kind_of(Path(path))
    if kind is None or os.path.isdir(path):
        return None
    return f"{os.fspath(path)}: is {kind}, not a regular file; save its content as a file first"
