"""The path of a camera as a picture, seen from above."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...mappings.palettes import Colour, load_palette
from ...sources.arrays import Array
from ..images.image_file import require_pillow
from ..images.linear_resize import Image
from .canvas import BLACK, WHITE, text_font

_SIDE, _MARGIN = 480, 48  # pixels
_GRID = (224, 224, 224)
_RADIUS = 6  # of the marks of the first and the last place, in pixels
_LEAST = 1e-6  # length that the picture shows, of a camera that does not move


def path_picture(places: Array) -> Image:
    """Draw a camera's path from above: what is ahead in the first frame is up.

    The lines of the grid are a round number apart, which is written below; the unit is that of the
    network's translations.

    Args:
        places: (frames, 3): to the right, down, forward.

    Returns:
        (480, 480, 3), 8-bit.
    """
    pillow = require_pillow()
    from PIL import ImageDraw

    points = np.asarray(places, np.float64)[:, [0, 2]]
    middle = (points.min(0) + points.max(0)) / 2
    extent = max(float(np.ptp(points, axis=0).max()), _LEAST)
    scale, step = (_SIDE - 2 * _MARGIN) / extent, _round_step(extent / 4)
    colours = load_palette("objects")
    line, first, last = (colours.colour(index) for index in (4, 2, 5))
    canvas = pillow.new("RGB", (_SIDE, _SIDE), WHITE)
    draw = ImageDraw.Draw(canvas)
    _draw_grid(draw, middle, scale, step)
    pixels = (_SIDE / 2 + (points - middle) * scale * (1, -1)).tolist()
    draw.line([(x, y) for x, y in pixels], fill=line, width=3, joint="curve")
    for (x, y), colour in ((pixels[0], first), (pixels[-1], last)):
        _draw_mark(draw, x, y, colour)
    _draw_legend(draw, first, last, f"grid: {step:g}")
    return np.array(canvas)


def _draw_grid(draw: Any, middle: Array, scale: float, step: float) -> None:
    """Draw lines through the multiples of a step; the middle of the path is that of the picture."""
    reach = _SIDE / 2 / scale
    for axis, sign in ((0, 1), (1, -1)):
        low, high = ((middle[axis] + side * reach) / step for side in (-1, 1))
        for number in range(math.ceil(low), math.floor(high) + 1):
            place = _SIDE / 2 + (number * step - middle[axis]) * scale * sign
            ends = [(place, 0), (place, _SIDE)] if axis == 0 else [(0, place), (_SIDE, place)]
            draw.line(ends, fill=_GRID)


def _draw_legend(draw: Any, first: Colour, last: Colour, grid: str) -> None:
    font = text_font(np.zeros((_SIDE, _SIDE, 3), np.uint8))
    middle = _SIDE - 12
    draw.rectangle((0, middle - 10, _SIDE, _SIDE), fill=WHITE)
    for left, colour, text in ((14, first, "first frame"), (174, last, "last frame")):
        _draw_mark(draw, left, middle, colour)
        draw.text((left + 12, middle), text, fill=BLACK, font=font, anchor="lm")
    draw.text((_SIDE - 8, middle), grid, fill=BLACK, font=font, anchor="rm")


def _draw_mark(draw: Any, x: float, y: float, colour: Colour) -> None:
    corners = (x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS)
    draw.ellipse(corners, fill=colour, outline=BLACK)


def _round_step(about: float) -> float:
    """The number 1, 2 or 5 · 10ⁿ that is next below a length."""
    power = 10.0 ** math.floor(math.log10(about))
    return power * max(digit for digit in (1, 2, 5) if digit * power <= about * (1 + 1e-9))
