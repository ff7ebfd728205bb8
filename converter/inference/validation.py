"""How many images a checkpoint gets right."""

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
from ..checkpoints.record import read_record
from ..errors import CheckpointError
from ..files.atomic_file import write_text
from ..mappings.class_labels import Labels
from .classification import Answers, Progress, classify
from .images.labelled_images import LabelledImages, find_labelled
from .images.presets import make_crop
from .prediction import class_names
from .process_group import World
from .runner import Setup, make_runner, require_classifier


@dataclass(frozen=True)
class Validation:
    """A checkpoint, labelled images, and what it said of them.

    Attributes:
        names: of the classes.
    """

    checkpoint: Checkpoint
    images: LabelledImages
    names: tuple[str, ...]
    answers: Answers

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        entry = self.checkpoint.entry
        published = self.checkpoint.num_classes == entry.dataset.num_classes
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
    """Classify labelled images and count.

    Args:
        checkpoint: opened, or its path.
        data: a folder with a folder for each class, or a list (images/labelled.py).
        labels: the classes; those of the record by default.
        preset: how images are prepared (images/presets.py).
        setup: how the network is computed; on the CPU by default.
        options: of classify: `batch_size`, `workers`.

    Raises:
        CheckpointError: the checkpoint cannot be read, has no classifier, or is not of RGB images.
        ImageError: the images or their classes are not there.
        LabelsError: there are more or fewer names than classes.
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
    return Validation(checkpoint, images, names, answers)


def find_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, sorted; of the same weights in several formats, the first.

    Raises:
        CheckpointError: there is none.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".pth", ".safetensors") or (path / "model.safetensors").is_file():
            record = read_record(path)
            content = record.content_sha256 if record is not None else None
            found.setdefault(content or str(path), path)
    if not found:
        raise CheckpointError(f"{folder}: has no checkpoints (.pth, .safetensors, timm's folders)")
    return list(found.values())


def write_predictions(validation: Validation, path: Path) -> None:
    """A line for each image, as CSV: its file, what it is, what it was taken for, how surely.

    Raises:
        CheckpointError: the file cannot be written.
    """
    answers, names = validation.answers, validation.names
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", "class", "predicted", "probability", "top5"])
    for row, index in enumerate(answers.indices):
        top = [names[each] for each in answers.top[row]]
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
