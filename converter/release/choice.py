"""Which of the converted networks in a folder are published: one checkpoint for each model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checkpoints.record import Record
from ..errors import ReleaseError
from ..files.hashes import file_sha256
from ..mappings.catalog import load_catalog
from ..mappings.choices import LAYOUTS
from ..mappings.layout import load_layout
from ..mappings.schema import structure
from .contents import published


@dataclass(frozen=True)
class Choice:
    """A checkpoint to publish: its published record, and where it lies now."""

    record: Record
    path: Path


def choose(
    folder: Path, models: Sequence[str] = (), *, allow_random: bool = False
) -> tuple[Choice, ...]:
    """The checkpoints to publish, by the records beside them, in the catalogue's order.

    Of a model there may be several, such as one of random weights from a trial: the one that may be
    published is taken. Only a `.pth` under our own keys is, for that is what torch.hub loads.

    Args:
        models: which; without them the published set.
        allow_random: publish networks of random weights, too.

    Raises:
        UnknownModelError: there is no such model.
        ReleaseError: of a model none may be published, or several; all of them are told.
    """
    catalog = load_catalog()
    names = {catalog.find(name).name for name in models} or {*catalog.published_set}
    wanted = [entry for entry in catalog.values() if entry.name in names]
    records, unreadable = _read_records(folder)
    choices, problems = [], []
    for entry in wanted:
        mine = [choice for choice in records if choice.record.model == entry.name]
        reasons = {choice.path.name: _against(choice, allow_random) for choice in mine}
        good = [choice for choice in mine if not reasons[choice.path.name]]
        if len(good) == 1:
            choices += good
        elif good:
            files = " and ".join(choice.path.name for choice in good)
            problems.append(f"{entry.published}: {files} are both here; take one away")
        else:
            told = [f"{name} {reason}" for name, reason in reasons.items()]
            problems.append(f"{entry.published}: {'; '.join(told) or 'was not converted'}")
    if problems:
        raise ReleaseError(
            f"{folder}: {len(problems)} of {len(wanted)} models cannot be published; convert them "
            "with `gluon2torch convert`, or name those to publish with `--model`",
            problems + unreadable,
        )
    return tuple(choices)


def _read_records(folder: Path) -> tuple[list[Choice], list[str]]:
    """The records of our own kind of checkpoint, and what is wrong with the other files."""
    if not folder.is_dir():
        raise ReleaseError(
            f"{folder}: there is no such folder; name the one that was converted to with `--from`",
            [],
        )
    choices, problems = [], []
    for path in sorted(folder.glob("gluon_*.json")):
        try:
            record = structure(json.loads(path.read_text(encoding="utf-8")), Record)
            file = record.files[0]
        except OSError as error:
            problems.append(f"{path.name}: cannot be read ({error.strerror})")
        except (ValueError, IndexError) as error:
            problems.append(f"{path.name}: is no record ({error})")
        else:
            ours = record.layout in LAYOUTS and not load_layout(record.layout).renames
            if ours and (file.format, record.backbone_of) == ("pth", None):
                choices.append(Choice(published(record), path.with_suffix(".pth")))
    return choices, problems


def _against(choice: Choice, allow_random: bool) -> str | None:
    """Why a checkpoint may not be published."""
    record, path = choice.record, choice.path
    file = record.files[0]
    entry = load_catalog()[record.model]
    if record.parity.passed is not True:
        return "was not proved equal"
    if record.source.kind == "random" and not allow_random:
        return "has random weights, which only `--allow-random` publishes"
    name = f"{entry.published}-{file.sha256[:8]}.pth"
    if record.name != entry.published or not path.name == file.file == name:
        return f"is not called {name}"
    try:
        sha256 = file_sha256(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if sha256 != file.sha256:
        return f"has the SHA-256 {sha256}; its record says {file.sha256}"
    return None
