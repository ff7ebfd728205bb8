"""Pixel accuracy and mean intersection over union, as GluonCV computes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...sources.arrays import Array


@dataclass(frozen=True)
class SegmentationResult:
    """Agreement with the labelled pixels, 0 to 1.

    Attributes:
        pixel_accuracy: Part of the labelled pixels whose class is predicted.
        mean_iou: Mean over all classes of `per_class`.
        per_class: Intersection over union of the pixels that have the class and those that are
            predicted to have it; 0 for a class that neither has.
    """

    pixel_accuracy: float
    mean_iou: float
    per_class: tuple[float, ...]


class Segmentation:
    """Pixel accuracy and mean IoU over all images together, equal to GluonCV's SegmentationMetric.

    Args:
        num_classes: Number of classes.
    """

    def __init__(self, num_classes: int) -> None:
        self._right = self._labelled = 0
        self._intersection = np.zeros(num_classes, np.int64)
        self._union = np.zeros(num_classes, np.int64)

    def update(self, predicted: Array, labels: Array) -> None:
        """Count the pixels of one or more images.

        Args:
            predicted: The class of each pixel, which is the index of its highest logit; of any
                shape.
            labels: Its true class, in the same shape; pixels with a negative number are ignored.

        Raises:
            ValueError: The shapes differ.
        """
        if np.shape(predicted) != np.shape(labels):
            raise ValueError(
                f"{np.shape(predicted)} pixels are predicted, and {np.shape(labels)} are labelled"
            )
        labels = np.ravel(labels).astype(np.int64)
        predicted = np.ravel(predicted)[labels >= 0].astype(np.int64)
        labels = labels[labels >= 0]
        right = predicted[predicted == labels]
        intersection, *areas = (self._areas(pixels) for pixels in (right, predicted, labels))
        self._right += len(right)
        self._labelled += len(labels)
        self._intersection += intersection
        self._union += sum(areas) - intersection

    def merge(self, other: Segmentation) -> None:
        """Add the pixels that another process counted."""
        self._right += other._right
        self._labelled += other._labelled
        self._intersection += other._intersection
        self._union += other._union

    def result(self) -> SegmentationResult:
        """Compute the measures of the pixels counted so far."""
        tiny = np.spacing(1)  # so that nothing is divided by zero
        iou = self._intersection / (tiny + self._union)
        accuracy = self._right / (tiny + self._labelled)
        return SegmentationResult(float(accuracy), float(iou.mean()), tuple(iou.tolist()))

    def _areas(self, pixels: Array) -> Array:
        """Number of pixels of each class; classes that the metric does not have are left out."""
        classes = len(self._union)
        return np.bincount(pixels, minlength=classes)[:classes]
