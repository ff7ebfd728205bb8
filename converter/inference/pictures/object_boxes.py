"""Detected objects drawn on an image: boxes, names, and masks where there are some."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...mappings.palettes import Colour, load_palette
from ...sources.arrays import Array
from ..detected_objects import DetectedObject
from ..images.image_file import require_pillow
from ..images.linear_resize import Image
from ..images.placement import Box
from .canvas import blend, checked_image, legible_on, line_width, text_font
from .tags import Pixels, TagPlacer

if TYPE_CHECKING:
    from PIL import ImageDraw

_MASK_SHARE = 0.4  # of the colour in a mask; the rest is the image's


def draw_objects(image: Image, objects: Sequence[DetectedObject]) -> Image:
    """Draw boxes, masks and names of objects; those with the highest score are on top.

    A class has the same colour in all images (mappings/palettes/objects.yaml). Boxes are clipped
    to the image; a box outside it, without area or with NaN is left out.

    Args:
        image: (H, W, 3), 8-bit.
        objects: The objects, with boxes in pixels of the image.

    Returns:
        The picture, (H, W, 3), 8-bit.

    Raises:
        ValueError: The image is not as described, or a mask is not of its size.
        MissingDependencyError: Pillow is not installed.
    """
    pillow = require_pillow()
    from PIL import ImageDraw

    picture = checked_image(image)
    height, width = picture.shape[:2]
    thickness, palette = line_width(picture), load_palette("objects")
    ordered = sorted(objects, key=lambda each: -each.score)
    shown = [(each, box) for each in ordered if (box := _clipped(each.box, width, height))]
    for each, _ in reversed(shown):
        if each.mask is not None:
            _paint_mask(picture, each.mask, palette.colour(each.index), thickness)
    canvas = pillow.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for each, box in reversed(shown):
        _draw_box(draw, box, palette.colour(each.index), thickness)
    tags = TagPlacer(text_font(picture), width, height)
    for each, box in shown:
        tags.add(each.label, each.score, palette.colour(each.index), box)
    tags.draw(draw)
    return np.array(canvas)


def _clipped(box: Box, width: int, height: int) -> Pixels | None:
    """The pixels of a box that are in the image, or None if there are none."""
    left, top, right, bottom = box
    if not (left < right and top < bottom):
        return None
    if right <= -0.5 or bottom <= -0.5 or left >= width - 0.5 or top >= height - 0.5:
        return None
    left, right = (math.floor(min(max(x, 0), width - 1) + 0.5) for x in (left, right))
    top, bottom = (math.floor(min(max(y, 0), height - 1) + 0.5) for y in (top, bottom))
    return left, top, right, bottom


def _draw_box(draw: ImageDraw.ImageDraw, box: Pixels, colour: Colour, thickness: int) -> None:
    """Draw a rectangle between two thin ones of black or white, seen on any background."""
    left, top, right, bottom = box
    thickness = max(1, min(thickness, (right - left) // 4, (bottom - top) // 4))
    border = max(1, thickness // 3)
    outer = (left - border, top - border, right + border, bottom + border)
    draw.rectangle(outer, outline=legible_on(colour), width=thickness + 2 * border)
    draw.rectangle(box, outline=colour, width=thickness)


def _paint_mask(picture: Image, mask: Array, colour: Colour, thickness: int) -> None:
    """Mix a colour into a mask's pixels of a picture, in place, and draw the mask's edge."""
    if mask.shape != picture.shape[:2]:
        raise ValueError(f"a mask of shape {mask.shape} for an image of {picture.shape[:2]}")
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not len(rows):
        return
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    part, mask = picture[window], mask[window] > 0
    part[mask] = blend(part[mask], colour, _MASK_SHARE)
    part[mask & ~_eroded(mask, thickness)] = colour


def _eroded(mask: Array, times: int) -> Array:
    """Remove pixels that have a neighbour outside the mask, and those at the edge of the array."""
    for _ in range(times):
        padded = np.pad(mask, 1)
        mask = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:] & mask
    return mask
