"""Release notes and README of a release, with the table of its models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from ..checkpoints.model_card import front_matter, has_published_accuracy
from ..checkpoints.record import Record
from ..checkpoints.record_costs import costs_of
from ..mappings.catalog import load_catalog
from ..mappings.costs import abbreviated

_USE = """`SHA256SUMS` has the full hash of every file; `sha256sum -c SHA256SUMS` checks them.
`gluon2torch release --check FOLDER` also measures parity again. `manifest.json` has the same facts
for programs."""


def release_notes(records: Sequence[Record]) -> str:
    """The release notes, which are shown above the files of a release."""
    return _text(records, "{name}")


def readme(records: Sequence[Record]) -> str:
    """The notes with the front matter of all models, as the Hub shows them for a repository."""
    fronts = [front_matter(record) for record in records]
    common: dict[str, Any] = {
        key: value
        for key, value in fronts[0].items()
        if all(front.get(key) == value for front in fronts)
    }
    index = [row for front in fronts for row in front.get("model-index", [])]
    if index:
        common["model-index"] = index
    front = yaml.safe_dump(common, sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n# MXNet Gluon's networks in PyTorch\n\n" + _text(
        records, "[{name}]({name}.md)"
    )


def _text(records: Sequence[Record], title: str) -> str:
    return "\n\n".join([_summary(records), _table(records, title), _USE]) + "\n"


def _summary(records: Sequence[Record]) -> str:
    count = "One network" if len(records) == 1 else f"{len(records)} networks"
    text = (
        f"{count} of MXNet Gluon in PyTorch, converted by gluon2torch. Each was measured against "
        "the reference: the table has the largest difference of the logits over the largest logit."
    )
    random = [record.name for record in records if record.source.kind == "random"]
    if random:
        text += f"\n\nRandom weights, of no use but to test with: {', '.join(random)}."
    return text


def _table(records: Sequence[Record], title: str) -> str:
    figures = ("Parameters", "Mult-adds", "Top-1", "Top-5", "float64", "float32")
    titles = ("Model", *figures, "File", "MB")
    lines = [" | ".join(titles), "|".join(["---", *["---:"] * len(figures), "---", "---:"])]
    for record in records:
        entry, official = load_catalog()[record.model], has_published_accuracy(record)
        accuracies = (entry.top1, entry.top5) if official else (None, None)
        cells = (
            title.format(name=record.name),
            f"{record.parameters / 1e6:.2f} M",
            "–" if (costs := costs_of(record)) is None else abbreviated(costs.multiply_adds),
            *("–" if value is None else f"{value:.2f} %" for value in accuracies),
            *(_worst(record, dtype) for dtype in ("float64", "float32")),
            f"`{record.file}`",
            f"{record.files[0].bytes / 1e6:.1f}",
        )
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" if " | " in line else f"|{line}|" for line in lines)


def _worst(record: Record, dtype: str) -> str:
    values = [check.max_rel for check in record.parity.checks if check.dtype == dtype]
    return f"{max(values):.1e}" if values else "–"
