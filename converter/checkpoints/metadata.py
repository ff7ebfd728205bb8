"""Metadata inside a checkpoint: the part of its record that depends only on the weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from ..errors import CheckpointError
from ..mappings.schema import structure
from .record import Record, to_json
from .recorded_facts import RecordedFacts

# Fields of the record that do not depend on the file, the folder, the run or the machine, so that
# equal weights give equal bytes.
_KEPT = (
    *("model", "name", "family", "layout", "content_sha256", "parameters", "num_classes"),
    *("in_chans", "num_features", "preprocessing", "labels", "backbone_of"),
)
_OF_GRAPHS = (
    *("model", "name", "family", "content_sha256", "parameters", "num_classes", "mxnet_version"),
    *("operators", "inputs", "outputs"),
)
_OF_SOURCES = ("kind", "url", "sha1", "seed")
_STRINGS = ("model", "name", "family", "layout", "content_sha256")


def to_metadata(record: Record) -> dict[str, str]:
    """Convert a record to strings by name; values that are not strings are encoded as JSON.

    Of parity it keeps the reference, whether it passed, and the limits.
    """
    return {**_facts(record), "facts_sha256": facts_sha256(record)}


def facts_sha256(record: Record) -> str:
    """Hash what a record says of its weights, so that a later edit of a field is noticed."""
    text = json.dumps(_facts(record), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def graph_facts_sha256(record: Mapping[str, Any], graph: str | None) -> str:
    """Hash what the record of a graph's network says of it, as `facts_sha256` does.

    Args:
        record: The record, as its file contains it.
        graph: MXNet's graph, if the record contains it.
    """
    facts = {key: record.get(key) for key in _OF_GRAPHS}
    source, parity = record.get("source") or {}, record.get("parity") or {}
    facts["source"] = {key: source.get(key) for key in _OF_SOURCES}
    facts["parity"] = {key: parity.get(key) for key in ("reference", "passed")}
    written = json.loads(to_json({**facts, "graph": graph}))  # as a file's bytes can contain them
    text = json.dumps(written, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _facts(record: Record) -> dict[str, str]:
    source, parity = asdict(record.source), record.parity
    values = {key: value for key, value in asdict(record).items() if key in _KEPT}
    values["source"] = {key: source[key] for key in _OF_SOURCES}
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
    """Read back the part of the record that `to_metadata` wrote.

    Args:
        metadata: Strings by name.
        where: Path of the file, for error messages.

    Raises:
        CheckpointError: If a field has the wrong type; names the field.
    """
    values: dict[str, Any] = {}
    for field in fields(RecordedFacts):
        text = metadata.get(field.name)
        if text is not None:
            values[field.name] = text if field.name in _STRINGS else _value(text)
    try:
        return structure(values, RecordedFacts)
    except ValueError as error:
        raise CheckpointError(
            f"{where}: its metadata was not written by gluon2torch ({error})"
        ) from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # `labels` can be the name of a data set, which is not JSON
