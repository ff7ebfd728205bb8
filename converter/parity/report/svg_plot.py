"""Layout of the SVG plot of a page: differences on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LOWEST, HIGHEST = -19, 1  # range of the vertical axis, in powers of ten
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 26  # margins, in SVG units
WIDTH, HEIGHT = 960, 320


@dataclass(frozen=True)
class Mark:
    """A point of one data type: its position, and the tooltip text."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """A horizontal line with its label: a power of ten, a limit or the machine epsilon."""

    y: float
    text: str
    shift: float = -4.0


@dataclass(frozen=True)
class Plot:
    """Everything that the template draws, in coordinates of a WIDTH × HEIGHT picture.

    Attributes:
        marks: Points, by data type.
        grid: Lines at powers of ten.
        lines: Lines at limits and machine epsilons, each with its data type.
        stages: Horizontal position where each stage of the network begins, and its name.
    """

    marks: dict[str, list[Mark]]
    grid: list[Line]
    lines: list[tuple[str, Line]]
    stages: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def draw(
    names: Sequence[str],
    values: Mapping[str, Sequence[float]],
    lines: Mapping[str, Mapping[str, float]],
) -> Plot:
    """Compute the layout of a plot.

    Args:
        names: Names of the layers, in order.
        values: A difference for each layer, by data type; bit-for-bit equal layers (0) are drawn
            at the bottom.
        lines: Values of the horizontal lines `limit` and `epsilon`, by data type.
    """
    finite = [v for each in values.values() for v in each if 0 < v < math.inf]
    drawn = [v for each in lines.values() for v in each.values()] + finite
    low = max(LOWEST, math.floor(math.log10(min(drawn, default=1e-16))) - 1)
    high = min(HIGHEST, math.ceil(math.log10(max(drawn, default=1.0))) + 1)

    def y(value: float) -> float:
        power = math.log10(value) if 0 < value < math.inf else (high if value else low)
        share = (min(max(power, low), high) - low) / (high - low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def x(index: int) -> float:
        return round(LEFT + (index + 0.5) / len(names) * (WIDTH - LEFT - RIGHT), 1)

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
        grid=[Line(y(10.0**power), f"1e{power}") for power in range(low, high + 1, 2)],
        lines=[
            # points are between the two lines, so one label is above its line and one below
            (dtype, Line(y(value), f"{dtype} {what} {value:.0e}", -4 if what == "limit" else 12))
            for dtype, each in lines.items()
            for what, value in each.items()
        ],
        stages=[
            (x(index), top)
            for index, top in enumerate(tops)
            if top.startswith("layer") and (index == 0 or tops[index - 1] != top)
        ],
    )
