"""COCO's average precision of persons' keypoints, as GluonCV computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...sources.arrays import Array
from .coco_evaluation import KEYPOINTS, evaluate, measures
from .image_records import ImageRecords

if TYPE_CHECKING:
    from ..datasets.coco_annotations import CocoAnnotations

CONFIDENCE_THRESHOLD = 0.2
PERSON = 1  # COCO's category
COUNT = 17  # COCO's keypoints of a person


@dataclass(frozen=True)
class KeypointResult:
    """Average precision and recall, 0 to 1; NaN where there are no such persons.

    Attributes:
        ap: mean over the thresholds 0.5, 0.55 … 0.95 of the object keypoint similarity (OKS).
        ap50: with the threshold 0.5.
        ap75: with the threshold 0.75.
        ap_medium: `ap` of persons of 32² to 96² pixels.
        ap_large: `ap` of larger persons.
        ar: recall, as `ap`.
        ar50: as `ap50`.
        ar75: as `ap75`.
        ar_medium: as `ap_medium`.
        ar_large: as `ap_large`.
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


@dataclass(frozen=True, eq=False)
class _Person:
    image: int
    keypoints: list[float]  # x, y and confidence of each
    score: float


class Keypoints:
    """COCO's average precision of keypoints, equal to GluonCV's COCOKeyPointsMetric.

    Only the persons are kept until `result`, so that a process can send them to another.

    Args:
        confidence_threshold: keypoints of a confidence above it determine a person's score.
    """

    def __init__(self, confidence_threshold: float = CONFIDENCE_THRESHOLD) -> None:
        self._confidence_threshold = confidence_threshold
        self._persons: ImageRecords[_Person] = ImageRecords()

    def update(
        self, person: int, image: int, points: Array, confidences: Array, score: float = 1.0
    ) -> None:
        """Add a person.

        A person's score is the mean confidence of the keypoints above the threshold, times the
        score of the box in which the keypoints were found.

        Args:
            person: position in the list of all boxes; in this order, persons of equal scores are
                compared.
            image: COCO's id of the image.
            points: x and y of each keypoint in pixels of the image file, (17, 2).
            confidences: the maximum of each heat map, (17,) or (17, 1).
            score: score of the person's box.

        Raises:
            ValueError: the person was already added, or has another number of keypoints.
        """
        points = np.asarray(points, np.float64)
        values = np.asarray(confidences, np.float64).reshape(-1)
        if points.shape != (COUNT, 2) or values.shape != (COUNT,):
            raise ValueError(
                f"{points.shape} keypoints with {values.shape} confidences; COCO has {COUNT}"
            )
        confident = [each for each in values.tolist() if each > self._confidence_threshold]
        mean = sum(confident) / len(confident) if confident else 0.0
        rows = np.column_stack([points, values])
        self._persons.add(person, _Person(image, rows.ravel().tolist(), mean * float(score)))

    def merge(self, other: Keypoints) -> None:
        """Add the persons that another process found.

        Raises:
            ValueError: both found the same person.
        """
        self._persons.merge(other._persons)

    def result(self, truth: CocoAnnotations) -> KeypointResult:
        """Compare the persons so far with the annotated ones.

        Raises:
            MissingDependencyError: pycocotools is not installed.
            ValueError: an image is not in `truth`.
        """
        persons = [person for _, person in self._persons.in_order()]
        unknown = {person.image for person in persons} - {image.id for image in truth.images}
        if unknown:
            raise ValueError(f"{truth.path}: has no image {min(unknown)}, which was counted")
        rows: list[dict[str, Any]] = [
            {
                "image_id": person.image,
                "category_id": PERSON,
                "keypoints": person.keypoints,
                "score": person.score,
            }
            for person in persons
        ]
        return KeypointResult(*measures(evaluate(truth, rows, KEYPOINTS)))
