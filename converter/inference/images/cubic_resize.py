"""OpenCV's cubic resize of images, bit for bit, in NumPy.

MXNet resizes with OpenCV (`cv::resize` with INTER_CUBIC, modules/imgproc/src/resize.cpp). Each axis
weights four neighbours. For 8-bit images the coefficients have 11 bits. The sums along the rows are
integers; those down the columns are float32 where OpenCV's vector code computes them, eight values
at a time, and integers in the rest of a row. Both are rounded, but not always to the same level.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .linear_resize import Image, Size

FloatImage = np.ndarray[Any, np.dtype[np.float32]]
_BITS = 11
_TAPS = 4
_LANES = 8
_SHARPNESS = np.float32(-0.75)  # OpenCV's parameter of the cubic kernel


def resize_cubic(image: Image, size: Size) -> Image:
    """Resize an image (H, W, C) of 8 bits to a height and width; shrinking does not smooth."""
    height, width, channels = image.shape
    if size == (height, width):
        return image
    rows, down = _neighbours(height, size[0])
    columns, across = _neighbours(width, size[1])
    down, across = (np.rint(each * (1 << _BITS)).astype(np.int32) for each in (down, across))
    band = np.zeros((height, size[1], channels), np.int32)
    for tap in range(_TAPS):
        band += image[:, columns[tap]] * across[tap][:, None]
    lines = [band.reshape(height, -1)[rows[tap]] for tap in range(_TAPS)]
    vector = size[1] * channels // _LANES * _LANES
    out = np.empty((size[0], size[1] * channels), np.uint8)
    out[:, :vector] = _float_sums([line[:, :vector] for line in lines], down)
    out[:, vector:] = _integer_sums([line[:, vector:] for line in lines], down)
    return out.reshape(*size, channels)


def resize_cubic_float(image: FloatImage, size: Size) -> FloatImage:
    """Resize an image (H, W, C) of float32; the values may exceed the image's range."""
    if size == image.shape[:2]:
        return image
    rows, down = _neighbours(image.shape[0], size[0])
    columns, across = _neighbours(image.shape[1], size[1])
    band = _sum_in_order([image[:, each] for each in columns], across[:, :, None])
    return _sum_in_order([band[each] for each in rows], down[:, :, None, None])


def _float_sums(lines: list[Any], weights: Any) -> Image:
    """Weight and add four lines in float32, in the order of OpenCV's vector code."""
    scaled = weights.astype(np.float32) / np.float32(1 << 2 * _BITS)
    total = _sum_in_order([line.astype(np.float32) for line in lines], scaled[:, :, None])
    pixels: Image = np.rint(total).clip(0, 255).astype(np.uint8)
    return pixels


def _sum_in_order(lines: list[FloatImage], weights: Any) -> FloatImage:
    total: FloatImage = lines[0] * weights[0]
    for line, weight in zip(lines[1:], weights[1:], strict=True):
        total += line * weight
    return total


def _integer_sums(lines: list[Any], weights: Any) -> Image:
    total = np.zeros(lines[0].shape, np.int64)
    for line, weight in zip(lines, weights, strict=True):
        total += line.astype(np.int64) * weight[:, None]
    rounded = (total + (1 << 2 * _BITS - 1)) >> 2 * _BITS
    pixels: Image = rounded.clip(0, 255).astype(np.uint8)
    return pixels


def _neighbours(source: int, target: int) -> tuple[Any, Any]:
    """Four source neighbours and their weights, for each position on a resized axis.

    Returns:
        Indices (4, target), the outermost pixels being repeated, and float32 weights.
    """
    scale = 1 / (target / source)  # rounded twice, as in OpenCV
    positions = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(positions)
    index = first.astype(np.int64) + np.arange(-1, 3)[:, None]
    return index.clip(0, source - 1), _kernel(positions - first)


def _kernel(within: Any) -> Any:
    """Weights (4, positions) of the neighbours, as `interpolateCubic` computes them in float32."""
    a, one = _SHARPNESS, np.float32(1)
    before, after = within + one, one - within
    outer = ((a * before - 5 * a) * before + 8 * a) * before - 4 * a
    inner = ((a + 2) * within - (a + 3)) * within * within + one
    next_ = ((a + 2) * after - (a + 3)) * after * after + one
    return np.stack([outer, inner, next_, one - outer - inner - next_])
