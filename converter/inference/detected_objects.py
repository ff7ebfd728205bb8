"""Detected objects: a detector's outputs as a list, and their masks."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..sources.arrays import Array
from .images.linear_resize import Size
from .images.placement import Box


@dataclass(frozen=True)
class DetectedObject:
    """An object in an image.

    Attributes:
        label: Name of its class.
        index: Index of its class.
        score: Confidence, 0 to 1.
        box: Left, top, right, bottom in pixels of the image. As in GluonCV, the last two are the
            object's last pixels.
        mask: The object's pixels, (H, W) boolean, of the image's size; None from a network without
            masks.
    """

    label: str
    index: int
    score: float
    box: Box
    mask: Array | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """The object with COCO's fields, in the form that `--json` writes.

        `category_id` is the index of the class. `bbox` is left, top, width, height, where the width
        is right − left + 1, as GluonCV evaluates detectors (`COCODetectionMetric`). The mask is
        `segmentation`, as run lengths, which pycocotools computes; it is left out if pycocotools is
        not installed.
        """
        left, top, right, bottom = self.box
        result: dict[str, Any] = {
            "label": self.label,
            "category_id": self.index,
            "bbox": [left, top, right - left + 1, bottom - top + 1],
            "score": self.score,
        }
        if self.mask is not None and importlib.util.find_spec("pycocotools") is not None:
            result["segmentation"] = run_lengths(self.mask)
        return result


def detected_objects(
    ids: Array,
    scores: Array,
    boxes: Array,
    names: Sequence[str],
    threshold: float,
    size: Size,
    masks: Array | None = None,
) -> list[DetectedObject]:
    """List the objects in one image, those with the highest score first.

    Rows without an object (id −1) and rows with a score below the threshold are left out.

    Args:
        ids: Class indices, (K, 1).
        scores: (K, 1).
        boxes: Corners in pixels of the image, (K, 4).
        names: Names of the classes; a class beyond them is named by its index.
        threshold: Lowest score.
        size: Height and width of the image.
        masks: As a network computes them in the boxes, (K, M, M).
    """
    ids, scores = (np.asarray(each).reshape(-1) for each in (ids, scores))
    rows = np.flatnonzero((ids >= 0) & (scores >= threshold))
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    corners = np.asarray(boxes)[rows]
    found: Any = [None] * len(rows)
    if masks is not None:
        found = expand_masks(np.asarray(masks)[rows], corners, size)
    return [
        DetectedObject(_name(names, int(index)), int(index), float(score), _box(box), mask)
        for index, score, box, mask in zip(ids[rows], scores[rows], corners, found, strict=True)
    ]


def expand_masks(masks: Array, boxes: Array, size: Size) -> Array:
    """Resize the masks in boxes to the boxes' sizes, and paste them into masks of the image's size.

    The same computation as in GluonCV (gluoncv.data.transforms.mask.fill, called by
    gluoncv.utils.viz.expand_mask): a border of zeros is added, the mask resized as Pillow's
    bilinear filter does, and values above 0.5 are the object's. Only the part of a box that lies
    in the image is computed; GluonCV fails on a box outside the image.

    Args:
        masks: (K, M, M), 0 to 1.
        boxes: Corners in pixels of the image, (K, 4).
        size: Height and width of the image.

    Returns:
        (K, H, W), boolean; a mask whose box is not finite or not in the image is empty.
    """
    masks, boxes = np.asarray(masks), np.asarray(boxes)
    count = masks.shape[1] + 2
    padded = np.pad(masks, [(0, 0), (1, 1), (1, 1)]).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        centres, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        halves = halves * (count / (count - 2))
        first, last = np.round(centres - halves), np.round(centres + halves)
        finite = np.isfinite(first + last).all(1)
    expanded = np.zeros((len(masks), *size), bool)
    for number in np.flatnonzero(finite):
        (left, top), (right, bottom) = first[number].tolist(), last[number].tolist()
        columns, across = _resize(int(left), int(right), count, size[1])
        rows, down = _resize(int(top), int(bottom), count, size[0])
        # Pillow resizes the rows first, and rounds to float32 after each of the two passes
        lines = (padded[number].astype(np.float64) @ across.T).astype(np.float32)
        values = (down @ lines.astype(np.float64)).astype(np.float32)
        expanded[number, rows, columns] = values > 0.5
    return expanded


def _resize(first: int, last: int, count: int, length: int) -> tuple[slice, Array]:
    """Weights of a bilinear resize along one axis, as in Pillow's Resample.c.

    Args:
        first, last: The pixels of the image between which the values are spread, both included.
        count: Number of values.
        length: Of the image, in pixels.

    Returns:
        Those of the pixels that lie in the image, and the weight of each value for each of them,
        (pixels, count).
    """
    pixels = np.arange(max(first, 0), max(min(last + 1, length), 0))
    scale = count / max(last - first + 1, 1)
    support = max(scale, 1.0)  # shrinking averages over all values that a pixel covers
    middles = (pixels - first + 0.5) * scale
    low, high = (np.trunc(middles + reach + 0.5) for reach in (-support, support))
    values = np.arange(count)
    distances = np.abs((values - middles[:, None] + 0.5) * (1 / support))
    weights = (1 - distances).clip(0, None)
    weights[(values < low[:, None]) | (values >= high[:, None])] = 0
    weights *= 1 / weights.sum(1, keepdims=True)
    return slice(max(first, 0), max(first, 0) + len(pixels)), weights


def run_lengths(mask: Array) -> dict[str, Any]:
    """Encode a mask as COCO's compressed run lengths."""
    coder = importlib.import_module("pycocotools.mask")
    encoded: dict[str, Any] = coder.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode("ascii")}


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if index < len(names) else str(index)


def _box(box: Array) -> Box:
    left, top, right, bottom = box.tolist()
    return left, top, right, bottom
