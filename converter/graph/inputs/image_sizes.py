"""Graphs of segmentation networks for images of another size than the one they were traced with.

GluonCV's networks enlarge feature maps to fixed sizes: to that of the images, or a part of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from ..symbols.float64_operators import RESIZE
from ..symbols.symbol import Graph, Node

SIDES = "height", "width"
IMAGES = 4  # dimensions of a batch of images
Shapes = Mapping[str, tuple[int, ...]]


def _with_image_size(graph: Graph, traced: tuple[int, int], wanted: tuple[int, int]) -> Graph:
    """A graph whose feature maps are resized for another image size.

    A size s in a graph traced with images of size t becomes s · wanted // t, as GluonCV's
    constructors compute it from the height and width of the images.

    Args:
        graph: The graph, which is not changed.
        traced: Height and width of the images that it was traced with.
        wanted: Height and width of the images that it is to take.
    """

    def resized(node: Node) -> Node:
        if not _is_fixed(node):
            return node
        sizes = {
            side: str(int(node.attributes[side]) * new // old)
            for side, old, new in zip(SIDES, traced, wanted, strict=True)
        }
        return replace(node, attributes={**node.attributes, **sizes})

    if traced == wanted:
        return graph
    return replace(graph, nodes=tuple(map(resized, graph.nodes)))


def for_inputs(graph: Graph, traced: Shapes, wanted: Shapes) -> Graph:
    """A graph for other shapes of its inputs.

    Args:
        graph: The graph, which is not changed.
        traced: Shapes of the inputs that it was traced with.
        wanted: Shapes of the inputs that it is to take.
    """
    for name, shape in wanted.items():
        if len(shape) == len(traced.get(name, ())) == IMAGES:
            old, new = traced[name][2:], shape[2:]
            graph = _with_image_size(graph, (old[0], old[1]), (new[0], new[1]))
    return graph


def size_multiple(graph: Graph, traced: tuple[int, int]) -> int | None:
    """The number of pixels of which the sides of images must be multiples.

    Feature maps that are resized to a part of the image's size have that size without remainder.

    Args:
        graph: The graph.
        traced: Height and width of the images that it was traced with.

    Returns:
        The number; None if the graph has no fixed sizes.
    """
    parts = [
        max(whole // int(node.attributes[side]), 1)
        for node in graph.nodes
        if _is_fixed(node)
        for side, whole in zip(SIDES, traced, strict=True)
    ]
    return math.lcm(*parts) if parts else None


def has_fixed_sizes(graph: Graph) -> bool:
    """Whether the graph resizes feature maps to fixed sizes."""
    return any(map(_is_fixed, graph.nodes))


def _is_fixed(node: Node) -> bool:
    return node.op == RESIZE and all(side in node.attributes for side in SIDES)
