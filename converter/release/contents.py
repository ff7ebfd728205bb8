"""What stands in a folder to publish: all that is generated from the records of its models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import msgspec

from .. import __version__
from ..checkpoints.loading_snippet import snippet
from ..checkpoints.model_card import model_card
from ..checkpoints.record import Record, to_json
from ..errors import ReleaseError
from ..mappings.catalog import load_catalog
from ..mappings.schema import Row, structure
from .notes import readme, release_notes

MANIFEST_FORMAT = 1
MANIFEST, SUMS, NOTES, README = "manifest.json", "SHA256SUMS", "RELEASE_NOTES.md", "README.md"
_NOT_PUBLISHED = ("files", "load", "seconds", "backbone_of", "left_out")
_CODE = """import torch
from gluon2torch.models import create_model

network = create_model("{model}", num_classes={num_classes})
network.load_state_dict(torch.load("{file}", weights_only=True))
network.eval()
"""


class Manifest(Row, frozen=True):
    """manifest.json: what programs read of a release; a row for each model, by published name."""

    format: int
    gluon2torch: str
    models: dict[str, dict[str, Any]]


def published(record: Record) -> Record:
    """A record without what is of the run or the machine: equal weights make equal releases."""
    first = record.files[0]
    return replace(
        record,
        files=(replace(first, file=first.file.replace("\\", "/").rpartition("/")[2]),),
        source=replace(record.source, path=None),
        load=None,
        seconds={},
    )


def generate(records: Sequence[Record]) -> dict[str, str]:
    """Published records → the text of each file that stands beside the checkpoints, by name."""
    texts = {card_name(record): _card(record) for record in records}
    texts[README] = readme(records)
    texts[NOTES] = release_notes(records)
    texts[MANIFEST] = manifest_text(records)
    hashes = {record.file: record.files[0].sha256 for record in records}
    hashes |= {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    texts[SUMS] = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
    return texts


def card_name(record: Record) -> str:
    """The name of a model's card."""
    return f"{record.name}.md"


def _card(record: Record) -> str:
    code = snippet("timm", record, record.file)
    return model_card(record, code or _CODE.format(**asdict(record), file=record.file))


def manifest_text(records: Iterable[Record]) -> str:
    """manifest.json: what programs read of a release."""
    rows = {record.name: _row(record) for record in records}
    manifest = Manifest(format=MANIFEST_FORMAT, gluon2torch=__version__, models=rows)
    return to_json(msgspec.structs.asdict(manifest))


def _row(record: Record) -> dict[str, Any]:
    values = {key: value for key, value in asdict(record).items() if key not in _NOT_PUBLISHED}
    del values["source"]["path"]
    entry, official = load_catalog()[record.model], record.source.kind == "pretrained"
    return {
        **asdict(record.files[0]),
        **values,
        "licence": load_catalog().licence if official else None,
        "top1": entry.top1 if official else None,
        "top5": entry.top5 if official else None,
    }


def read_manifest(text: str) -> tuple[str, list[Record]]:
    """manifest.json → the version of gluon2torch that wrote it, and its models' records.

    Raises:
        ReleaseError: it is none.
    """
    try:
        manifest = structure(json.loads(text), Manifest)
        if manifest.format != MANIFEST_FORMAT:
            raise ValueError(f"it is not of format {MANIFEST_FORMAT}")
        if not manifest.models:
            raise ValueError("it has no models")
        records = []
        for name, row in manifest.models.items():
            record = structure({**row, "files": [row]}, Record, f"models.{name}")
            entry = load_catalog().get(record.model)
            if entry is None or (name, record.name) != (entry.published, entry.published):
                raise ValueError(f"models.{name} is not what {record.model} is published as")
            records.append(record)
    except ValueError as error:
        raise ReleaseError(f"{MANIFEST}: is no manifest of a release ({error})", []) from error
    return manifest.gluon2torch, records


def read_sums(text: str) -> dict[str, str]:
    """SHA256SUMS → the hash of each file, by name.

    Raises:
        ReleaseError: a line is wrong.
    """
    hashes: dict[str, str] = {}
    for number, line in enumerate(text.split("\n")[:-1] if text.endswith("\n") else [text], 1):
        sha256, gap, name = line[:64], line[64:66], line[66:]
        if gap != "  " or not name or name in hashes or set(sha256) - set("0123456789abcdef"):
            raise ReleaseError(f"{SUMS}, line {number}: is no `<SHA-256>  <file>`", [])
        hashes[name] = sha256
    return hashes
