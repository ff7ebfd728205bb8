"""Mean average precision of detections, as Pascal VOC defines it and GluonCV computes it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...sources.arrays import Array
from .detections import without_padding
from .image_records import ImageRecords

if TYPE_CHECKING:
    from ..datasets.annotated_image import Objects

RIGHT, WRONG, NOT_COUNTED = 1, 0, -1


@dataclass(frozen=True)
class VocResult:
    """Average precision, 0 to 1.

    Attributes:
        mean: The mean over the classes that occur in the images; NaN if none does.
        per_class: Of each class; NaN for one that does not occur.
    """

    mean: float
    per_class: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class _Matches:
    """The detections of one class in one image, by falling score."""

    objects: int  # that are not difficult
    scores: Array
    matches: Array  # RIGHT, WRONG or NOT_COUNTED


class VocDetection:
    """Mean average precision with Pascal VOC's rules, equal to GluonCV's VOCMApMetric.

    A detection is right if the object with which it overlaps most is not less than
    `iou_threshold`, and if no detection of a higher score took that object; if the object is
    difficult, it is not counted. Corners belong to the boxes, so that a box is `x1 - x0 + 1` wide.

    Args:
        num_classes: Number of classes.
        iou_threshold: Least intersection over union with an object.
        eleven_points: Average the precision at the recalls 0, 0.1 … 1, as VOC did until 2007
            (GluonCV's VOC07MApMetric); else integrate it over the recall.
    """

    def __init__(
        self, num_classes: int, *, iou_threshold: float = 0.5, eleven_points: bool = False
    ) -> None:
        self._num_classes = num_classes
        self._iou_threshold = iou_threshold
        self._average = _eleven_points if eleven_points else _area
        self._images: ImageRecords[dict[int, _Matches]] = ImageRecords()

    def update(self, image: int, ids: Array, scores: Array, boxes: Array, truth: Objects) -> None:
        """Count the detections of an image.

        Args:
            image: Position of the image in the data set.
            ids: Class indices, -1 in empty rows, (N,) or (N, 1).
            scores: Scores, (N,) or (N, 1).
            boxes: Corners x0, y0, x1, y1, (N, 4).
            truth: The objects, with boxes in the same pixels.

        Raises:
            ValueError: The image was already counted.
        """
        found = without_padding(ids, scores, boxes)
        classes = np.asarray(truth.classes).astype(np.int64)
        record: dict[int, _Matches] = {}
        for each in np.union1d(found.classes, classes).tolist():
            of_class, wanted = found.classes == each, classes == each
            difficult = truth.difficult[wanted].astype(bool)
            order = _falling(found.scores[of_class])
            matches = _match(
                found.boxes[of_class][order],
                truth.boxes[wanted],
                difficult,
                self._iou_threshold,
            )
            count = int(np.logical_not(difficult).sum())
            record[each] = _Matches(count, found.scores[of_class][order], matches)
        self._images.add(image, record)

    def merge(self, other: VocDetection) -> None:
        """Add the images that another process counted.

        Raises:
            ValueError: Both counted the same image.
        """
        self._images.merge(other._images)

    def result(self) -> VocResult:
        """Compute the average precision of the images counted so far."""
        parts: defaultdict[int, list[_Matches]] = defaultdict(list)
        for _, record in self._images.in_order():
            for each, matches in record.items():
                parts[each].append(matches)
        # not longer: the number of addends affects how NumPy rounds the mean
        averages = np.full(max(parts, default=-1) + 1, np.nan)
        for each, of_class in parts.items():
            averages[each] = self._class_average(of_class)
        absent = [np.nan] * (self._num_classes - len(averages))
        occurs = not np.isnan(averages).all()
        mean = float(np.nanmean(averages)) if occurs else float("nan")
        return VocResult(mean, (*averages.tolist(), *absent))

    def _class_average(self, parts: list[_Matches]) -> float:
        objects = sum(part.objects for part in parts)
        if objects == 0:
            return float("nan")
        order = _falling(np.concatenate([part.scores for part in parts]))
        matches = np.concatenate([part.matches for part in parts])[order]
        right, wrong = np.cumsum(matches == RIGHT), np.cumsum(matches == WRONG)
        with np.errstate(invalid="ignore"):  # before the first detection that counts
            precision = np.nan_to_num(right / (wrong + right))
        return self._average(right / objects, precision)


def _falling(scores: Array) -> Array:
    """Order of the scores; among equal ones it is that of NumPy's unstable sort, as in GluonCV."""
    order: Array = scores.argsort()[::-1]
    return order


def _match(boxes: Array, objects: Array, difficult: Array, iou_threshold: float) -> Array:
    """Whether each of the boxes, by falling score, finds an object of its class."""
    matches = np.full(len(boxes), WRONG)
    if len(boxes) == 0 or len(objects) == 0:
        return matches
    overlaps = _iou(_with_edges(boxes), _with_edges(objects))
    taken = np.zeros(len(objects), bool)
    for row, best in enumerate(overlaps.argmax(axis=1)):
        if overlaps[row, best] < iou_threshold:
            continue
        if difficult[best]:
            matches[row] = NOT_COUNTED
        elif not taken[best]:
            matches[row] = RIGHT
            taken[best] = True
    return matches


def _with_edges(boxes: Array) -> Array:
    """The boxes with the pixels of their right and lower edges."""
    boxes = boxes.copy()
    boxes[:, 2:] += 1
    return boxes


def _iou(first: Array, second: Array) -> Array:
    """Intersection over union of each box of the first with each of the second, (N, M)."""
    corner = np.maximum(first[:, None, :2], second[:, :2])
    opposite = np.minimum(first[:, None, 2:], second[:, 2:])
    shared = np.prod(opposite - corner, axis=2) * (corner < opposite).all(axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    with np.errstate(invalid="ignore", divide="ignore"):  # boxes without an area
        ratio: Array = shared / (areas[0][:, None] + areas[1] - shared)
    return ratio


def _area(recall: Array, precision: Array) -> float:
    """Area below the precision, made to fall monotonically, over the recall."""
    recall = np.concatenate(([0.0], recall, [1.0]))
    precision = np.concatenate(([0.0], precision, [0.0]))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.flatnonzero(recall[1:] != recall[:-1])
    return float(np.sum((recall[steps + 1] - recall[steps]) * precision[steps + 1]))


def _eleven_points(recall: Array, precision: Array) -> float:
    """Mean of the best precision at a recall of at least 0, 0.1 … 1."""
    average = 0.0
    for least in np.arange(0.0, 1.1, 0.1):
        reached = precision[recall >= least]
        average += (reached.max() if len(reached) else 0.0) / 11.0
    return float(average)
