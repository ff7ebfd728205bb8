"""COCO's average precision of boxes and masks, as GluonCV computes it for Mask R-CNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...sources.arrays import Array
from ..detected_objects import expand_masks, run_lengths
from ..images.linear_resize import Size
from .coco_evaluation import BOXES, MASKS, class_averages, evaluate, measures
from .coco_records import CocoRecords

if TYPE_CHECKING:
    from ..datasets.coco_annotations import CocoAnnotations

SCORE_THRESHOLD = 0.001  # least score of a detection that counts
MEASURES = "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"


@dataclass(frozen=True)
class InstanceResult:
    """Average precision, 0 to 1; NaN where there are no such objects.

    Attributes:
        boxes: The MEASURES of boxes.
        masks: The MEASURES of masks.
        per_class: AP of the masks of each class.
    """

    boxes: dict[str, float]
    masks: dict[str, float]
    per_class: tuple[float, ...]


class CocoInstances(CocoRecords[list[dict[str, Any]]]):
    """COCO's average precision of boxes and masks, equal to GluonCV's COCOInstanceMetric.

    Masks are kept as run lengths, which pycocotools computes. As in GluonCV, a box ends at its
    right and lower corner, which CocoDetection takes for its last pixel; corners are rounded to
    hundredths of a pixel, and scores to thousandths.
    """

    def update(
        self, image: int, ids: Array, scores: Array, boxes: Array, masks: Array, size: Size
    ) -> None:
        """Add the detections of an image.

        Args:
            image: COCO's id of the image.
            ids: Class indices, -1 in empty rows, (N,) or (N, 1).
            scores: Scores, (N,) or (N, 1).
            boxes: Corners x0, y0, x1, y1 in pixels of the image file, (N, 4).
            masks: As a network computes them in the boxes, (N, M, M).
            size: Height and width of the image.

        Raises:
            ValueError: The image was already counted.
        """
        ids, scores = np.ravel(ids), np.ravel(scores)
        corners = np.asarray(boxes, np.float32)
        sizes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        rows = np.flatnonzero((ids >= 0) & (scores >= SCORE_THRESHOLD)).tolist()
        expanded = (expand_masks(masks[[row]], corners[[row]], size)[0] for row in rows)
        self._images.add(
            image,
            [
                {
                    "class": int(ids[row]),
                    "score": round(float(scores[row]), 3),
                    "bbox": [round(side, 2) for side in sizes[row].tolist()],
                    "segmentation": run_lengths(mask),
                }
                for row, mask in zip(rows, expanded, strict=True)
            ],
        )

    def result(self, truth: CocoAnnotations) -> InstanceResult:
        """Compare the detections so far with the annotated objects.

        Every image of `truth` counts, those without detections, too. Detections of classes that
        `truth` does not have are left out.

        Raises:
            DatasetError: An object of `truth` has no mask.
            MissingDependencyError: Pycocotools is not installed.
            ValueError: An image is not in `truth`.
        """
        self.require_images(truth)
        truth.require_masks()
        of_boxes = evaluate(truth, self._rows(truth), BOXES)
        of_masks = evaluate(truth, self._rows(truth), MASKS)
        return InstanceResult(
            dict(zip(MEASURES, measures(of_boxes)[: len(MEASURES)], strict=True)),
            dict(zip(MEASURES, measures(of_masks)[: len(MEASURES)], strict=True)),
            class_averages(of_masks, truth),
        )

    def _rows(self, truth: CocoAnnotations) -> list[dict[str, Any]]:
        ids = [category.id for category in truth.categories]
        return [
            {
                "image_id": image,
                "category_id": ids[row["class"]],
                **{key: row[key] for key in ("score", "bbox", "segmentation")},
            }
            for image, found in self._images.in_order()
            for row in found
            if row["class"] < len(ids)
        ]
