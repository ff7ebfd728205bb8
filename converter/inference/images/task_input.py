"""An image as the input of a detector or another network of GluonCV's zoo, and the way back.

Each function does what GluonCV's evaluation or demonstration does, as the rules of
mappings/preprocessing.py say. A program of a fixed size takes the image scaled into it.
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
        placement: maps the network's results to the image.
    """

    pixels: torch.Tensor
    placement: Placement


def prepare_image(
    image: Image, preprocessing: TaskPreprocessing, size: Size | None = None
) -> TaskInput:
    """Prepare an image for a network that takes one.

    Args:
        image: (H, W, 3), 8-bit RGB.
        preprocessing: that of the network (`ZooEntry.preprocessing`, or `demo`).
        size: height and width of the inputs that the program accepts; None if it accepts any.
            Where GluonCV's input has the shape of the image, it is scaled to fit, and the rest
            is filled as GluonCV fills batches.

    Raises:
        TypeError: the network takes persons or clips, or classifies images; see person_input.py,
            clip_input.py and presets.py.
    """
    rule = preprocessing.rule
    shape = (image.shape[0], image.shape[1])
    if isinstance(rule, Stretch):
        return _resized(image, size or rule.size, rule.interpolation, preprocessing)
    if isinstance(rule, Letterbox):
        return _letterbox(image, size or rule.size, preprocessing)
    if isinstance(rule, ShortSide):
        target = short_side_size(shape, rule)
        if size is not None:
            target = _fit(target, size)
        prepared = _resized(image, target, rule.interpolation, preprocessing)
        return prepared if size is None else _padded(prepared, size, (0.0, 0.0, 0.0))
    if isinstance(rule, KeepSize):
        target = shape if size is None else _fit(shape, size, enlarge=True)
        prepared = _resized(image, target, "linear", preprocessing)
        return prepared if size is None else _padded(prepared, size, _black(preprocessing))
    raise TypeError(f"{type(rule).__name__} does not take one image")


def short_side_size(shape: Size, rule: ShortSide) -> Size:
    """Return the height and width that GluonCV's `resize_short_within` gives an image."""
    shorter, longer = sorted(shape)
    scale = rule.short / shorter
    multiple = rule.multiple
    # round() and np.round both round halves to even numbers
    if round(scale * longer / multiple) * multiple > rule.max_size:
        scale = rule.max_size // multiple * multiple / longer
    height, width = (round(side * scale / multiple) * multiple for side in shape)
    return height, width


def _fit(shape: Size, size: Size, enlarge: bool = False) -> Size:
    """Scale a shape down to fit into a size, or up as well."""
    scale = min(size[0] / shape[0], size[1] / shape[1])
    if scale > 1 and not enlarge:
        scale = 1.0
    height, width = (max(1, round(side * scale)) for side in shape)
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


def _padded(prepared: TaskInput, size: Size, fill: tuple[float, ...]) -> TaskInput:
    """Extend an input to the right and below."""
    pixels = torch.tensor(fill)[None, :, None, None].repeat(1, 1, *size)
    height, width = prepared.pixels.shape[2:]
    pixels[:, :, :height, :width] = prepared.pixels
    return TaskInput(pixels, prepared.placement)


def _black(preprocessing: TaskPreprocessing) -> tuple[float, ...]:
    pairs = zip(preprocessing.mean, preprocessing.std, strict=True)
    return tuple(-mean / std for mean, std in pairs)


def as_input(pixels: Image | FloatImage, preprocessing: TaskPreprocessing) -> torch.Tensor:
    """Normalise pixels (H, W, 3) in 0 … 255 to a float32 batch of one, (1, 3, H, W)."""
    batch = torch.from_numpy(np.require(pixels, requirements=["C", "W"]))[None]
    return normalise(batch, preprocessing)
