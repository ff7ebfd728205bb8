"""What a checkpoint costs to run, from the costs of its network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..mappings.catalog import load_catalog
from ..mappings.costs import Costs, abbreviated
from .record import Record

CHANNELS = 3  # of the images that the costs are measured with


def costs_of(record: Record) -> Costs | None:
    """The costs of a checkpoint with its own number of classes, and the size of its file.

    They are None if it takes images of another size, or with another number of channels, than the
    published network.
    """
    entry = load_catalog()[record.model]
    if (record.preprocessing.input_size, record.in_chans) != (entry.dataset.input_size, CHANNELS):
        return None
    # the classifier is one linear layer
    classes = record.num_classes - entry.dataset.num_classes
    costs = entry.costs
    return replace(
        costs,
        multiply_adds=costs.multiply_adds + classes * record.num_features,
        activations=costs.activations + classes,
        file_bytes=record.files[0].bytes if record.files else costs.file_bytes,
    )


def costs_text(record: Record) -> dict[str, str]:
    """The costs of a checkpoint as rows of a table; empty if they are not known."""
    costs = costs_of(record)
    if costs is None:
        return {}
    size = "{}×{}".format(*record.preprocessing.input_size)
    rows = {
        "Multiply-adds": f"{abbreviated(costs.multiply_adds)} for an image of {size}",
        "FLOPs": f"{abbreviated(costs.flops)}, two for each multiply-add",
        "Activations": f"{costs.activations / 1e6:.2f} M, of convolutions and linear layers",
    }
    if record.files:
        rows["File size"] = f"{costs.file_bytes / 1e6:.1f} MB"
    return rows


def costs_metrics(record: Record) -> list[dict[str, Any]]:
    """The costs of a checkpoint as metrics of a model index; empty if they are not known."""
    costs = costs_of(record)
    if costs is None:
        return []
    figures = {
        "multiply-adds": ("Multiply-adds", costs.multiply_adds),
        "flops": ("FLOPs", costs.flops),
        "activations": ("Activations", costs.activations),
    }
    if record.files:
        figures["file-size"] = ("File size in bytes", costs.file_bytes)
    return [{"type": kind, "name": name, "value": value} for kind, (name, value) in figures.items()]
