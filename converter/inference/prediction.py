"""What a network says of images."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..checkpoints.checkpoint import Checkpoint, open_checkpoint
from ..errors import LabelsError
from ..mappings.class_labels import Labels
from .images.image_file import find_images, read_image
from .images.presets import make_crop
from .runner import Setup, make_runner, require_classifier


@dataclass(frozen=True)
class Guess:
    """One class: its name, its place among the logits, its probability by the softmax."""

    label: str
    index: int
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The likeliest classes of one image, the first the likeliest."""

    image: str
    top: tuple[Guess, ...]

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return asdict(self)


class Predictor:
    """A checkpoint that answers on images.

    Each image is computed alone, so that its probabilities do not depend on the others.

    Args:
        topk: how many classes to tell; as many as there are where that is fewer.
        labels: names of the classes; those of the record by default.
        preset: how images are prepared (images/presets.py).
        setup: how the network is computed; on the CPU by default.

    Raises:
        CheckpointError: the network has no classifier, or is not of RGB images.
        LabelsError: there are more or fewer names than classes.
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
        self._topk = min(topk, len(self._names))
        self._crop = make_crop(checkpoint.preprocessing, preset)
        self._run = make_runner(checkpoint, setup or Setup(torch.device("cpu")))

    def __call__(self, image: str | os.PathLike[str]) -> Prediction:
        """Classify an image file; `-` is standard input.

        Raises:
            ImageError: it is not there or is no sound image.
            MissingDependencyError: Pillow is not installed.
        """
        pixels = torch.from_numpy(self._crop(read_image(image)).copy())
        logits = self._run(pixels[None])[0].double()
        indices = logits.topk(self._topk).indices
        pairs = zip(indices.tolist(), logits.softmax(0)[indices].tolist(), strict=True)
        guesses = (Guess(self._names[index], index, value) for index, value in pairs)
        return Prediction(os.fspath(image), tuple(guesses))


def predict(
    checkpoint: str | os.PathLike[str],
    images: Iterable[str | os.PathLike[str]],
    **options: Any,
) -> list[Prediction]:
    """Classify images: files, or folders of them.

    Args:
        checkpoint: its path.
        options: Predictor's.

    Raises:
        ConversionError: the checkpoint or an image cannot be read (errors.py).
    """
    predictor = Predictor(open_checkpoint(checkpoint), **options)
    return [predictor(image) for image in find_images(images)]


def class_names(checkpoint: Checkpoint, labels: Labels | None = None) -> tuple[str, ...]:
    """A name for each logit: given, or the record's, or its number where nobody knows.

    Raises:
        LabelsError: there are more or fewer names than classes.
    """
    known = labels or checkpoint.labels
    if known is None:
        return tuple(map(str, range(checkpoint.num_classes)))
    if len(known.names) != checkpoint.num_classes:
        raise LabelsError(
            f"{checkpoint.path}: has {checkpoint.num_classes} classes; "
            f"{len(known.names)} names of classes were given"
        )
    return known.names
