"""The record of a converted network before its files are written."""

from __future__ import annotations

import importlib
import importlib.metadata

from .. import __version__
from ..mapping.trunk import Trunk
from ..mappings.catalog import Dataset
from ..mappings.choices import FOLDER, OURS
from ..mappings.class_labels import Labels
from ..mappings.layout import load_layout
from ..parity.result import Parity
from ..sources.source import Source
from ..weights.converted import Converted
from .record import Record

_REFERENCES = {"gluon": ("mxnet", "gluoncv")}  # libraries that run a reference


def draft_record(
    converted: Converted,
    parity: Parity,
    source: Source,
    content: str,
    *,
    layout: str = OURS,
    labels: Labels | None = None,
    trunk: Trunk | None = None,
) -> Record:
    """Make the record of a proved network that is about to be written.

    Args:
        converted: The converted network.
        parity: Its measured parity.
        source: Origin of the weights.
        content: Hash of the weights (weights/content_hash.py).
        layout: Layout of the files.
        labels: A user's own class names; without them, a network with as many classes as its data
            set is assumed to have the data set's classes.
        trunk: The trunk, if it was extracted from another network.
    """
    fit, entry = converted.fit, converted.fit.entry
    dataset = entry.dataset
    rows = load_layout(OURS if layout == FOLDER else layout).networks
    return Record(
        model=entry.name,
        name=entry.published,
        family=entry.family,
        files=(),
        layout=OURS if layout == FOLDER else layout,
        content_sha256=content,
        parameters=fit.parameters,
        num_classes=fit.num_classes,
        in_chans=fit.in_chans,
        num_features=fit.num_features,
        preprocessing=dataset.preprocessing,
        labels=_labels(labels, fit.num_classes, dataset),
        source=source,
        parity=parity,
        note=rows[entry.name].note if entry.name in rows else None,
        versions=versions(parity.reference),
        backbone_of=trunk.kind if trunk else None,
        left_out=trunk.left_out if trunk else None,
    )


def _labels(
    labels: Labels | None, num_classes: int, dataset: Dataset
) -> str | tuple[str, ...] | None:
    if labels is not None:
        return labels.lines()
    return dataset.name if num_classes == dataset.num_classes else None


def versions(reference: str) -> dict[str, str]:
    """Return the versions of the libraries used in a conversion, including the reference's."""
    libraries = ("torch", "numpy", *_REFERENCES.get(reference, ()))
    return {"gluon2torch": __version__, **{name: _version(name) for name in libraries}}


def _version(library: str) -> str:
    """The version of a library; MXNet's module can be of another package, such as mxnet-cu112."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return str(importlib.import_module(library).__version__)
