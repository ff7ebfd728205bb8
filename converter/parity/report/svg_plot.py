"""Layout of the SVG plot of a page: differences on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LOWEST, HIGHEST = -19, 1  # range of the vertical axis, in powers of ten
LEFT, RIGHT, TOP, BOTTOM = 56, 156, 12, 26  # margins, in SVG units; labels of lines are right
WIDTH, HEIGHT = 960, 320
LETTER, LINE = 7.0, 13  # width of a letter and height of a line of text
STEP = 18  # least distance of points that have names below the axis
SLOPE = 0.87  # sine of the angle of these names


@dataclass(frozen=True)
class Mark:
    """A point of one data type: its position, and the tooltip text."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """A horizontal line, and its label: a power of ten, a limit or the machine epsilon.

    Attributes:
        y: Where the line is.
        text: The label.
        label: Where the label is: beside the line, or a little off so that labels do not overlap.
    """

    y: float
    text: str
    label: float


@dataclass(frozen=True)
class Plot:
    """Everything that the template draws, in coordinates of a WIDTH × HEIGHT picture.

    Attributes:
        marks: Points, by data type.
        grid: Lines at powers of ten.
        lines: Lines at limits and machine epsilons, each with its data type.
        stages: Horizontal position where each stage of the network begins, and its name.
        names: Horizontal position, text and link of each name below the axis.
        width, height: Of the picture.
        left, right, top, bottom: Edges of the area with the points.
    """

    marks: dict[str, list[Mark]]
    grid: list[Line]
    lines: list[tuple[str, Line]]
    stages: list[tuple[float, str]]
    names: list[tuple[float, str, str]]
    width: int
    height: int
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def draw(
    names: Sequence[str],
    values: Mapping[str, Sequence[float]],
    lines: Mapping[str, Mapping[str, float]],
    links: Sequence[str] = (),
) -> Plot:
    """Compute the layout of a plot.

    Args:
        names: Names of the layers, in order.
        values: A difference for each layer, by data type; bit-for-bit equal layers (0) are drawn
            at the bottom.
        lines: Values of the horizontal lines `limit` and `epsilon`, by data type.
        links: A page for each layer; their names are written below the points then.
    """
    longest = max(map(len, names), default=0) if links else 0
    left = max(LEFT, math.ceil(LETTER * longest * math.sqrt(1 - SLOPE**2)))
    right = max(WIDTH - RIGHT, left + STEP * len(names)) if links else WIDTH - RIGHT
    height = HEIGHT + math.ceil(LETTER * longest * SLOPE)
    finite = [v for each in values.values() for v in each if 0 < v < math.inf]
    drawn = [v for each in lines.values() for v in each.values()] + finite
    low = max(LOWEST, math.floor(math.log10(min(drawn, default=1e-16))) - 1)
    high = min(HIGHEST, math.ceil(math.log10(max(drawn, default=1.0))) + 1)

    def y(value: float) -> float:
        power = math.log10(value) if 0 < value < math.inf else (high if value else low)
        share = (min(max(power, low), high) - low) / (high - low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def x(index: int) -> float:
        return round(left + (index + 0.5) / len(names) * (right - left), 1)

    marked = [
        (dtype, y(value), f"{dtype} {what} {value:.0e}")
        for dtype, each in lines.items()
        for what, value in each.items()
    ]
    labels = _apart([height for _, height, _ in marked])
    tops = [name.split(".")[0] for name in names]
    return Plot(
        marks={
            dtype: [
                Mark(x(index), y(value), f"{name}: {value:.1e} in {dtype}")
                for index, (name, value) in enumerate(zip(names, each, strict=True))
                if not math.isnan(value)  # NaN: not measured
            ]
            for dtype, each in values.items()
        },
        grid=[
            Line(y(10.0**power), f"1e{power}", y(10.0**power) + 4)
            for power in range(low, high + 1, 2)
        ],
        lines=[
            (dtype, Line(height, text, label + 4))
            for (dtype, height, text), label in zip(marked, labels, strict=True)
        ],
        stages=[
            (x(index), top)
            for index, top in enumerate(tops)
            if top.startswith("layer") and (index == 0 or tops[index - 1] != top)
        ],
        names=[
            (x(index), name, link)
            for index, (name, link) in enumerate(zip(names, links, strict=False))
        ],
        width=right + RIGHT,
        height=height,
        left=left,
        right=right,
    )


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights for labels at these heights, at least a line of text apart, in their order."""
    found = dict[int, float]()
    lowest = -math.inf
    for place in sorted(range(len(heights)), key=heights.__getitem__):
        lowest = found[place] = max(heights[place], lowest + LINE)
    return [found[place] for place in range(len(heights))]
