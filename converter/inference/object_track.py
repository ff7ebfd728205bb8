"""The place of an object from frame to frame, by the results of SiamRPN.

The computation is that of gluoncv.model_zoo.siamrpn.siamrpn_tracker.SiamRPNTracker, with the values
of its arguments' defaults, and in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..sources.arrays import Array
from .images.linear_resize import Size

Pair = tuple[float, float]  # x, y; or width, height

_STRIDE = 8  # pixels of the network's input between two places of an anchor
_RATIOS = (0.33, 0.5, 1, 2, 3)  # height / width of the anchors
_SCALE = 8  # side of an anchor / stride
_PENALTY = 0.16  # weight of changes of the size and the shape
_WINDOW = 0.4  # weight of the window that prefers the middle
_RATE = 0.3  # how fast the size follows
_LEAST = 10  # pixels: the shortest side of an object


@dataclass(frozen=True)
class Found:
    """An object in a frame.

    Attributes:
        centre: X and y, in the frame's pixels.
        size: Width and height, in the frame's pixels.
        score: Confidence, 0 to 1.
    """

    centre: Pair
    size: Pair
    score: float


def find_object(
    logits: Array, offsets: Array, before: tuple[Pair, Pair], scale: float, frame: Size
) -> Found:
    """Find an object by the network's results in the square about its last place.

    Args:
        logits: Of background and object, (1, 2A, S, S) for A anchors at S · S places.
        offsets: Of the boxes from the anchors, (1, 4A, S, S).
        before: Centre and size of the object in the frame before, in its pixels.
        scale: Pixels of the network's input per pixel of the frame.
        frame: Height and width of the frame.
    """
    count = logits.shape[-1]
    anchors = _anchors(count)
    (dx, dy, dw, dh), values = offsets.reshape(4, -1).astype(np.float64), logits.reshape(2, -1)
    # a network that is not trained gives boxes of any size
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        x, y = dx * anchors[2] + anchors[0], dy * anchors[3] + anchors[1]
        width, height = np.exp(dw) * anchors[2], np.exp(dh) * anchors[3]
        scores = 1 / (1 + np.exp(values[0].astype(np.float64) - values[1]))
        penalty = _penalty(width, height, (before[1][0] * scale, before[1][1] * scale))
        hanning = np.hanning(count)
        window = np.tile(np.outer(hanning, hanning).ravel(), len(_RATIOS))
        best = int(np.argmax(penalty * scores * (1 - _WINDOW) + window * _WINDOW))
    rate = float(penalty[best] * scores[best]) * _RATE
    sides = [
        min(old * (1 - rate) + float(new[best]) / scale * rate, length)
        for old, new, length in zip(before[1], (width, height), frame[::-1], strict=True)
    ]
    middle = [
        max(0.0, min(old + float(moved[best]) / scale, length))
        for old, moved, length in zip(before[0], (x, y), frame[::-1], strict=True)
    ]
    size = max(_LEAST, sides[0]), max(_LEAST, sides[1])
    return Found((middle[0], middle[1]), size, float(scores[best]))


def _penalty(width: Array, height: Array, last: Pair) -> Array:
    """Factors below 1 for boxes of another size or shape than in the frame before."""
    size = _change(_whole(width, height) / _whole(*last))
    shape = _change((last[0] / last[1]) / (width / height))
    factors: Array = np.exp(-(shape * size - 1) * _PENALTY)
    return factors


def _change(ratio: Array) -> Array:
    return np.maximum(ratio, 1 / ratio)


def _whole(width: Array | float, height: Array | float) -> Array:
    """Size of a box with its margin."""
    pad = (width + height) * 0.5
    size: Array = np.sqrt((width + pad) * (height + pad))
    return size


def _anchors(count: int) -> Array:
    """Anchors (4, A · S · S) as centre, width and height, about the middle of the input."""
    places = (np.arange(count) - count // 2) * _STRIDE
    y, x = np.meshgrid(places, places, indexing="ij")
    columns = []
    for ratio in _RATIOS:
        width = int(math.sqrt(_STRIDE * _STRIDE / ratio))
        sides = [np.full(x.size, side * _SCALE) for side in (width, int(width * ratio))]
        columns.append(np.stack([x.ravel(), y.ravel(), *sides]))
    anchors: Array = np.concatenate(columns, axis=1).astype(np.float64)
    return anchors
