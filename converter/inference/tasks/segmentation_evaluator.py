"""Pixel accuracy and mean IoU of segmentation networks, at the size of the masks."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ...errors import DatasetError
from ..datasets.segmentation_folders import find_layout, segmented_images
from ..images.image_file import read_image
from ..metrics.segmentation import Segmentation
from .evaluator import Figures, per_cent
from .segmenter import Segmenter
from .task_network import TaskNetwork
from .task_options import TaskOptions

Pair = tuple[Path, Path]  # an image and its mask


class SegmentationEvaluator:
    """Classes of the pixels of Pascal VOC, Cityscapes or ADE20K.

    Each image is computed once, as a whole. GluonCV's evaluation can average several scales and
    mirror images instead.

    Args:
        network: The network, with GluonCV's preprocessing of evaluations.
        root: The folder of the data set.

    Raises:
        DatasetError: It is not one of these, a file is missing, or it has another number of
            classes than the network.
    """

    def __init__(self, network: TaskNetwork, root: Path) -> None:
        root, layout = find_layout(root)
        found = segmented_images(root, layout)
        self._labels = found.labels
        if network.num_classes != found.labels.num_classes:
            raise DatasetError(
                f"{root}: is {layout}, which has {found.labels.num_classes} classes, but "
                f"{network.entry.name} has {network.num_classes}; give the data set that the "
                "network was trained for"
            )
        self.data = f"images of {layout} val"
        self.published = network.entry.classes == layout
        self.notes: tuple[str, ...] = ()
        self.examples = tuple(zip(found.images, found.masks, strict=True))
        self.metric = Segmentation(found.labels.num_classes)
        self._segmenter, self._names = Segmenter(network, TaskOptions()), network.names

    def update(self, example: Pair) -> None:
        """Count the pixels of an image; see Evaluator.

        Raises:
            DatasetError: The mask is invalid, or of another size than its image.
        """
        path, mask = example
        image = read_image(path)
        labels = self._labels.read(mask)
        if labels.shape != image.shape[:2]:
            raise DatasetError(
                f"{mask}: has {labels.shape[1]}×{labels.shape[0]} pixels, but {path} has "
                f"{image.shape[1]}×{image.shape[0]}; expected a mask of the image's size"
            )
        self.metric.update(self._segmenter.classes(image, str(path)), labels)

    def result(self, _skipped: Collection[Pair]) -> Figures:
        """Compute the measures."""
        result = self.metric.result()
        values = {"pixAcc": result.pixel_accuracy, "mIoU": result.mean_iou}
        names = self._names or tuple(map(str, range(len(result.per_class))))
        return Figures(per_cent(values), per_cent(dict(zip(names, result.per_class, strict=True))))
