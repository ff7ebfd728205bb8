"""Model cards of checkpoints, for readers and for the Hugging Face Hub."""

from __future__ import annotations

from typing import Any

import yaml

from ..mappings.catalog import Entry, load_catalog
from ..mappings.choices import OURS
from ..mappings.layout import load_layout
from ..parity.result import Parity
from .record import Record
from .record_costs import costs_metrics, costs_text

DATASETS = {"imagenet": "imagenet-1k", "cifar10": "cifar10"}  # names on the Hub


def model_card(record: Record, code: str) -> str:
    """Return the text of a README.md with the Hub's front matter.

    Args:
        record: Record of the checkpoint.
        code: Code that loads the weights in the card's folder.
    """
    entry = load_catalog()[record.model]
    front = yaml.safe_dump(front_matter(record), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{front}---",
        f"# {record.name}",
        _origin(record, entry),
        _facts(record, entry),
        "## Load",
        f"```python\n{code.rstrip()}\n```",
        *([record.note] if record.note else []),
        "## Parity",
        parity_text(record.parity),
    ]
    return "\n\n".join(parts) + "\n"


def is_published_file(record: Record) -> bool:
    """Whether the weights are those of the file that GluonCV published, by its SHA-1."""
    sha1 = load_catalog()[record.model].sha1
    return record.source.kind == "pretrained" and sha1 is not None and record.source.sha1 == sha1


def has_published_accuracy(record: Record) -> bool:
    """Whether the published accuracy is that of these weights: the published file's, proved."""
    return is_published_file(record) and record.parity.passed is True


def front_matter(record: Record) -> dict[str, Any]:
    """Return the metadata that the Hub reads from the card's YAML front matter."""
    entry = load_catalog()[record.model]
    published = is_published_file(record)
    dataset = DATASETS[entry.dataset.name]
    library = OURS if record.model in load_layout(OURS).networks else "pytorch"
    task = "image-classification" if record.num_classes else "image-feature-extraction"
    front: dict[str, Any] = {
        "tags": [task, library, "gluon"],
        "library_name": library,
        "pipeline_tag": task,
    }
    if published:
        front |= {"license": load_catalog().licence, "datasets": [dataset]}
    if has_published_accuracy(record):
        accuracies = [("Top-1 accuracy", entry.top1), ("Top-5 accuracy", entry.top5)]
        front["model-index"] = [
            {
                "name": record.name,
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {"name": dataset, "type": dataset},
                        "metrics": [
                            {"type": "accuracy", "name": name, "value": value}
                            for name, value in accuracies
                            if value is not None
                        ]
                        + costs_metrics(record),
                    }
                ],
            }
        ]
    return front


def _origin(record: Record, entry: Entry) -> str:
    origins = {
        "pretrained": f"with the weights that GluonCV published ({record.source.url})",
        "params": "with weights from a `.params` file",
        "random": "with random weights, which are of no use but to test with",
        "finetuned": "with weights that were trained further in PyTorch",
        "trained": "with weights that were trained in PyTorch",
    }
    return (
        f"MXNet Gluon's `{entry.name}` in PyTorch, {origins.get(record.source.kind, '')}, "
        "converted by gluon2torch."
    )


def _facts(record: Record, entry: Entry) -> str:
    images = record.preprocessing
    height, width = images.input_size
    rows = {
        "Parameters": f"{record.parameters / 1e6:.2f} M",
        **costs_text(record),
        "Classes": str(record.num_classes),
        "Images": f"{record.in_chans}×{height}×{width}, {images.interpolation}, "
        f"crop {images.crop_pct:g}",
        "Mean, std": f"{images.mean}, {images.std}",
        "SHA-1 of the source": f"`{record.source.sha1}`" if record.source.sha1 else "–",
        "Content SHA-256": f"`{record.content_sha256}`",
    }
    accuracies = {"Published top-1": entry.top1, "Published top-5": entry.top5}
    if has_published_accuracy(record):
        rows |= {key: f"{value:.2f} %" for key, value in accuracies.items() if value is not None}
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {text} |" for key, text in rows.items())])


def parity_text(parity: Parity) -> str:
    """Return the measured parity as a Markdown table."""
    if parity.passed is None:
        return "Equality with Gluon's network was not measured."
    lines = [
        f"Measured against the reference `{parity.reference}`: the largest difference of the "
        "logits over the largest logit.",
        "",
        "| dtype | input | difference | limit |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {check.dtype} | {check.input} | {check.max_rel:.1e} | {check.limit:.0e} |"
        for check in parity.checks
    ]
    return "\n".join(lines)
