"""Output of a training: checkpoints in the package's usual form, and learning curves."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoints.output import write_files
from ..checkpoints.record import Record
from ..checkpoints.record_draft import versions
from ..checkpoints.recorded_facts import read_record
from ..errors import CheckpointError, MissingDependencyError
from ..files.atomic_file import write_text
from ..files.hashes import HASH_DIGITS, file_sha256
from ..inference.figures import draw_curves
from ..inference.images.labelled_images import CURVES, PLOT
from ..inference.runner import RGB
from ..mapping.network_spec import empty_network
from ..mappings.catalog import Entry, Preprocessing
from ..mappings.choices import OURS
from ..mappings.class_labels import Labels
from ..parity.result import Parity
from ..sources.source import Source
from ..weights.content_hash import content_sha256
from ..weights.state_dict import Tensors
from .training import Row


@dataclass(frozen=True)
class Origin:
    """The beginning of a training.

    Attributes:
        entry: The network.
        preprocessing: Of its images.
        source: Where its weights come from.
        start: Hash of those weights; None if the seed determines them.
    """

    entry: Entry
    preprocessing: Preprocessing
    source: Source
    start: str | None = None


def write_checkpoint(
    name: str, tensors: Tensors, origin: Origin, labels: Labels, folder: Path
) -> Record:
    """Write `folder/name-<hash>.pth` and its record, in place of older ones of that name.

    The checkpoint that the training began with is kept.

    Raises:
        CheckpointError: The folder cannot be written to.
    """
    entry = origin.entry
    network = empty_network(entry.name, len(labels.ids), RGB)
    tensors = {key: tensors[key] for key in network.state_dict()}

    def filled() -> Any:
        network.load_state_dict(tensors, assign=True)
        return network

    draft = Record(
        model=entry.name,
        name=entry.published,
        family=entry.family,
        files=(),
        layout=OURS,
        content_sha256=content_sha256(tensors),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        num_classes=len(labels.ids),
        in_chans=RGB,
        num_features=network.num_features,
        preprocessing=origin.preprocessing,
        labels=labels.lines(),
        source=origin.source,
        parity=Parity("none", None),
        versions=versions("none"),
    )
    record = write_files(lambda: draft, tensors, filled, folder, name)
    kept = {os.path.realpath(path) for path in (record.file, origin.source.path) if path}
    for older in folder.glob(f"{name}-{'?' * HASH_DIGITS}.pth"):
        if os.path.realpath(older) not in kept:
            _remove_older(older, record)
    return record


def _remove_older(path: Path, newer: Record) -> None:
    """Remove an earlier result of a training and its record.

    One of another network or of other classes is kept, and a file whose name is not that of its
    content.
    """
    try:
        record = read_record(path)
    except CheckpointError:
        return
    if record is None or (record.model, record.labels) != (newer.model, newer.labels):
        return
    digits = path.stem[-HASH_DIGITS:]
    if path.is_file() and not path.is_symlink() and file_sha256(path).startswith(digits):
        path.unlink()
        path.with_suffix(".json").unlink(missing_ok=True)


def write_curves(history: list[Row], folder: Path) -> str | None:
    """Write `curves.csv`, and `curves.png` if matplotlib is installed.

    Returns:
        A message if `curves.png` was not written, else None.

    Raises:
        CheckpointError: The folder cannot be written to.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(history)
    write_text(text.getvalue(), folder / CURVES)
    try:
        draw_curves(history, folder / PLOT)
    except MissingDependencyError as error:
        return str(error)
    return None


class Board:
    """TensorBoard events, written to a folder.

    Raises:
        MissingDependencyError: TensorboardX is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise MissingDependencyError(
                "--tensorboard needs tensorboardX, which is not installed: "
                "`pip install tensorboardX`"
            ) from error
        self._writer = SummaryWriter(str(folder))

    def add(self, row: Row) -> None:
        """Write the row of one epoch."""
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """Finish the event file."""
        self._writer.close()
