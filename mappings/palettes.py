"""Colours of classes and numbers in pictures, read from mappings/palettes/<name>.yaml."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from ..errors import TableError
from .schema import Row
from .yaml_table import read_row, read_table

Colour = tuple[int, int, int]
"""Red, green and blue of sRGB, 0 to 255."""


@dataclass(frozen=True)
class Palette:
    """Colours by the value of a pixel.

    Attributes:
        colours: The colour of each value, from 0; at most 256.
        first: The value of class 0; that of class k is `first` + k.
        background: The class that stands for everything else, if there is one.
    """

    colours: tuple[Colour, ...]
    first: int = 0
    background: int | None = None

    def colour(self, index: int) -> Colour:
        """Return the colour of a class; after the last colour they start again."""
        return self.colours[(self.first + index) % len(self.colours)]


class _Table(Row, frozen=True):
    colours: tuple[str, ...] = ()
    rule: Literal["voc"] | None = None
    first: int = 0
    background: int | None = None


@functools.cache
def load_palette(name: str) -> Palette:
    """Load the palette of a data set, `objects` (classes of detectors) or `magma` (numbers).

    Raises:
        TableError: There is no such palette.
    """
    where = f"mappings/palettes/{name}.yaml"
    table = read_row(read_table(f"palettes/{name}.yaml"), _Table, where)
    if table.rule is not None:
        return Palette(tuple(map(_voc_colour, range(256))), table.first, table.background)
    try:
        colours = tuple(_parsed(colour) for colour in table.colours)
    except ValueError as error:
        raise TableError(f"{where}: {error}") from error
    return Palette(colours, table.first, table.background)


def _voc_colour(value: int) -> Colour:
    """Compute a colour of Pascal VOC's annotations (VOCdevkit, VOClabelcolormap.m).

    Bits 0, 1 and 2 of the value are the highest bits of red, green and blue, bits 3, 4 and 5 the
    next ones, and so on.
    """
    red, green, blue = (
        sum((value >> (3 * place + channel) & 1) << (7 - place) for place in range(3))
        for channel in range(3)
    )
    return red, green, blue


def _parsed(colour: str) -> Colour:
    if len(colour) != 6:
        raise ValueError(f"{colour!r} is not a colour; six hexadecimal digits are expected")
    red, green, blue = bytes.fromhex(colour)
    return red, green, blue
