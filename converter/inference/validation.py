"""Accuracy of a checkpoint on labelled images."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.checkpoint import Checkpoint, open_checkpoint
from ..checkpoints.program import has_graph
from ..checkpoints.recorded_facts import RecordedFacts, read_record
from ..checkpoints.safetensors_head import read_head
from ..errors import CheckpointError, ImageError
from ..files.atomic_file import write_text
from ..mappings.class_labels import Labels, dataset_labels
from .classification import UNKNOWN, Answers, Progress, classify
from .images.labelled_images import LabelledImages, find_labelled
from .images.presets import make_crop
from .prediction import class_names
from .process_group import World
from .runner import Setup, make_runner, require_classifier


@dataclass(frozen=True)
class Validation:
    """A checkpoint's predictions for labelled images.

    Attributes:
        checkpoint: The checkpoint.
        images: The images and their classes.
        names: Names of the classes.
        answers: The predictions.
    """

    checkpoint: Checkpoint
    images: LabelledImages
    names: tuple[str, ...]
    answers: Answers

    def as_dict(self) -> dict[str, Any]:
        """Counts and published accuracies, in the form that `--json` writes."""
        entry = self.checkpoint.entry
        known = self.checkpoint.labels
        published = self.checkpoint.num_classes == entry.dataset.num_classes and (
            known is None or known == dataset_labels(entry.dataset.name)
        )
        return {
            "model": entry.name,
            "checkpoint": str(self.checkpoint.path),
            **self.answers.as_dict(),
            "classes": self.images.by,
            "published_top1": entry.top1 if published else None,
            "published_top5": entry.top5 if published else None,
            "skipped_images": list(self.answers.broken.values()),
        }


def validate(
    checkpoint: Checkpoint | str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    labels: Labels | None = None,
    preset: str = "gluon",
    setup: Setup | None = None,
    world: World | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> Validation:
    """Classify labelled images and count the correct predictions.

    Args:
        checkpoint: An open checkpoint or its path.
        data: A folder with one subfolder per class, or a list (images/labelled_images.py).
        labels: The classes; those of the checkpoint's record by default.
        preset: How images are prepared (images/presets.py).
        setup: Device and precision; the CPU by default.
        world: The processes that share the work; this one alone by default.
        progress: Called after each batch.
        options: `batch_size` and `workers` of `classify`.

    Raises:
        CheckpointError: The checkpoint cannot be read, has no classifier, or does not take RGB
            images.
        ImageError: The images cannot be found, or their classes are unknown.
        LabelsError: The number of names is not the number of classes.
        ValueError: The batch size is below 1.
    """
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = open_checkpoint(checkpoint)
    require_classifier(checkpoint)
    names = class_names(checkpoint, labels)
    images = find_labelled(Path(data), checkpoint.num_classes, labels or checkpoint.labels)
    answers = classify(
        make_runner(checkpoint, setup or Setup(torch.device("cpu"))),
        images,
        make_crop(checkpoint.preprocessing, preset),
        world=world,
        progress=progress,
        **options,
    )
    if answers.broken and not answers.images:
        reason = next(iter(answers.broken.values()))
        raise ImageError(f"{os.fspath(data)}: none of its images can be read; the first: {reason}")
    return Validation(checkpoint, images, names, answers)


def find_checkpoints(folder: Path) -> list[Path]:
    """List the checkpoints of the catalogue's networks in a folder, sorted by path.

    Of files with the same weights in several formats, only the first is listed.

    Raises:
        CheckpointError: The folder has no checkpoints.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".pth", ".safetensors") or (path / "model.safetensors").is_file():
            try:
                record = read_record(path)
            except CheckpointError:  # reported when it is this checkpoint's turn
                record = None
            if not _is_of_catalogue(path, record):
                continue
            content = record.content_sha256 if record is not None else None
            found.setdefault(content or str(path), path)
    if not found:
        raise CheckpointError(f"{folder}: has no checkpoints (.pth, .safetensors or timm folders)")
    return list(found.values())


def _is_of_catalogue(path: Path, record: RecordedFacts | None) -> bool:
    """Whether a file is neither of a graph nor the weights of a source (`--format py`)."""
    if has_graph(path):
        return False
    if path.suffix != ".safetensors" or record is not None:
        return True
    try:
        return "model" in read_head(path)[1]
    except CheckpointError:  # reported when it is this checkpoint's turn
        return True


def write_predictions(validation: Validation, path: Path) -> None:
    """Write the predictions as CSV, one line per image.

    The columns are its file, its class, the predicted class and its probability, and the top 5.

    Raises:
        CheckpointError: The file cannot be written.
    """
    answers, names = validation.answers, validation.names
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", "class", "predicted", "probability", "top5"])
    for row, index in enumerate(answers.indices):
        top = ["" if each == UNKNOWN else names[each] for each in answers.top[row]]
        table.writerow(
            [
                validation.images.paths[index],
                names[answers.targets[row]],
                top[0],
                f"{answers.probability[row]:.6f}",
                "|".join(top),
            ]
        )
    write_text(text.getvalue(), path)
