"""OpenCV's linear resize of 8-bit images, bit for bit, in NumPy.

MXNet resizes with OpenCV. The arithmetic is on integers (`cv::resize`,
modules/imgproc/src/resize.cpp): each axis weights two neighbours with 11-bit coefficients, along
the rows first, and the sums are truncated in two steps. No other library rounds in this way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Image = np.ndarray[Any, np.dtype[np.uint8]]
Size = tuple[int, int]  # height, width
Span = tuple[int, int]  # start, stop

_BITS = 11


def resize_linear(image: Image, size: Size, rows: Span, columns: Span) -> Image:
    """Resize an image, and compute only a window of the result.

    Args:
        image: (H, W, C), 8-bit.
        size: Height and width of the whole resized image, in pixels.
        rows, columns: The window in the resized image, in pixels.

    Returns:
        The window, (rows, columns, C), 8-bit.
    """
    height, width = image.shape[:2]
    if size == (height, width):
        return image[slice(*rows), slice(*columns)]
    channels = image.shape[2]
    top, bottom, down = _neighbours(height, size[0], rows)
    left, right, across = _neighbours(width, size[1], columns)
    first, last = int(top.min()), int(bottom.max()) + 1
    # rows are indexed as flat arrays of values, three times as fast as pixel by pixel
    lines = image[first:last].reshape(last - first, width * channels)
    across = across.repeat(channels, axis=1)
    band = np.take(lines, _value_indices(left, channels), axis=1) * across[0]
    band += np.take(lines, _value_indices(right, channels), axis=1) * across[1]
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


def _value_indices(pixels: Any, channels: int) -> Any:
    """Indices of the pixels' values in a flattened row."""
    return (pixels[:, None] * channels + np.arange(channels)).ravel()


def _neighbours(source: int, target: int, span: Span) -> tuple[Any, Any, Any]:
    """Two source neighbours and their weights, for each position on a resized axis.

    Beyond the outermost pixel both neighbours are that pixel; their weights are still rounded
    separately. OpenCV has special cases for the edges of rows and for halving, which give the same
    results: verified for every size up to 1200.

    Returns:
        First neighbours, second neighbours, and weights (2, positions) in units of 1 / 2¹¹.
    """
    scale = 1 / (target / source)  # rounded twice, as in OpenCV
    positions = ((np.arange(*span) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(positions)
    within = positions - first
    index = first.astype(np.int64)
    weights = np.rint(np.stack([1 - within, within]) * np.float32(1 << _BITS)).astype(np.int32)
    return index.clip(0, source - 1), (index + 1).clip(0, source - 1), weights
