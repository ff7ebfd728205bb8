"""Legends: colours and their names in rows, black on white."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...mappings.palettes import Colour
from ..images.image_file import require_pillow
from ..images.linear_resize import Image
from .canvas import BLACK, WHITE, text_font

Entry = tuple[str, Colour]
_LARGEST = 1 / 2  # height of a legend, as a part of the image's


def draw_legend(entries: Sequence[Entry], image: Image) -> Image:
    """Draw the legend of a picture, as wide as an image and at most half as high.

    What does not fit is counted at the end, as in "+ 3 more".

    Args:
        entries: Names and their colours, in the order of the legend.
        image: (H, W, 3), whose size decides the size of the letters.

    Returns:
        (legend's height, W, 3), 8-bit; without rows if there are no entries or no room.
    """
    pillow = require_pillow()
    from PIL import ImageDraw

    height, width = image.shape[:2]
    font = text_font(image)
    letters: int = sum(font.getmetrics())
    row_height = letters + max(4, letters // 3)
    rows = _rows(entries, font, width, letters, max(1, int(_LARGEST * height / row_height)))
    if not rows or row_height > height:
        return np.zeros((0, width, 3), np.uint8)
    gap = letters // 3
    canvas = pillow.new("RGB", (width, len(rows) * row_height + gap), WHITE)
    draw = ImageDraw.Draw(canvas)
    for number, row in enumerate(rows):
        top = number * row_height + gap
        for left, text, colour in row:
            if colour is not None:
                swatch = (left, top, left + letters - 1, top + letters - 1)
                draw.rectangle(swatch, fill=colour, outline=BLACK)
                left += letters + gap
            draw.text((left, top), text, fill=BLACK, font=font, anchor="la")
    return np.array(canvas)


def _rows(
    entries: Sequence[Entry], font: Any, width: int, letters: int, most: int
) -> list[list[tuple[int, str, Colour | None]]]:
    """Distribute entries to rows: the left edge, text and colour of each."""
    gap = letters // 3
    rows: list[list[tuple[int, str, Colour | None]]] = []
    left = width
    for number, (text, colour) in enumerate(entries):
        text = _fitting(text, font, width - letters - 3 * gap)
        needed = letters + gap + math.ceil(font.getlength(text))
        rest = f"+ {len(entries) - number} more"
        last = number == len(entries) - 1
        reserve = 0 if last or len(rows) < most else 3 * gap + math.ceil(font.getlength(rest))
        if left + needed + reserve + gap > width:
            if len(rows) == most:
                if left + math.ceil(font.getlength(rest)) + gap <= width:
                    rows[-1].append((left, rest, None))
                break
            rows.append([])
            left = gap
        if not text:
            return []
        rows[-1].append((left, text, colour))
        left += needed + 3 * gap
    return rows


def _fitting(text: str, font: Any, width: int) -> str:
    """Shorten a text to a width; empty if not even two letters fit."""
    if font.getlength(text) <= width:
        return text
    shortened = (f"{text[:length].rstrip()}…" for length in range(len(text) - 1, 1, -1))
    return next((each for each in shortened if font.getlength(each) <= width), "")
