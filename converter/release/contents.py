"""Contents of a release folder: the files generated from the records of its models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import msgspec

from .. import __version__
from ..checkpoints.loading_snippet import snippet
from ..checkpoints.model_card import has_published_accuracy, is_published_file, model_card
from ..checkpoints.record import Record, to_json
from ..checkpoints.record_costs import costs_of
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
    """manifest.json, a release as programs read it: a row for each model, by published name."""

    format: int
    gluon2torch: str
    models: dict[str, dict[str, Any]]


def published(record: Record) -> Record:
    """A record without facts of the run or the machine: equal weights make equal releases."""
    first = record.files[0]
    return replace(
        record,
        files=(replace(first, file=first.file.replace("\\", "/").rpartition("/")[2]),),
        source=replace(record.source, path=None),
        load=None,
        seconds={},
    )


def generate(records: Sequence[Record]) -> dict[str, str]:
    """Generate the files beside the checkpoints: published records → texts, by file name."""
    texts = {card_name(record): _card(record) for record in records}
    texts[README] = readme(records)
    texts[NOTES] = release_notes(records)
    texts[MANIFEST] = manifest_text(records)
    hashes = {record.file: record.files[0].sha256 for record in records}
    hashes |= {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    texts[SUMS] = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
    return texts


def card_name(record: Record) -> str:
    """File name of a model's card."""
    return f"{record.name}.md"


def _card(record: Record) -> str:
    code = snippet("timm", record, record.file)
    return model_card(record, code or _CODE.format(**asdict(record), file=record.file))


def manifest_text(records: Iterable[Record]) -> str:
    """The text of manifest.json."""
    rows = {record.name: _row(record) for record in records}
    manifest = Manifest(format=MANIFEST_FORMAT, gluon2torch=__version__, models=rows)
    return to_json(msgspec.structs.asdict(manifest))


def _row(record: Record) -> dict[str, Any]:
    values = {key: value for key, value in asdict(record).items() if key not in _NOT_PUBLISHED}
    del values["source"]["path"]
    entry, proved = load_catalog()[record.model], has_published_accuracy(record)
    return {
        **asdict(record.files[0]),
        **values,
        "licence": load_catalog().licence if is_published_file(record) else None,
        "top1": entry.top1 if proved else None,
        "top5": entry.top5 if proved else None,
        "costs": None if (costs := costs_of(record)) is None else costs.as_dict(),
    }


def read_manifest(text: str) -> tuple[str, list[Record]]:
    """Read the text of manifest.json.

    Returns:
        The version of gluon2torch that wrote it, and the records of its models.

    Raises:
        ReleaseError: It is not a valid manifest.
    """
    try:
        manifest = structure(json.loads(text), Manifest)
        if manifest.format != MANIFEST_FORMAT:
            raise ValueError(f"its format is {manifest.format}, expected {MANIFEST_FORMAT}")
        if not manifest.models:
            raise ValueError("it has no models")
        records = []
        for name, row in manifest.models.items():
            record = structure({**row, "files": [row]}, Record, f"models.{name}")
            entry = load_catalog().get(record.model)
            if entry is None or (name, record.name) != (entry.published, entry.published):
                raise ValueError(f"models.{name} is not the published name of {record.model}")
            records.append(record)
    except ValueError as error:
        raise ReleaseError(f"{MANIFEST}: is not a valid release manifest ({error})", []) from error
    return manifest.gluon2torch, records


def read_sums(text: str) -> dict[str, str]:
    """Read the text of SHA256SUMS: the hash of each file, by name.

    Raises:
        ReleaseError: A line is malformed, or names a file again.
    """
    hashes: dict[str, str] = {}
    for number, line in enumerate(text.split("\n")[:-1] if text.endswith("\n") else [text], 1):
        sha256, gap, name = line[:64], line[64:66], line[66:]
        if gap != "  " or not name or name in hashes or set(sha256) - set("0123456789abcdef"):
            raise ReleaseError(f"{SUMS}, line {number}: expected `<SHA-256>  <file>`", [])
        hashes[name] = sha256
    return hashes
