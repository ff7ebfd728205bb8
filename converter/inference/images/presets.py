"""From an image of any size to the crop that a network sees.

Two ways are known. `gluon` is how GluonCV evaluates: OpenCV's linear resize, bit for bit. `timm` is
how timm evaluates the same weights: Pillow's bicubic, which smooths while it shrinks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...mappings.choices import PRESETS, check_choice
from .linear_resize import Image, Size, resize_linear

if TYPE_CHECKING:
    from ...mappings.catalog import Preprocessing


@dataclass(frozen=True)
class Crop:
    """The short side resized, the centre kept.

    Attributes:
        preset: one of PRESETS.
        short: pixels of the short side after resizing.
        size: height and width of the centre that is kept.
    """

    preset: str
    short: int
    size: Size

    def __call__(self, image: Image) -> Image:
        """Image (H, W, 3) → crop (*size, 3), both of 8-bit values."""
        height, width = image.shape[:2]
        long = self.short * max(height, width) // min(height, width)
        whole = (long, self.short) if height > width else (self.short, long)
        cut = _gluon if self.preset == "gluon" else _timm
        return cut(image, whole, self.size)


def make_crop(preprocessing: Preprocessing, preset: str = "gluon") -> Crop:
    """The crop of a network's images.

    Raises:
        ValueError: the preset is none of PRESETS.
    """
    check_choice("preset", preset, PRESETS)
    # GluonCV rounds up (scripts/classification/imagenet/verify_pretrained.py), timm down
    # (timm/data/transforms_factory.py)
    rounded = math.ceil if preset == "gluon" else math.floor
    short = rounded(max(preprocessing.input_size) / preprocessing.crop_pct)
    return Crop(preset, short, preprocessing.input_size)


def _gluon(image: Image, whole: Size, size: Size) -> Image:
    """As mxnet.gluon.data.vision.transforms' Resize(keep_ratio=True) and CenterCrop do.

    A centre larger than the image is the largest of its shape, and then resized.
    """
    height, width = map(float, size)
    if whole[0] < height:
        height, width = whole[0], width * whole[0] / height
    if whole[1] < width:
        height, width = height * whole[1] / width, whole[1]
    top, left = int((whole[0] - int(height)) / 2), int((whole[1] - int(width)) / 2)
    rows, columns = (top, top + int(height)), (left, left + int(width))
    centre = resize_linear(image, whole, rows, columns)
    return resize_linear(centre, size, (0, size[0]), (0, size[1]))


def _timm(image: Image, whole: Size, size: Size) -> Image:
    """As torchvision's Resize and CenterCrop do with an image of Pillow's.

    A centre larger than the image gets a black border.
    """
    import PIL.Image

    resized = PIL.Image.fromarray(image).resize(whole[::-1], PIL.Image.Resampling.BICUBIC)
    top, left = (_offset(*each) for each in zip(whole, size, strict=True))
    return np.asarray(resized.crop((left, top, left + size[1], top + size[0])))


def _offset(whole: int, part: int) -> int:
    return round((whole - part) / 2) if whole >= part else -((part - whole) // 2)
