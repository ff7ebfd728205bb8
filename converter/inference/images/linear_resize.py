"""OpenCV's linear resize of 8-bit images, bit for bit, in NumPy.

MXNet resizes with it. Its arithmetic is of integers (`cv::resize`, modules/imgproc/src/resize.cpp):
each axis weighs two neighbours with coefficients of 11 bits, along the rows first, and the sums
lose bits in two steps. No other library rounds like that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Image = np.ndarray[Any, np.dtype[np.uint8]]
Size = tuple[int, int]  # height, width
Span = tuple[int, int]  # from, to

_BITS = 11


def resize_linear(image: Image, size: Size, rows: Span, columns: Span) -> Image:
    """A window of the resized image; what is outside of it is not computed.

    Args:
        image: (H, W, C), of 8-bit values.
        size: height and width of the whole resized image.
        rows, columns: which part of that is wanted.

    Returns:
        8-bit values, (rows, columns, C).
    """
    height, width = image.shape[:2]
    if size == (height, width):
        return image[slice(*rows), slice(*columns)]
    channels = image.shape[2]
    top, bottom, down = _neighbours(height, size[0], rows)
    left, right, across = _neighbours(width, size[1], columns)
    first, last = int(top.min()), int(bottom.max()) + 1
    # a row is taken as one run of numbers, which is three times as fast as pixel by pixel
    lines = image[first:last].reshape(last - first, width * channels)
    across = across.repeat(channels, axis=1)
    band = np.take(lines, _numbers(left, channels), axis=1) * across[0]
    band += np.take(lines, _numbers(right, channels), axis=1) * across[1]
    band >>= 4
    # both sums fit 32 bits: 255 · 2¹¹ · 2¹¹ / 2⁴ is less than 2²⁶
    out = band[top - first] * down[0][:, None]
    out >>= 16
    lower = band[bottom - first] * down[1][:, None]
    lower >>= 16
    out += lower
    out += 2
    out >>= 2
    pixels: Image = out.astype(np.uint8).reshape(len(top), len(left), channels)
    return pixels


def _numbers(pixels: Any, channels: int) -> Any:
    """Where the pixels' values stand in a row of numbers."""
    return (pixels[:, None] * channels + np.arange(channels)).ravel()


def _neighbours(source: int, target: int, span: Span) -> tuple[Any, Any, Any]:
    """For each place of a resized axis its two neighbours in the source, and their weights.

    Beside the outermost pixel both neighbours are that pixel; their weights are rounded each for
    itself all the same. OpenCV has cases of their own for the edges of rows and for halving, which
    come to the same: seen for every size up to 1200.

    Returns:
        first neighbours, second ones, weights (2, places) out of 2¹¹.
    """
    scale = 1 / (target / source)  # rounded twice, as it is there
    places = ((np.arange(*span) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(places)
    within = places - first
    index = first.astype(np.int64)
    weights = np.rint(np.stack([1 - within, within]) * np.float32(1 << _BITS)).astype(np.int32)
    return index.clip(0, source - 1), (index + 1).clip(0, source - 1), weights
