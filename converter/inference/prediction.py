"""Classification of single image files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.checkpoint import Checkpoint, open_checkpoint
from ..errors import LabelsError
from ..mappings.class_labels import Labels
from .images.image_file import Paths, find_images, read_image
from .images.presets import make_crop
from .runner import Setup, make_runner, require_classifier


@dataclass(frozen=True)
class Guess:
    """One predicted class: its name, its index in the output, and its probability."""

    label: str
    index: int
    probability: float

    def __str__(self) -> str:
        return f"{self.probability:6.1%}  {self.label}"


@dataclass(frozen=True)
class Prediction:
    """The top classes of one image, most probable first."""

    image: str
    top: tuple[Guess, ...]

    def as_dict(self) -> dict[str, Any]:
        """The prediction, in the form that `--json` writes."""
        return asdict(self)


def top_guesses(
    scores: torch.Tensor, names: Sequence[str], topk: int, *, probabilities: bool = False
) -> tuple[Guess, ...]:
    """The most probable classes of one image, from their scores (C,) in float64.

    Args:
        scores: Of each class, logits or probabilities.
        names: Of the classes; if they are not as many, a class is named by its index.
        topk: Number of classes to return, at most all of them.
        probabilities: Whether the scores are probabilities, as of a network that ends in a softmax.
    """
    indices = scores.topk(min(topk, len(scores))).indices
    known = names if len(names) == len(scores) else tuple(map(str, range(len(scores))))
    values = scores if probabilities else scores.softmax(0)
    pairs = zip(indices.tolist(), values[indices].tolist(), strict=True)
    return tuple(Guess(known[index], index, value) for index, value in pairs)


class Predictor:
    """A checkpoint that classifies image files.

    Each image is a batch of its own, so that its probabilities do not depend on other images.

    Args:
        checkpoint: An open checkpoint.
        topk: Number of classes to return, at most all of them.
        labels: Names of the classes; those of the checkpoint's record by default.
        preset: How images are prepared (images/presets.py).
        setup: Device and precision; the CPU by default.

    Raises:
        CheckpointError: The network has no classifier, or does not take RGB images.
        LabelsError: The number of names is not the number of classes.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        topk: int = 5,
        labels: Labels | None = None,
        preset: str = "gluon",
        setup: Setup | None = None,
    ) -> None:
        require_classifier(checkpoint)
        self._names = class_names(checkpoint, labels)
        self._topk = topk
        self._crop = make_crop(checkpoint.preprocessing, preset)
        self._run = make_runner(checkpoint, setup or Setup(torch.device("cpu")))

    def __call__(self, image: str | os.PathLike[str]) -> Prediction:
        """Classify an image file; `-` reads standard input.

        Raises:
            ImageError: The file cannot be read, or is not a valid image.
            MissingDependencyError: Pillow is not installed.
        """
        pixels = torch.from_numpy(self._crop(read_image(image)).copy())
        logits = self._run(pixels[None])[0].cpu().double()  # some devices have no float64
        return Prediction(os.fspath(image), top_guesses(logits, self._names, self._topk))


def predict(
    checkpoint: str | os.PathLike[str],
    images: Paths,
    **options: Any,
) -> list[Prediction]:
    """Classify images: files, or folders of them.

    Args:
        checkpoint: Path of the checkpoint.
        images: Files, or folders of them; a single one need not be in a list.
        options: Keyword arguments of Predictor.

    Raises:
        ConversionError: The checkpoint or an image cannot be read (errors.py).
    """
    predictor = Predictor(open_checkpoint(checkpoint), **options)
    return [predictor(image) for image in find_images(images)]


def class_names(checkpoint: Checkpoint, labels: Labels | None = None) -> tuple[str, ...]:
    """The class name of each logit: from `labels`, else from the record, else its index.

    Raises:
        LabelsError: The number of names is not the number of classes.
    """
    known = labels or checkpoint.labels
    if known is None:
        return tuple(map(str, range(checkpoint.num_classes)))
    check_count(checkpoint.path, known, checkpoint.num_classes)
    return known.names


def check_count(path: Path, labels: Labels, count: int) -> None:
    """Require a name for each class.

    Raises:
        LabelsError: The number of names is not the number of classes.
    """
    if len(labels.names) != count:
        raise LabelsError(
            f"{path}: has {count} classes, but {len(labels.names)} class names were given; give "
            "one for each class"
        )
