"""The check of a conversion's outputs, before its work."""

from __future__ import annotations

from pathlib import Path

from ..files.atomic_file import check_writable
from .request import Request


def check_outputs(request: Request) -> None:
    """Check that a request's folders can be written to, and that its report replaces no other file.

    Raises:
        CheckpointError: A folder cannot be written to, or a file that this project did not write is
            where the report's index belongs.
    """
    for folder in request.folders():
        check_writable(folder)
    if request.report is not None:
        from ..parity.report.page import check_index

        check_index(Path(request.report))
