"""How often the true class is among the most probable ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...sources.arrays import Array


class TopK:
    """Top-1 and top-5 accuracy, as MXNet's Accuracy and TopKAccuracy.

    Among equal logits, the lower class index comes first; a logit that is NaN is never right.

    Args:
        counts: Numbers of classes that may include the true one.
    """

    def __init__(self, counts: Sequence[int] = (1, 5)) -> None:
        self._right = dict.fromkeys(counts, 0)
        self._samples = 0

    def update(self, logits: Array, targets: Array) -> None:
        """Count samples.

        Args:
            logits: Of each class, (N, C).
            targets: The true classes, (N,).
        """
        logits, targets = np.asarray(logits), np.asarray(targets).astype(np.int64)
        own = np.take_along_axis(logits, targets[:, None], axis=1)
        earlier = np.arange(logits.shape[1]) < targets[:, None]
        before = (~(logits <= own) | ((logits == own) & earlier)).sum(axis=1)
        for count in self._right:
            self._right[count] += int((before < count).sum())
        self._samples += len(targets)

    def merge(self, other: TopK) -> None:
        """Add the samples that another process counted."""
        for count, right in other._right.items():
            self._right[count] += right
        self._samples += other._samples

    def result(self) -> dict[int, float]:
        """Return the accuracy for each of `counts`, 0 to 1; NaN without samples."""
        samples = self._samples or float("nan")
        return {count: right / samples for count, right in self._right.items()}
