"""Average precision by COCO's own program, pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ...errors import MissingDependencyError
from ...sources.arrays import Array

if TYPE_CHECKING:
    from ..datasets.coco_annotations import CocoAnnotations

BOXES, MASKS, KEYPOINTS = "bbox", "segm", "keypoints"
ABSENT = -1.0  # what pycocotools writes for a measure without objects


def evaluate(truth: CocoAnnotations, results: list[dict[str, Any]], kind: str) -> Any:
    """Compare results with the annotated objects.

    Args:
        truth: The objects; images without results count as images in which nothing was found.
        results: The rows of a results file of COCO; pycocotools adds fields to them.
        kind: BOXES, MASKS or KEYPOINTS.

    Returns:
        pycocotools' COCOeval, with its `stats` and its `eval`.

    Raises:
        MissingDependencyError: Pycocotools is not installed.
    """
    dataset_class, evaluation_class = require_pycocotools()
    with contextlib.redirect_stdout(io.StringIO()):
        expected, found = dataset_class(), dataset_class()
        expected.dataset = _as_dataset(truth)
        expected.createIndex()
        if results:
            found = expected.loadRes(results)
        evaluation = evaluation_class(expected, found, kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def require_pycocotools() -> tuple[Any, Any]:
    """Import pycocotools' classes COCO and COCOeval.

    Raises:
        MissingDependencyError: Pycocotools is not installed.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise MissingDependencyError(
            "COCO's average precision needs pycocotools, which is not installed: "
            "`pip install pycocotools`"
        ) from error
    return COCO, COCOeval


def require_images(truth: CocoAnnotations, counted: Iterable[int]) -> None:
    """Require that all images that were counted are those of a data set.

    Raises:
        ValueError: An image is not in `truth`.
    """
    if unknown := {*counted} - {image.id for image in truth.images}:
        raise ValueError(f"{truth.path}: has no image {min(unknown)}, which was counted")


def measures(evaluation: Any) -> list[float]:
    """List the figures of pycocotools' summary; NaN for one without objects."""
    return [float("nan") if each == ABSENT else float(each) for each in evaluation.stats]


def class_averages(evaluation: Any, truth: CocoAnnotations) -> tuple[float, ...]:
    """Average precision of each class, over the thresholds; NaN for one without objects."""
    # precision has the axes threshold, recall, category, area, number of detections
    precision: Array = evaluation.eval["precision"][:, :, :, 0, -1]
    places = {id_: place for place, id_ in enumerate(evaluation.params.catIds)}
    averages = []
    for category in truth.categories:
        values = precision[:, :, places[category.id]]
        values = values[values > ABSENT]
        averages.append(float(np.mean(values)) if values.size else float("nan"))
    return tuple(averages)


def _as_dataset(truth: CocoAnnotations) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = list(msgspec.to_builtins(truth.annotations))
    for each in annotations:
        each["bbox"] = list(each["bbox"])  # pycocotools takes no tuples
    return {
        "images": [msgspec.structs.asdict(each) for each in truth.images],
        "categories": [msgspec.structs.asdict(each) for each in truth.categories],
        "annotations": annotations,
    }
