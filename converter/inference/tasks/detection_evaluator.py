"""Average precision of detectors on Pascal VOC and COCO, as GluonCV's evaluation computes it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import DatasetError
from ...mappings.class_labels import dataset_labels
from ...mappings.preprocessing import ShortSide
from ...sources.arrays import Array
from ..datasets.annotated_image import AnnotatedImage
from ..datasets.coco_annotations import read_annotations
from ..datasets.coco_images import annotation_file, coco_images
from ..datasets.detection_folders import VOC2007, VocSplit
from ..datasets.voc_images import voc_images
from ..images.image_file import read_image
from ..images.placement import Placement
from ..images.task_input import prepare_image
from ..metrics.coco_detection import CocoDetection
from ..metrics.coco_evaluation import require_pycocotools
from ..metrics.coco_instances import CocoInstances
from ..metrics.voc_detection import VocDetection
from .evaluator import Figures, per_cent
from .task_network import TaskNetwork


class VocEvaluator:
    """Mean average precision on a part of Pascal VOC.

    As in GluonCV, boxes are compared in the pixels of the network's input, except those of R-CNN
    networks, which are compared in the image's pixels.

    Args:
        network: The network, with GluonCV's preprocessing of evaluations.
        folder: The data set.
        eleven_points: Average the precision at 11 recalls; by default for VOC2007 only.

    Raises:
        DatasetError: The classes' names are unknown, or a file is missing or invalid.
    """

    def __init__(
        self, network: TaskNetwork, folder: VocSplit, eleven_points: bool | None = None
    ) -> None:
        names = _names(network)
        if names == dataset_labels("coco").names:
            raise DatasetError(
                f"{folder.root}: is Pascal VOC, but {network.entry.name} knows COCO's classes; "
                "give a folder of COCO"
            )
        if eleven_points is None:
            eleven_points = folder.year == VOC2007
        found = voc_images(folder.root, names, year=folder.year, split=folder.split)
        self.data = f"images of {folder.year} {folder.split}"
        self.published = eleven_points and names == dataset_labels("voc").names
        self.published = self.published and (folder.year, folder.split) == (VOC2007, "test")
        self.notes, self.examples = found.skipped, found.images
        self.metric = VocDetection(len(names), eleven_points=eleven_points)
        self._network, self._names = network, names
        self._in_image = isinstance(network.preprocessing.rule, ShortSide)

    def update(self, example: AnnotatedImage) -> None:
        """Count the detections in an image; see Evaluator."""
        ids, scores, boxes, _, placement = _detect(self._network, example.path)
        truth = example.objects
        if self._in_image:
            boxes = placement.boxes_to_image(boxes)
        else:
            truth = replace(truth, boxes=placement.boxes_to_input(truth.boxes))
        self.metric.update(example.number, ids, scores, boxes, truth)

    def result(self, _skipped: Collection[AnnotatedImage]) -> Figures:
        """Compute the mean average precision."""
        result = self.metric.result()
        per_class = zip(self._names, result.per_class, strict=True)
        return Figures(per_cent({"mAP": result.mean}), per_cent(dict(per_class)))


class CocoEvaluator:
    """Average precision of boxes, and of masks if there are any, on COCO's images for validation.

    Args:
        network: The network, with GluonCV's preprocessing of evaluations.
        root: The folder of the data set.

    Raises:
        DatasetError: The classes are not the network's, or a file is missing or invalid.
        MissingDependencyError: Pycocotools is not installed.
    """

    def __init__(self, network: TaskNetwork, root: Path) -> None:
        require_pycocotools()
        self._truth = read_annotations(annotation_file(root))
        self._names = _names(network)
        self._truth.require_names(self._names)
        self.data = "images of COCO val2017"
        self.published = network.published and network.entry.labels == "coco"
        self.notes: tuple[str, ...] = ()
        self.examples = coco_images(root, self._truth)
        if network.masks:
            self._truth.require_masks()
        self.metric: CocoDetection | CocoInstances = (
            CocoInstances() if network.masks else CocoDetection()
        )
        self._network = network

    def update(self, example: AnnotatedImage) -> None:
        """Count the detections in an image; see Evaluator."""
        ids, scores, boxes, masks, placement = _detect(self._network, example.path)
        found = example.number, ids, scores, placement.boxes_to_image(boxes)
        if isinstance(self.metric, CocoInstances):
            assert masks is not None, "the network returns masks"
            self.metric.update(*found, masks, (example.height, example.width))
        else:
            self.metric.update(*found)

    def result(self, skipped: Collection[AnnotatedImage]) -> Figures:
        """Compute the average precision."""
        truth = self._truth.without({each.number for each in skipped})
        if isinstance(self.metric, CocoInstances):
            instances = self.metric.result(truth)
            values = {**instances.boxes}
            values |= {f"mask_{name}": value for name, value in instances.masks.items()}
            per_class = dict(zip(self._names, instances.per_class, strict=True))
            return Figures(per_cent(values), per_cent(per_class))
        result = self.metric.result(truth)
        values = {
            "AP": result.ap,
            "AP50": result.ap50,
            "AP75": result.ap75,
            "AP_small": result.ap_small,
            "AP_medium": result.ap_medium,
            "AP_large": result.ap_large,
        }
        per_class = dict(zip(self._names, result.per_class, strict=True))
        return Figures(per_cent(values), per_cent(per_class))


def _names(network: TaskNetwork) -> tuple[str, ...]:
    if not network.names:
        raise DatasetError(
            f"{network.path}: the names of its {network.num_classes} classes are unknown; give "
            "them with `--labels`, as the data set writes them"
        )
    return network.names


class _Found(NamedTuple):
    """A detector's outputs for an image: boxes in the input's pixels, cut at its edges."""

    ids: Array
    scores: Array
    boxes: Array
    masks: Array | None
    placement: Placement


def _detect(network: TaskNetwork, path: str) -> _Found:
    prepared = prepare_image(read_image(path, upright=False), network.preprocessing)
    ids, scores, boxes, *masks = network(prepared.pixels, path)
    height, width = prepared.pixels.shape[2:]
    edges = np.array([width, height, width, height], boxes.dtype)
    return _Found(
        ids[0],
        scores[0],
        np.clip(boxes[0], 0, edges),
        masks[0][0] if masks else None,
        prepared.placement,
    )
