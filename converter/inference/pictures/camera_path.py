"""The path of a camera as a picture, seen from above."""

from __future__ import annotations

import math

import numpy as np

from ...mappings.palettes import load_palette
from ...sources.arrays import Array
from ..images.image_file import require_pillow
from ..images.linear_resize import Image
from .canvas import BLACK, WHITE, text_font

_SIDE, _MARGIN = 480, 48  # pixels
_GRID = (224, 224, 224)
_RADIUS = 6  # of the marks of the first and the last place, in pixels


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
    canvas = pillow.new("RGB", (_SIDE, _SIDE), WHITE)
    draw, font = ImageDraw.Draw(canvas), text_font(np.zeros((_SIDE, _SIDE, 3), np.uint8))
    middle = (points.min(0) + points.max(0)) / 2
    extent = max(float(np.ptp(points, axis=0).max()), 1e-6)
    scale = (_SIDE - 2 * _MARGIN) / extent
    step = _round_step(extent / 4)
    for axis in (0, 1):
        reach = _SIDE / 2 / scale
        first, last = ((middle[axis] + side * reach) / step for side in (-1, 1))
        for number in range(math.ceil(first), math.floor(last) + 1):
            place = _SIDE / 2 + (number * step - middle[axis]) * scale * (1 - 2 * axis)
            ends = [(place, 0), (place, _SIDE)] if axis == 0 else [(0, place), (_SIDE, place)]
            draw.line(ends, fill=_GRID)
    pixels = _SIDE / 2 + (points - middle) * scale * (1, -1)
    line = [(float(x), float(y)) for x, y in pixels]
    colours = load_palette("objects")
    draw.line(line, fill=colours.colour(4), width=3, joint="curve")
    for (x, y), colour in ((line[0], colours.colour(2)), (line[-1], colours.colour(5))):
        corners = (x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS)
        draw.ellipse(corners, fill=colour, outline=BLACK)
    text = (
        (colours.colour(2), "first frame"),
        (colours.colour(5), "last frame"),
        (WHITE, f"grid: {step:g}"),
    )
    for number, (colour, words) in enumerate(text):
        left, top = 8 + number * (_SIDE // 3), _SIDE - 20
        draw.rectangle((left, top - 2, left + _SIDE // 3 - 10, top + 16), fill=WHITE)
        if colour != WHITE:
            draw.ellipse((left, top + 2, left + 10, top + 12), fill=colour, outline=BLACK)
        draw.text((left + 16, top), words, fill=BLACK, font=font, anchor="la")
    return np.array(canvas)


def _round_step(about: float) -> float:
    """The number 1, 2 or 5 · 10ⁿ that is next below a length."""
    power = 10.0 ** math.floor(math.log10(about))
    return power * max(digit for digit in (1, 2, 5) if digit * power <= about * (1 + 1e-9))
