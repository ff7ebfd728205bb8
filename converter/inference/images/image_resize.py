"""Resizing of 8-bit images by MXNet's interpolation methods, and Pillow's Lanczos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .area_resize import resize_area
from .cubic_resize import resize_cubic
from .image_file import require_pillow
from .linear_resize import Image, Size, resize_linear

if TYPE_CHECKING:
    from ...mappings.preprocessing import Interpolation


def resize(image: Image, size: Size, interpolation: Interpolation) -> Image:
    """Resize an image (H, W, 3) of 8 bits.

    The results of all methods but `lanczos` are those of `mxnet.image.imresize`, bit for bit.

    Args:
        image: The pixels.
        size: Height and width of the result, in pixels.
        interpolation: The method; `auto` is chosen as MXNet's method 9 is.
    """
    method = choose_method(image.shape[:2], size) if interpolation == "auto" else interpolation
    if method == "linear":
        return resize_linear(image, size, (0, size[0]), (0, size[1]))
    if method == "cubic":
        return resize_cubic(image, size)
    if method == "area":
        return resize_area(image, size)
    pillow = require_pillow()
    picture = pillow.fromarray(image).resize(size[::-1], pillow.Resampling.LANCZOS)
    return np.asarray(picture)


def choose_method(source: tuple[int, ...], target: Size) -> Interpolation:
    """Return `cubic` if both sides grow, `area` if both shrink, otherwise `linear`."""
    if target[0] > source[0] and target[1] > source[1]:
        return "cubic"
    if target[0] < source[0] and target[1] < source[1]:
        return "area"
    return "linear"
