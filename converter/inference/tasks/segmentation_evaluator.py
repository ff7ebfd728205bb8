"""Pixel accuracy and mean IoU of segmentation networks, at the size of the masks."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch

from ...errors import CheckpointError, DatasetError
from ...sources.arrays import Array
from ..datasets.segmentation_folders import find_layout, segmented_images
from ..images.image_file import read_image
from ..images.linear_resize import Image
from ..images.task_input import prepare_image
from ..metrics.segmentation import Segmentation
from .evaluator import Figures, per_cent
from .multi_scale import MultiScale
from .segmenter import Segmenter
from .task_network import TaskNetwork
from .task_options import TaskOptions

Pair = tuple[Path, Path]  # an image and its mask
# GluonCV's scripts evaluate Cityscapes with `--base-size 2048`, and others with the networks' own
BASE_SIZES = {"cityscapes": 2048}
BASE_SIZE = 520


class SegmentationEvaluator:
    """Classes of the pixels of Pascal VOC, Cityscapes or ADE20K.

    Each image is computed once, as a whole, or at several scales in crops of the size that the
    file was written for, as GluonCV evaluates all of its networks but ICNet and FastSCNN.

    Args:
        network: The network, with GluonCV's preprocessing of evaluations.
        root: The folder of the data set.
        options: The scales.

    Raises:
        CheckpointError: There are scales, and the network's input is not square.
        DatasetError: It is not one of these, a file is missing, or it has another number of
            classes than the network.
    """

    def __init__(self, network: TaskNetwork, root: Path, options: TaskOptions) -> None:
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
        base = options.base_size or BASE_SIZES.get(layout, BASE_SIZE)
        self._scales = _multi_scale(network, options, base) if options.scales else None
        self.notes = () if self._scales is None else (_note(self._scales),)
        self.examples = tuple(zip(found.images, found.masks, strict=True))
        self.metric = Segmentation(found.labels.num_classes)
        self._network, self._segmenter = network, Segmenter(network, options)

    def update(self, example: Pair) -> None:
        """Count the pixels of an image; see Evaluator.

        Raises:
            DatasetError: The mask is invalid, or of another size than its image.
        """
        path, mask = example
        image = read_image(path, upright=False)
        labels = self._labels.read(mask)
        if labels.shape != image.shape[:2]:
            raise DatasetError(
                f"{mask}: has {labels.shape[1]}×{labels.shape[0]} pixels, but {path} has "
                f"{image.shape[1]}×{image.shape[0]}; expected a mask of the image's size"
            )
        classes = self._segmenter.classes if self._scales is None else self._at_scales
        self.metric.update(classes(image, str(path)), labels)

    def result(self, _skipped: Collection[Pair]) -> Figures:
        """Compute the measures."""
        result = self.metric.result()
        values = {"pixAcc": result.pixel_accuracy, "mIoU": result.mean_iou}
        names = self._network.names or tuple(map(str, range(len(result.per_class))))
        return Figures(per_cent(values), per_cent(dict(zip(names, result.per_class, strict=True))))

    def _at_scales(self, image: Image, path: str) -> Array:
        """The class of each pixel (H, W), from its scores at all scales."""
        assert self._scales is not None
        network, facts = self._network, self._network.preprocessing

        def run(pixels: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(network(pixels, path)[0])

        black = -torch.tensor(facts.mean) / torch.tensor(facts.std)
        scores = self._scales.scores(run, prepare_image(image, facts).pixels, black)
        found: Array = scores[0].argmax(0).numpy()
        return found


def _multi_scale(network: TaskNetwork, options: TaskOptions, base: int) -> MultiScale:
    height, width = network.size
    if height != width:
        raise CheckpointError(
            f"{network.path}: was written for images of {height}x{width}, and crops at several "
            "scales are square; convert the network with --input data=1,3,480,480, or for "
            "Cityscapes 768,768"
        )
    return MultiScale(options.scales, options.flip, base, crop=height)


def _note(rule: MultiScale) -> str:
    scales = ", ".join(f"{scale:g}" for scale in rule.scales)
    mirrored = ", and mirrored" if rule.flip else ""
    return (
        f"at the scales {scales} of {rule.base} pixels, in crops of {rule.crop}x{rule.crop}"
        f"{mirrored}"
    )
