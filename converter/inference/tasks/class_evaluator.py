"""Top-1 and top-5 accuracy of networks that classify images or videos."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DatasetError
from ...sources.arrays import Array
from ..datasets.action_list import read_action_list
from ..images.labelled_images import find_labelled
from ..metrics.top_k import TopK
from .evaluator import Figures, per_cent
from .image_classifier import ImageClassifier, VideoClassifier
from .task_network import TaskNetwork
from .task_options import TaskOptions

Example = tuple[str, int]  # an image, and its class


class _ClassEvaluator:
    """What evaluators of images and of videos share: top-1 and top-5."""

    def __init__(self, network: TaskNetwork) -> None:
        self.published = network.published
        self.metric = TopK()

    def _count(self, logits: Array, target: int) -> None:
        self.metric.update(logits[None], np.array([target]))

    def result(self, _skipped: Collection[Any]) -> Figures:
        """Compute the accuracy."""
        parts = {f"top{count}": part for count, part in self.metric.result().items()}
        return Figures(per_cent(parts))


class ImageClassEvaluator(_ClassEvaluator):
    """Accuracy on a folder with a subfolder for each class, or on a list.

    Args:
        network: The network, with GluonCV's preprocessing of evaluations.
        data: The folder or the list.
        options: How images are prepared.

    Raises:
        ImageError: There are no images, or their classes are unknown.
    """

    def __init__(self, network: TaskNetwork, data: Path, options: TaskOptions) -> None:
        super().__init__(network)
        found = find_labelled(data, _number(network), network.labels)
        self.data = f"images of {data}"
        self.notes = (f"classes: {found.by}",)
        self.examples = tuple(zip(found.paths, found.targets, strict=True))
        self._classifier = ImageClassifier(network, options)

    def update(self, example: Example) -> None:
        """Count an image; see Evaluator."""
        path, target = example
        self._count(self._classifier.logits(path), target)


Video = tuple[Path, int | None, int]  # a video, the number of its frames to use, and its class


class ActionEvaluator(_ClassEvaluator):
    """Accuracy on a list of videos.

    Args:
        network: The network.
        data: The list, with lines `path class` or `path frames class`.
        options: The number of clips of a video.

    Raises:
        DatasetError: The list is invalid, or a video is missing.
    """

    def __init__(self, network: TaskNetwork, data: Path, options: TaskOptions) -> None:
        super().__init__(network)
        found = read_action_list(data, _number(network), network.labels)
        self.data = f"videos of {data}"
        self.notes: tuple[str, ...] = ()
        self.examples = tuple(zip(found.paths, found.frames, found.targets, strict=True))
        self._classifier = VideoClassifier(network, options)

    def update(self, example: Video) -> None:
        """Count a video; see Evaluator."""
        path, frames, target = example
        self._count(self._classifier.logits(str(path), frames), target)


def _number(network: TaskNetwork) -> int:
    if network.num_classes is None:
        raise DatasetError(
            f"{network.path}: its number of classes is unknown; give their names with `--labels`"
        )
    return network.num_classes
