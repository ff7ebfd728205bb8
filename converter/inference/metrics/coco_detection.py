"""COCO's average precision of detections, as GluonCV computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...sources.arrays import Array
from .coco_evaluation import BOXES, class_averages, evaluate, measures
from .coco_records import CocoRecords
from .detections import Detections, without_padding

if TYPE_CHECKING:
    from ..datasets.coco_annotations import CocoAnnotations

SCORE_THRESHOLD = 0.05  # least score of a detection that counts


@dataclass(frozen=True)
class CocoResult:
    """Average precision, 0 to 1; NaN where there are no such objects.

    Attributes:
        ap: Mean over the thresholds 0.5, 0.55 … 0.95 of the intersection over union.
        ap50: With the threshold 0.5.
        ap75: With the threshold 0.75.
        ap_small: `ap` of objects of less than 32² pixels.
        ap_medium: `ap` of objects of 32² to 96² pixels.
        ap_large: `ap` of larger objects.
        per_class: `ap` of each class.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    per_class: tuple[float, ...]


class CocoDetection(CocoRecords[Detections]):
    """COCO's average precision of boxes, equal to GluonCV's COCODetectionMetric.

    Only the detections are kept until `result`, so that a process can send them to another.
    """

    def update(self, image: int, ids: Array, scores: Array, boxes: Array) -> None:
        """Add the detections of an image.

        Args:
            image: COCO's id of the image.
            ids: Class indices, -1 in empty rows, (N,) or (N, 1).
            scores: Scores, (N,) or (N, 1).
            boxes: Corners x0, y0, x1, y1 in pixels of the image file, (N, 4).

        Raises:
            ValueError: The image was already counted.
        """
        found = without_padding(ids, scores, boxes)
        scores = found.scores.astype(np.float64)  # as the threshold: float32's 0.05 is above it
        kept = ~(scores < SCORE_THRESHOLD)
        self._images.add(
            image,
            Detections(found.classes[kept], scores[kept], found.boxes[kept].astype(np.float64)),
        )

    def result(self, truth: CocoAnnotations) -> CocoResult:
        """Compare the detections so far with the annotated objects.

        Every image of `truth` counts, those without detections, too. Detections of classes that
        `truth` does not have are left out.

        Raises:
            MissingDependencyError: Pycocotools is not installed.
            ValueError: An image is not in `truth`.
        """
        self.require_images(truth)
        evaluation = evaluate(truth, self._rows(truth), BOXES)
        ap, ap50, ap75, small, medium, large = measures(evaluation)[:6]
        per_class = class_averages(evaluation, truth)
        return CocoResult(ap, ap50, ap75, small, medium, large, per_class)

    def _rows(self, truth: CocoAnnotations) -> list[dict[str, Any]]:
        ids = [category.id for category in truth.categories]
        return [
            {"image_id": image, "category_id": ids[class_], "bbox": box, "score": score}
            for image, found in self._images.in_order()
            for class_, score, box in zip(
                found.classes.tolist(),
                found.scores.tolist(),
                corner_and_size(found.boxes).tolist(),
                strict=True,
            )
            if class_ < len(ids)
        ]


def corner_and_size(boxes: Array) -> Array:
    """Convert corners x0, y0, x1, y1 to x0, y0, width, height: the corners belong to a box."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - (boxes[:, :2] - 1)], axis=1)
