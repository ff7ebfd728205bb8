"""Evaluation crops of images of any size.

There are two presets. `gluon` is GluonCV's evaluation: OpenCV's linear resize, bit for bit. `timm`
is timm's evaluation of the same weights: Pillow's bicubic resize, which smooths as it shrinks.
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
    """Resize of the short side, then a centre crop.

    Attributes:
        preset: One of PRESETS.
        short: Length of the short side after resizing, in pixels.
        size: Height and width of the centre crop, in pixels.
    """

    preset: str
    short: int
    size: Size

    def __call__(self, image: Image) -> Image:
        """Crop an image (H, W, 3) to (*size, 3); both are 8-bit."""
        height, width = image.shape[:2]
        long = self.short * max(height, width) // min(height, width)
        whole = (long, self.short) if height > width else (self.short, long)
        cut = _gluon if self.preset == "gluon" else _timm
        return cut(image, whole, self.size)


def make_crop(preprocessing: Preprocessing, preset: str = "gluon") -> Crop:
    """Make the evaluation crop of a network's images.

    Raises:
        ValueError: The preset is not one of PRESETS.
    """
    check_choice("preset", preset, PRESETS)
    # GluonCV rounds up (scripts/classification/imagenet/verify_pretrained.py), timm down
    # (timm/data/transforms_factory.py)
    rounded = math.ceil if preset == "gluon" else math.floor
    short = rounded(max(preprocessing.input_size) / preprocessing.crop_pct)
    return Crop(preset, short, preprocessing.input_size)


def _gluon(image: Image, whole: Size, size: Size) -> Image:
    """Crop as Resize(keep_ratio=True) and CenterCrop of mxnet.gluon.data.vision.transforms do.

    Where the crop is larger than the image, the largest area of its shape is cropped and resized.
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
    """Crop as torchvision's Resize and CenterCrop do with a Pillow image.

    Where the crop is larger than the image, it gets a black border.
    """
    import PIL.Image

    resized = PIL.Image.fromarray(image).resize(whole[::-1], PIL.Image.Resampling.BICUBIC)
    top, left = (_offset(*each) for each in zip(whole, size, strict=True))
    return np.asarray(resized.crop((left, top, left + size[1], top + size[0])))


def _offset(whole: int, part: int) -> int:
    return round((whole - part) / 2) if whole >= part else -((part - whole) // 2)
