"""Files that are read through memory maps."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from ..errors import ParamsFileError
from ..files.input_file import stream_problem


def map_file(path: str | os.PathLike[str]) -> mmap.mmap | bytes:
    """Map a file into memory, copy on write: NumPy and torch need memory that can be written.

    Raises:
        ParamsFileError: If the file cannot be opened, or is a pipe or a device.
    """
    if problem := stream_problem(path):
        raise ParamsFileError(problem)
    try:
        with Path(path).open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as error:
        raise ParamsFileError(
            f"{os.fspath(path)}: cannot be read ({error.strerror or error})"
        ) from error
