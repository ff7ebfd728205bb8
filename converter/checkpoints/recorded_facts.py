"""Reading the record of a checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..files.atomic_file import record_path
from ..mappings.catalog import Preprocessing
from ..mappings.schema import structure
from ..sources.source import Source
from .record import Record, RecordedInput


@dataclass(frozen=True)
class RecordedParity:
    """Parity in a record: the reference, and whether parity held."""

    reference: str
    passed: bool | None


@dataclass(frozen=True)
class RecordedFacts:
    """Facts read from a checkpoint's record; None for those that are missing.

    A record file has all of them; the metadata inside a `.safetensors` has only those that depend
    on the weights alone. The fields are those of `Record`, but for `graph` and `inputs`, which are
    those of a graph's network (program.py).
    """

    model: str | None = None
    name: str | None = None
    family: str | None = None
    layout: str | None = None
    sha256: str | None = None
    content_sha256: str | None = None
    parameters: int | None = None
    num_classes: int | None = None
    in_chans: int | None = None
    num_features: int | None = None
    preprocessing: Preprocessing | None = None
    labels: str | tuple[str, ...] | None = None
    backbone_of: str | None = None
    source: Source | None = None
    parity: RecordedParity | None = None
    graph: str | None = None
    inputs: tuple[RecordedInput, ...] | None = None


def read_record(path: Path) -> RecordedFacts | None:
    """Read the record of a checkpoint from its folder; None if there is none.

    A symbolic link's record is beside it, or beside the file that it points to.

    Raises:
        CheckpointError: If it is not JSON or not a record; names the field and the expected type.
    """
    where = _existing(path)
    try:
        text = where.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{where}: cannot be read ({error})") from error
    try:
        return structure(json.loads(text), RecordedFacts)
    except json.JSONDecodeError as error:
        problem, line = error.msg, f", line {error.lineno}"
    except (ValueError, RecursionError) as error:
        problem, line = str(error), ""
    raise CheckpointError(
        f"{where}{line}: is not a checkpoint record ({problem}); move the file away and name the "
        "network with `--model`"
    )


def _existing(path: Path) -> Path:
    """The path of a checkpoint's record, which a link to the checkpoint need not have."""
    where = record_path(path)
    if path.is_symlink() and not where.exists():
        return record_path(path.resolve())
    return where


def read_raw_record(path: Path) -> dict[str, Any]:
    """Read what the record of a checkpoint contains, whatever it is; empty if there is none."""
    try:
        content = json.loads(_existing(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def read_whole_record(path: Path) -> Record | None:
    """Read all of a network's record from the same folder, if it has a hash of its facts.

    Returns:
        The record; None if there is none, or only one without the hash, as older versions wrote.

    Raises:
        CheckpointError: If a field is missing or invalid, so that the hash cannot be compared.
    """
    content = read_raw_record(path)
    if content.get("facts_sha256") is None:
        return None
    try:
        return structure(content, Record)
    except ValueError as error:
        raise CheckpointError(
            f"{path}: its record, {record_path(path).name}, cannot be compared with the hash of "
            f"its facts ({error}); put back the record that `convert` wrote, or convert the "
            "network again"
        ) from error
