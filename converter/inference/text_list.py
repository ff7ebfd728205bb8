"""Lines of text files that list images or videos."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConversionError


def numbered_lines(
    path: Path, error: type[ConversionError], expected: str
) -> list[tuple[int, str]]:
    """Read the lines of a list, without those that are empty, and number them from 1.

    Args:
        path: The list, in UTF-8.
        error: Raised if it cannot be read.
        expected: What it should be, for the error.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise error(f"{path}: cannot be read ({reason}); expected {expected}") from cause
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
