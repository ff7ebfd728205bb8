"""An image as the input of a detector or another network of GluonCV's zoo, and the way back.

Each function does what GluonCV's evaluation or demonstration does, as the rules of
mappings/preprocessing.py say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...mappings.preprocessing import KeepSize, Letterbox, ShortSide, Stretch
from .affine_warp import centring_matrix, warp_affine
from .cubic_resize import FloatImage
from .image_resize import resize
from .linear_resize import Image, Size
from .normalisation import normalise
from .placement import Placement

if TYPE_CHECKING:
    from ...mappings.preprocessing import Interpolation, TaskPreprocessing


@dataclass(frozen=True)
class TaskInput:
    """The input of a network, and where the image lies in it.

    Attributes:
        pixels: (1, 3, H, W), float32.
        placement: Maps the network's results to the image.
    """

    pixels: torch.Tensor
    placement: Placement


def prepare_image(image: Image, preprocessing: TaskPreprocessing, multiple: int = 1) -> TaskInput:
    """Prepare an image for a network that takes one.

    Args:
        image: (H, W, 3), 8-bit RGB.
        preprocessing: That of the network (`ZooEntry.preprocessing`, or `demo`).
        multiple: Where GluonCV's input has the shape of the image, it is extended to the right and
            below with black, as GluonCV extends images, to multiples of this number of pixels.

    Raises:
        TypeError: The network takes persons or clips, or classifies images; see person_input.py,
            clip_input.py and presets.py.
    """
    rule = preprocessing.rule
    shape = (image.shape[0], image.shape[1])
    if isinstance(rule, Stretch):
        return _resized(image, rule.size, rule.interpolation, preprocessing)
    if isinstance(rule, Letterbox):
        return _letterbox(image, rule.size, preprocessing)
    if isinstance(rule, ShortSide):
        return _resized(image, short_side_size(shape, rule), rule.interpolation, preprocessing)
    if isinstance(rule, KeepSize):
        below, right = (-side % multiple for side in shape)
        pixels = np.pad(image, [(0, below), (0, right), (0, 0)])
        return TaskInput(as_input(pixels, preprocessing), Placement(shape, (1.0, 1.0)))
    raise TypeError(f"{type(rule).__name__} does not take one image")


def short_side_size(shape: Size, rule: ShortSide) -> Size:
    """Return the height and width that GluonCV's `resize_short_within` gives an image."""
    shorter, longer = sorted(shape)
    scale = rule.short / shorter
    multiple = rule.multiple
    # round() and np.round both round halves to even numbers
    if round(scale * longer / multiple) * multiple > rule.max_size:
        scale = rule.max_size // multiple * multiple / longer
    # GluonCV gives the short side of a very long image no pixels
    height, width = (max(round(side * scale / multiple), 1) * multiple for side in shape)
    return height, width


def _resized(
    image: Image, size: Size, interpolation: Interpolation, preprocessing: TaskPreprocessing
) -> TaskInput:
    height, width = image.shape[:2]
    pixels = resize(image, size, interpolation)
    placement = Placement((height, width), (size[0] / height, size[1] / width))
    return TaskInput(as_input(pixels, preprocessing), placement)


def _letterbox(image: Image, size: Size, preprocessing: TaskPreprocessing) -> TaskInput:
    """Warp as CenterNet's evaluation does: scaled by the input's width, about the centre."""
    height, width = image.shape[:2]
    scale = size[1] / max(height, width)
    matrix = centring_matrix((width / 2, height / 2), max(height, width), size)
    pixels = warp_affine(image, matrix, size)
    offset = (size[0] / 2 - scale * height / 2, size[1] / 2 - scale * width / 2)
    placement = Placement((height, width), (scale, scale), offset)
    return TaskInput(as_input(pixels, preprocessing), placement)


def as_input(pixels: Image | FloatImage, preprocessing: TaskPreprocessing) -> torch.Tensor:
    """Normalise pixels (H, W, 3) in 0 … 255 to a float32 batch of one, (1, 3, H, W)."""
    batch = torch.from_numpy(np.require(pixels, requirements=["C", "W"]))[None]
    return normalise(batch, preprocessing)
