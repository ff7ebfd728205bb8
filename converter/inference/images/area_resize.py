"""OpenCV's resize by area of 8-bit images, bit for bit, in NumPy.

MXNet shrinks with OpenCV (`cv::resize` with INTER_AREA, modules/imgproc/src/resize.cpp): a pixel is
the mean of those it covers, weighted by the part of each that it covers, in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .linear_resize import Image, Size

_PART = 1e-3  # a smaller part of a pixel is ignored


def resize_area(image: Image, size: Size) -> Image:
    """Shrink an image (H, W, C) of 8 bits to a height and width, neither larger than its own.

    Raises:
        ValueError: A side would grow: OpenCV interpolates linearly there, in another way.
    """
    height, width = image.shape[:2]
    if size[0] > height or size[1] > width:
        raise ValueError(f"{size} is larger than the image, {(height, width)}")
    if size == (height, width):
        return image
    down, across = (_whole_ratio(*each) for each in zip((height, width), size, strict=True))
    if down and across:
        return _block_means(image, size, (down, across))
    # weights of a row are added one by one, in their order: float32 sums depend on it
    columns = _weighted_sum(image.transpose(1, 0, 2), size[1]).transpose(1, 0, 2)
    pixels: Image = np.rint(_weighted_sum(columns, size[0])).clip(0, 255).astype(np.uint8)
    return pixels


def _whole_ratio(source: int, target: int) -> int:
    """Return how many pixels one covers, or 0 if that is not a whole number."""
    scale = 1 / (target / source)  # rounded twice, as in OpenCV
    whole = round(scale)
    return whole if abs(scale - whole) < np.finfo(np.float64).eps else 0


def _block_means(image: Image, size: Size, block: Size) -> Image:
    blocks = image.reshape(size[0], block[0], size[1], block[1], image.shape[2])
    total = blocks.sum(axis=(1, 3), dtype=np.int32)
    if block == (2, 2):
        pixels: Image = ((total + 2) >> 2).astype(np.uint8)  # OpenCV rounds up here
        return pixels
    scale = np.float32(1 / (block[0] * block[1]))
    rounded: Image = np.rint(total.astype(np.float32) * scale).astype(np.uint8)
    return rounded


def _weighted_sum(lines: Any, target: int) -> Any:
    """Shrink the first axis in float32."""
    out = np.zeros((target, *lines.shape[1:]), np.float32)
    sources, weights = _covered(len(lines), target)
    for source, weight in zip(sources, weights, strict=True):
        out += lines[source].astype(np.float32) * weight[:, None, None]
    return out


def _covered(source: int, target: int) -> tuple[Any, Any]:
    """List what each position covers: indices and weights (most, target); unused weights are 0."""
    scale = 1 / (target / source)
    start = np.arange(target) * scale
    end = start + scale
    cell = np.minimum(scale, source - start)
    last = np.minimum(np.floor(end).astype(np.int64), source - 1)
    first = np.minimum(np.ceil(start).astype(np.int64), last)
    before, after = first - start, end - last
    whole = int((last - first).max())
    index, weights = [first - 1], [np.where(before > _PART, before / cell, 0)]
    for offset in range(whole):
        index.append(first + offset)
        weights.append(np.where(first + offset < last, 1 / cell, 0))
    index.append(last)
    part = np.minimum(np.minimum(after, 1), cell)
    weights.append(np.where(after > _PART, part / cell, 0))
    return np.stack(index).clip(0, source - 1), np.stack(weights).astype(np.float32)
