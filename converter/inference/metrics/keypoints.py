"""COCO's average precision of persons' keypoints, as GluonCV computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...sources.arrays import Array
from ..datasets.coco_persons import JOINTS
from .coco_evaluation import KEYPOINTS, evaluate, measures
from .image_records import ImageRecords

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..datasets.coco_annotations import CocoAnnotations

CONFIDENCE_THRESHOLD = 0.2  # keypoints above it determine a person's score


@dataclass(frozen=True)
class KeypointResult:
    """Average precision and recall, 0 to 1; NaN where there are no such persons.

    Attributes:
        ap: Mean over the thresholds 0.5, 0.55 … 0.95 of the object keypoint similarity (OKS).
        ap50: With the threshold 0.5.
        ap75: With the threshold 0.75.
        ap_medium: `ap` of persons of 32² to 96² pixels.
        ap_large: `ap` of larger persons.
        ar: Recall, as `ap`.
        ar50: As `ap50`.
        ar75: As `ap75`.
        ar_medium: As `ap_medium`.
        ar_large: As `ap_large`.
    """

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    ar50: float
    ar75: float
    ar_medium: float
    ar_large: float


Person = tuple[list[float], float]  # x, y and confidence of each keypoint; the person's score


class Keypoints:
    """COCO's average precision of keypoints, equal to GluonCV's COCOKeyPointsMetric.

    Only the persons are kept until `result`, so that a process can send them to another.
    """

    def __init__(self) -> None:
        self._images: ImageRecords[list[Person]] = ImageRecords()

    def update(self, image: int, persons: Iterable[tuple[Array, Array, float]]) -> None:
        """Add the persons in an image.

        A person's score is the mean confidence of the keypoints above the threshold, times the
        score of the box in which the keypoints were found. In their order, persons of equal scores
        are compared.

        Args:
            image: COCO's id of the image.
            persons: X and y of each keypoint in pixels of the image file, (17, 2); the maximum of
                each heat map, (17,) or (17, 1); and the score of the person's box.

        Raises:
            ValueError: The image was already counted, or a person has another number of keypoints.
        """
        self._images.add(image, [_person(*person) for person in persons])

    def merge(self, other: Keypoints) -> None:
        """Add the images that another process counted.

        Raises:
            ValueError: Both counted the same image.
        """
        self._images.merge(other._images)

    def result(self, truth: CocoAnnotations) -> KeypointResult:
        """Compare the persons so far with the annotated ones, which are of the first category.

        Raises:
            MissingDependencyError: Pycocotools is not installed.
            ValueError: An image is not in `truth`.
        """
        images = self._images.in_order()
        unknown = {number for number, _ in images} - {image.id for image in truth.images}
        if unknown:
            raise ValueError(f"{truth.path}: has no image {min(unknown)}, which was counted")
        rows: list[dict[str, Any]] = [
            {
                "image_id": number,
                "category_id": truth.categories[0].id,
                "keypoints": keypoints,
                "score": score,
            }
            for number, persons in images
            for keypoints, score in persons
        ]
        return KeypointResult(*measures(evaluate(truth, rows, KEYPOINTS)))


def _person(points: Array, confidences: Array, score: float) -> Person:
    points = np.asarray(points, np.float64)
    values = np.asarray(confidences, np.float64).reshape(-1)
    if points.shape != (JOINTS, 2) or values.shape != (JOINTS,):
        raise ValueError(
            f"{points.shape} keypoints with {values.shape} confidences; COCO has {JOINTS}"
        )
    confident = [each for each in values.tolist() if each > CONFIDENCE_THRESHOLD]
    mean = sum(confident) / len(confident) if confident else 0.0
    rows = np.column_stack([points, values])
    return rows.ravel().tolist(), mean * float(score)
