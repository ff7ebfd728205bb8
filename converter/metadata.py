"""What a checkpoint tells of itself inside: the part of its record that is the weights' own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .record import Record

# Of the record, what does not depend on the file, the folder, the run or the machine: equal weights
# make equal bytes.
_KEPT = (
    *("model", "name", "family", "layout", "content_sha256", "parameters", "num_classes"),
    *("in_chans", "num_features", "preprocessing", "labels", "backbone_of"),
)


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


def from_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The record's part that `to_metadata` kept; what is none of it is left out."""
    texts = ("model", "name", "family", "layout", "content_sha256")
    record: dict[str, Any] = {key: metadata[key] for key in texts if key in metadata}
    for key in {*_KEPT, "source", "parity"} - {*texts} & metadata.keys():
        try:
            record[key] = json.loads(metadata[key])
        except json.JSONDecodeError:
            record[key] = metadata[key]  # a text: the data set of the labels
    return record
