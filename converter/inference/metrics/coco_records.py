"""What COCO's metrics of boxes and of masks share: the images that were counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from .coco_evaluation import require_images
from .image_records import ImageRecords

if TYPE_CHECKING:
    from ..datasets.coco_annotations import CocoAnnotations

Record = TypeVar("Record")


class CocoRecords(Generic[Record]):
    """Keeps a record of the detections in each image, by COCO's id of the image."""

    def __init__(self) -> None:
        self._images: ImageRecords[Record] = ImageRecords()

    def merge(self, other: CocoRecords[Record]) -> None:
        """Add the images that another process counted.

        Raises:
            ValueError: Both counted the same image.
        """
        self._images.merge(other._images)

    def require_images(self, truth: CocoAnnotations) -> None:
        """Require that all images that were counted are those of a data set.

        Raises:
            ValueError: An image is not in `truth`.
        """
        require_images(truth, (image for image, _ in self._images.in_order()))
