"""Choice of the checkpoints to publish from a folder: one for each model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checkpoints.metadata import facts_sha256
from ..checkpoints.record import Record
from ..errors import ReleaseError, UnknownModelError
from ..files.hashes import HASH_DIGITS, file_sha256
from ..mappings.catalog import load_catalog
from ..mappings.choices import LAYOUTS
from ..mappings.layout import load_layout
from ..mappings.schema import structure
from ..mappings.zoo import load_zoo
from .contents import published


@dataclass(frozen=True)
class Choice:
    """A checkpoint to publish: its published record, and the path of its file."""

    record: Record
    path: Path


def choose(
    folders: Sequence[Path], models: Sequence[str] = (), *, allow_random: bool = False
) -> tuple[Choice, ...]:
    """Choose the checkpoints to publish, by the records beside them, in the catalogue's order.

    If a model has several checkpoints, such as one with random weights from a trial, the only one
    that can be published is chosen. This must be a `.pth` with our own keys, which torch.hub loads.

    Args:
        folders: The output folders of conversions; a checkpoint can be in several of them.
        models: The models to publish; by default the published set.
        allow_random: Publish networks with random weights, too.

    Raises:
        UnknownModelError: There is no such model in the catalogue.
        ReleaseError: None or several checkpoints of a model can be published; all problems are
            reported together.
    """
    catalog = load_catalog()
    if others := [name for name in models if name.lower() in load_zoo()]:
        raise UnknownModelError(
            f"{', '.join(others)}: converted as a graph; releases are of the catalogue's networks, "
            "which have checkpoints"
        )
    names = {catalog.find(name).name for name in models} or {*catalog.published_set}
    entries = [entry for entry in catalog.values() if entry.name in names]
    records, unreadable = _read_records(folders)
    choices, problems = [], []
    for entry in entries:
        mine = [choice for choice in records if choice.record.model == entry.name]
        reasons = {choice.path: _rejection(choice, allow_random) for choice in mine}
        # by name, which has the hash: copies of a file are one
        publishable = [*{each.path.name: each for each in mine if not reasons[each.path]}.values()]
        if len(publishable) == 1:
            choices += publishable
        elif publishable:
            files = " and ".join(choice.path.name for choice in publishable)
            problems.append(f"{entry.published}: {files} can both be published; remove one")
        else:
            rejected = [f"{path.name} {reason}" for path, reason in reasons.items()]
            problems.append(f"{entry.published}: {'; '.join(rejected) or 'was not converted'}")
    if problems:
        where = " and ".join(map(str, folders))
        raise ReleaseError(
            f"{where}: {len(problems)} of {len(entries)} models cannot be published; convert them "
            "with `gluon2torch convert`, or select the models to publish with `--model`",
            problems + unreadable,
        )
    return tuple(choices)


def _read_records(folders: Sequence[Path]) -> tuple[list[Choice], list[str]]:
    """Read the records of checkpoints with our own keys, and list the problems of other files."""
    for folder in folders:
        if not folder.is_dir():
            raise ReleaseError(
                f"{folder}: no such folder; give the output folder of the conversions with "
                "`--from`",
                [],
            )
    choices, problems = [], []
    for path in (path for folder in folders for path in sorted(folder.glob("gluon_*.json"))):
        try:
            record = structure(json.loads(path.read_text(encoding="utf-8")), Record)
            file = record.files[0]
        except OSError as error:
            problems.append(f"{path.name}: cannot be read ({error.strerror})")
        except (ValueError, IndexError) as error:
            problems.append(f"{path.name}: is not a valid record ({error})")
        else:
            ours = record.layout in LAYOUTS and not load_layout(record.layout).renames
            if ours and (file.format, record.backbone_of) == ("pth", None):
                choices.append(Choice(published(record), path.with_suffix(".pth")))
    return choices, problems


def _rejection(choice: Choice, allow_random: bool) -> str | None:
    """Why a checkpoint cannot be published; None if it can."""
    record, path = choice.record, choice.path
    file = record.files[0]
    entry = load_catalog()[record.model]
    if record.parity.passed is not True:
        return "was not proved equal"
    if record.facts_sha256 != facts_sha256(record):
        return (
            "has a record whose fields do not have the hash that it gives: it was edited, or "
            "written by another version; convert the network again"
        )
    if record.source.kind == "pretrained" and record.source.sha1 != entry.sha1:
        return f"is not of the published file: its SHA-1 is {record.source.sha1}, not {entry.sha1}"
    if record.source.kind == "random" and not allow_random:
        return "has random weights; publish them with `--allow-random`"
    name = f"{entry.published}-{file.sha256[:HASH_DIGITS]}.pth"
    if record.name != entry.published or not path.name == file.file == name:
        return f"is not named {name}"
    try:
        sha256 = file_sha256(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if sha256 != file.sha256:
        return f"has the SHA-256 {sha256}; its record says {file.sha256}"
    return None
