"""A detector's outputs for one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...sources.arrays import Array


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in an image.

    Attributes:
        classes: Class index of each object, (K,).
        scores: Its score, (K,).
        boxes: Its corners x0, y0, x1, y1 in pixels, (K, 4).
    """

    classes: Array
    scores: Array
    boxes: Array


def without_padding(ids: Array, scores: Array, boxes: Array) -> Detections:
    """Drop the empty rows of a detector's outputs, whose id is -1.

    Args:
        ids: Class indices, as numbers of any type, (N,) or (N, 1).
        scores: Scores, (N,) or (N, 1).
        boxes: Corners x0, y0, x1, y1, (N, 4).
    """
    ids, scores = np.ravel(ids), np.ravel(scores)
    rows = ids >= 0
    return Detections(ids[rows].astype(np.int64), scores[rows], np.asarray(boxes)[rows])
