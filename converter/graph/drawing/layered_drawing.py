"""Coordinates of a drawing in layers: boxes from top to bottom, and the lines between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..symbols.graph_blocks import layers_of

BOX = (184.0, 40.0)  # width and height
GAP = (18.0, 46.0)  # between boxes, and between layers
THIN = 26.0  # width of a line that passes a layer
MARGIN = 8.0
SWEEPS = 4


@dataclass(frozen=True)
class Line:
    """A line from one box to another, through points from top to bottom."""

    source: int
    target: int
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """The line as an SVG path of smooth pieces."""
        (x, y), *others = self.points
        text = f"M{x:.0f} {y:.0f}"
        for after_x, after_y in others:
            middle = (y + after_y) / 2
            text += f" C{x:.0f} {middle:.0f} {after_x:.0f} {middle:.0f} {after_x:.0f} {after_y:.0f}"
            x, y = after_x, after_y
        return text


@dataclass(frozen=True)
class Drawing:
    """A drawing.

    Attributes:
        boxes: Left and top of each node's box.
        lines: The lines between boxes.
        width, height: Size of the drawing.
    """

    boxes: dict[int, tuple[float, float]]
    lines: tuple[Line, ...]
    width: float
    height: float


def draw_layers(nodes: Sequence[int], inputs: Mapping[int, Sequence[int]]) -> Drawing:
    """Lay out an acyclic graph.

    Lines that are longer than a layer get a place in each layer that they pass. The order in a
    layer follows the mean place of what is above and below.

    Args:
        nodes: Numbers of the nodes, in an order in which inputs come first.
        inputs: For each, the numbers that it is computed from.
    """
    found = layers_of(nodes, inputs)
    level = {number: place for place, layer in enumerate(found) for number in layer}
    layers: list[list[tuple[int, ...]]] = [[(number,) for number in layer] for layer in found]
    chains: list[list[tuple[int, ...]]] = []
    for number in nodes:
        for source in dict.fromkeys(inputs[number]):
            if source not in level:
                continue
            between = range(level[source] + 1, level[number])
            passed = [(source, number, place) for place in between]
            for each in passed:
                layers[each[2]].append(each)
            chains.append([(source,), *passed, (number,)])
    _order(layers, chains)
    return _coordinates(layers, chains)


def _order(layers: list[list[tuple[int, ...]]], chains: Sequence[list[tuple[int, ...]]]) -> None:
    """Sort each layer by the mean place of the neighbours above, and then below, several times."""
    above: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    below: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for chain in chains:
        for upper, lower in pairwise(chain):
            above.setdefault(lower, []).append(upper)
            below.setdefault(upper, []).append(lower)
    for sweep in range(SWEEPS):
        neighbours = below if sweep % 2 else above
        for layer in reversed(layers) if sweep % 2 else layers:
            _sort(layer, layers, neighbours)


def _sort(
    layer: list[tuple[int, ...]],
    layers: Sequence[Sequence[tuple[int, ...]]],
    neighbours: Mapping[tuple[int, ...], Sequence[tuple[int, ...]]],
) -> None:
    """Sort a layer by the mean place of what each part of it is connected to."""
    places = {
        each: place / max(len(other) - 1, 1) for other in layers for place, each in enumerate(other)
    }
    layer.sort(key=lambda each: _mean([places[n] for n in neighbours.get(each, [each])]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _coordinates(
    layers: Sequence[Sequence[tuple[int, ...]]], chains: Sequence[Sequence[tuple[int, ...]]]
) -> Drawing:
    (box_width, box_height), (gap, between) = BOX, GAP
    widths = [
        sum(box_width if len(each) == 1 else THIN for each in layer) + gap * (len(layer) - 1)
        for layer in layers
    ]
    whole = max(widths, default=0.0)
    centres: dict[tuple[int, ...], tuple[float, float]] = {}
    for place, (layer, width) in enumerate(zip(layers, widths, strict=True)):
        x, y = MARGIN + (whole - width) / 2, MARGIN + place * (box_height + between)
        for each in layer:
            own = box_width if len(each) == 1 else THIN
            centres[each] = (x + own / 2, y + box_height / 2)
            x += own + gap
    half = box_height / 2
    lines = []
    for chain in chains:
        (x, y), *passed, (end_x, end_y) = (centres[each] for each in chain)
        middle = [point for px, py in passed for point in ((px, py - half), (px, py + half))]
        points = ((x, y + half), *middle, (end_x, end_y - half))
        lines.append(Line(chain[0][0], chain[-1][0], points))
    boxes = {
        each[0]: (x - box_width / 2, y - half) for each, (x, y) in centres.items() if len(each) == 1
    }
    height = 2 * MARGIN + len(layers) * (box_height + between) - between
    return Drawing(boxes, tuple(lines), whole + 2 * MARGIN, height)
