"""Tags: short texts on a filled rectangle, next to the boxes that they name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...mappings.palettes import Colour
from .canvas import legible_on

Pixels = tuple[int, int, int, int]
"""Left, top, right, bottom of a rectangle in an image, all included."""

_STEPS = 8  # between the positions that are tried along each side of a box
_ROWS_APART = 3  # rows of tags between a box and the farthest place for its own


@dataclass(frozen=True)
class Tag:
    """A text at its place.

    Attributes:
        text: What it says.
        colour: Of the rectangle; the text is black or white.
        place: The rectangle.
    """

    text: str
    colour: Colour
    place: Pixels


class TagPlacer:
    """Finds places for tags in an image, one after the other.

    Args:
        font: Pillow's font.
        width, height: Of the image, in pixels.
    """

    def __init__(self, font: Any, width: int, height: int) -> None:
        self.tags: list[Tag] = []
        self._font = font
        self._width, self._height = width, height
        self._layers = np.zeros((height, width), np.int32)  # of tags, at each pixel
        letters: int = sum(font.getmetrics())  # ascender and descender
        self._padding = max(2, letters // 6)
        self._line_height = letters + self._padding

    def add(self, label: str, score: float, colour: Colour, box: Pixels) -> None:
        """Place a tag at a box: above it if possible, otherwise where it covers other tags least.

        A label too long for the image is shortened; if not even the score fits, there is no tag.
        """
        text = next(filter(self._fits, _shortened(" ".join(label.split()), f"{score:.2f}")), None)
        if text is None:
            return
        places = list(self._places(box, self._text_width(text), self._line_height))
        free = (place for place in places if not self._covered(place))
        left, top, right, bottom = next(free, None) or min(places, key=self._covered)
        self._layers[top : bottom + 1, left : right + 1] += 1
        self.tags.append(Tag(text, colour, (left, top, right, bottom)))

    def draw(self, draw: Any) -> None:
        """Draw the tags with Pillow's ImageDraw, those placed first on top."""
        for tag in reversed(self.tags):
            left, top, *_ = tag.place
            letters = legible_on(tag.colour)
            draw.rectangle(tag.place, fill=tag.colour, outline=letters)
            start = (left + self._padding, top + self._padding // 2)
            draw.text(start, tag.text, fill=letters, font=self._font, anchor="la")

    def _covered(self, place: Pixels) -> int:
        """Pixels of other tags under a rectangle."""
        left, top, right, bottom = place
        return int(self._layers[top : bottom + 1, left : right + 1].sum())

    def _text_width(self, text: str) -> int:
        width: int = math.ceil(self._font.getlength(text)) + 2 * self._padding
        return width

    def _fits(self, text: str) -> bool:
        return self._line_height <= self._height and self._text_width(text) <= self._width

    def _places(self, box: Pixels, width: int, height: int) -> Iterator[Pixels]:
        """Rectangles of a size in the image, at a box, the best first."""
        for x, y in _positions(box, width, height):
            x = min(max(x, 0), self._width - width)
            y = min(max(y, 0), self._height - height)
            yield x, y, x + width - 1, y + height - 1


def _positions(box: Pixels, width: int, height: int) -> Iterator[tuple[int, int]]:
    """Left and top corners of rectangles at a box: flush with it, beyond it, inside, then apart."""
    left, top, right, bottom = box
    outside = (top - height, bottom + 1)
    for y in (outside[0], top, outside[1], bottom - height + 1):
        yield from ((x, y) for x in _spread(left, right - width + 1))
    for x in (right + 1, left - width):
        yield from ((x, y) for y in _spread(top, bottom - height + 1))
    for y in outside:
        yield from ((x, y) for x in _spread(left - width, right + 1))
    for x in (right + 1, left - width):
        yield from ((x, y) for y in _spread(top - height, bottom + 1))
    for y in _spread(top, bottom - height + 1):
        yield from ((x, y) for x in _spread(left, right - width + 1))
    for row in range(1, _ROWS_APART + 1):
        for y in (top - (row + 1) * height, bottom + 1 + row * height):
            yield from ((x, y) for x in _spread(left - width, right + 1))


def _spread(first: int, last: int) -> list[int]:
    return [first + step * (last - first) // _STEPS for step in range(_STEPS + 1)]


def _shortened(label: str, score: str) -> Iterator[str]:
    """The label and the score, then with ever fewer letters of the label, then the score alone."""
    yield f"{label} {score}"
    yield from (f"{label[:length].rstrip()}… {score}" for length in range(len(label) - 1, 0, -1))
    yield score
