"""Paths as text."""

from __future__ import annotations

import os


def path_text(path: str | os.PathLike[str]) -> str:
    """A path as text that JSON can store."""
    return os.fsencode(path).decode("utf-8", "replace")
