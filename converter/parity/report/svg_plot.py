"""The plot of a page: differences on a logarithmic scale, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LOWEST, HIGHEST = -19, 1  # powers of ten that the axis can reach
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 26  # margins, in the units of the picture
WIDTH, HEIGHT = 960, 320


@dataclass(frozen=True)
class Mark:
    """A point of one dtype: where it lies, and what is shown when it is pointed at."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """A line across the picture: a power of ten, a limit, machine epsilon; its text beside it."""

    y: float
    text: str
    shift: float = -4.0


@dataclass(frozen=True)
class Plot:
    """All that the template draws; the coordinates are those of a WIDTH × HEIGHT picture.

    Attributes:
        marks: by dtype.
        grid: powers of ten; `lines`: limits and epsilons, with their dtype.
        stages: where a stage of the network begins, and its name.
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
    """Lay a plot out.

    Args:
        names: of the layers, in order.
        values: by dtype, a difference for each layer; what is equal bit for bit lies on the floor.
        lines: by dtype, what to draw across: `limit` and `epsilon`.
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
                if not math.isnan(value)  # was not measured
            ]
            for dtype, each in values.items()
        },
        grid=[Line(y(10.0**power), f"1e{power}") for power in range(low, high + 1, 2)],
        lines=[
            # the points lie between the two: one text above its line, one below
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
