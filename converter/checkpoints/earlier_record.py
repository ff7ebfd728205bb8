"""The record of an earlier run, which a run without a proof must not replace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..files.atomic_file import record_path
from .record import to_json

# what depends on the run, or on whether parity was measured
_OF_A_RUN = {"parity", "versions", "seconds", "file", "files", "load", "notes", "facts_sha256"}


def was_proved(path: Path, record: dict[str, Any]) -> bool:
    """Whether the record beside a checkpoint says that parity held, and the new one says nothing.

    The two are otherwise equal, hashes included, but for the path of the source.

    Args:
        path: The checkpoint, whose record may be missing.
        record: The record that would replace it, as its file contains it.
    """
    if record["parity"]["passed"] is not None:
        return False
    try:
        earlier = json.loads(record_path(path).read_text(encoding="utf-8"))
        passed = earlier["parity"]["passed"] is True
        return passed and _facts(earlier) == _facts(json.loads(to_json(record)))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):  # it is no record
        return False


def _facts(record: dict[str, Any]) -> dict[str, Any]:
    facts = {key: value for key, value in record.items() if key not in _OF_A_RUN}
    return {**facts, "source": {**record["source"], "path": None}}
