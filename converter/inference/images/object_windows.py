"""Squares about an object of a frame, as the inputs of a tracking network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from ...sources.arrays import Array
from .linear_resize import Image, resize_linear


def window_side(width: float, height: float, context: float) -> float:
    """Side of the square about an object, with its margin, in the frame's pixels."""
    margin = context * (width + height)
    return math.sqrt((width + margin) * (height + margin))


def cut_window(
    frame: Image, centre: tuple[float, float], side: int, target: int, fill: Array
) -> torch.Tensor:
    """Cut a square as GluonCV's SiamRPNTracker.get_subwindow does, and resize it linearly.

    Args:
        frame: (H, W, 3), 8-bit RGB.
        centre: Of the square, (x, y) in the frame's pixels.
        side: Of the square, in the frame's pixels.
        target: Its side as the network takes it.
        fill: Colour of what lies outside the frame (3,), RGB; its fractions are cut off.

    Returns:
        (1, 3, target, target), float32, BGR from 0 to 255.
    """
    left, top = (math.floor(middle - (side + 1) / 2 + 0.5) for middle in centre)
    square = np.empty((side, side, 3), np.uint8)
    square[:] = fill.astype(np.uint8)
    (rows, inside), (columns, across) = (
        _common(start, side, length)
        for start, length in zip((top, left), frame.shape[:2], strict=True)
    )
    square[rows, columns] = frame[inside, across]
    square = resize_linear(square, (target, target), (0, target), (0, target))
    pixels: Any = square[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    return torch.from_numpy(pixels)


def _common(start: int, side: int, length: int) -> tuple[slice, slice]:
    """What a square and a frame have in common along an axis: in the square, and in the frame."""
    first, last = max(start, 0), max(min(start + side, length), 0)
    return slice(first - start, max(last, first) - start), slice(first, max(last, first))
