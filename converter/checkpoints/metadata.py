"""What a checkpoint tells of itself inside: the part of its record that is the weights' own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from ..errors import CheckpointError
from ..mappings.schema import structure
from .record import Record, RecordedFacts

# Of the record, what does not depend on the file, the folder, the run or the machine: equal weights
# make equal bytes.
_KEPT = (
    *("model", "name", "family", "layout", "content_sha256", "parameters", "num_classes"),
    *("in_chans", "num_features", "preprocessing", "labels", "backbone_of"),
)
_TEXTS = ("model", "name", "family", "layout", "content_sha256")


def to_metadata(record: Record) -> dict[str, str]:
    """A record → texts by name; what is no text is JSON.

    Of parity it keeps what was proved: against what, and within which limits.
    """
    source, parity = asdict(record.source), record.parity
    values = {key: value for key, value in asdict(record).items() if key in _KEPT}
    values["source"] = {key: source[key] for key in ("kind", "url", "sha1", "seed")}
    values["parity"] = {
        "reference": parity.reference,
        "passed": parity.passed,
        "limits": {check.dtype: check.limit for check in parity.checks},
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in values.items()
        if value is not None
    }


def from_metadata(metadata: Mapping[str, str], where: object) -> RecordedFacts:
    """The part of the record that `to_metadata` wrote.

    Args:
        where: the file, for errors.

    Raises:
        CheckpointError: a field is of another type; names it.
    """
    values: dict[str, Any] = {}
    for field in fields(RecordedFacts):
        text = metadata.get(field.name)
        if text is not None:
            values[field.name] = text if field.name in _TEXTS else _value(text)
    try:
        return structure(values, RecordedFacts)
    except ValueError as error:
        raise CheckpointError(f"{where}: its metadata is not ours ({error})") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # the name of the labels' data set
