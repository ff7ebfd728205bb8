"""Operators that MXNet computes in float32 alone, replaced by others that it computes in float64.

A comparison in float64 would show their rounding alone: MXNet resizes with positions in float32, so
that an output of 480 pixels is off by 7e-5 of its largest value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping

import numpy as np

from ...sources.arrays import Array, Arrays
from .attributes import Attributes
from .node_replacement import NewNodes, Row, Source, replace_nodes
from .symbol import VARIABLE, Edge, Graph, Node

RESIZE = "_contrib_BilinearResize2D"
SLOPED = "LeakyReLU"
SOFTMAX, CROP = "SoftmaxActivation", "Crop"
# elu is computed in the data type; rrelu, which has a second output, is compared in float32
_KINDS = frozenset({"leaky", "prelu", "selu", "gelu"})
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
Shape = tuple[int, ...]


def slope_kind(attributes: Mapping[str, str]) -> str:
    """The kind of a LeakyReLU."""
    return attributes.get("act_type", "leaky")


def is_replaced(op: str, attributes: Mapping[str, str]) -> bool:
    """Whether `with_float64_operators` replaces a node."""
    return op in (RESIZE, SOFTMAX, CROP) or (op == SLOPED and slope_kind(attributes) in _KINDS)


def replaced_operators(graph: Graph) -> list[str]:
    """The operators of a graph that `with_float64_operators` replaces."""
    return sorted({node.op for node in graph.nodes if is_replaced(node.op, node.attributes)})


def has_replaced(text: str) -> bool:
    """Whether `with_float64_operators` replaces a node of a graph as MXNet writes it."""
    nodes = json.loads(text)["nodes"]
    return any(is_replaced(node["op"], node.get("attrs", {})) for node in nodes)


def with_float64_operators(text: str, shapes: Mapping[Edge, Shape]) -> tuple[str, Arrays]:
    """Replace the operators that MXNet computes in float32 alone by others with the same results.

    Args:
        text: The graph as MXNet writes it.
        shapes: The shape of every value in it.

    Returns:
        The changed graph, and float64 arrays by the names of variables that were added.
    """
    sources = [[(edge[0], edge[1]) for edge in row["inputs"]] for row in json.loads(text)["nodes"]]
    constants: Arrays = {}

    def replace(new: NewNodes, row: Row, number: int) -> bool:
        given = row.get("attrs", {})
        if not is_replaced(row["op"], given):
            return False
        attributes = Attributes(Node(row["op"], row["name"], given, ()))
        known = [shapes[edge] for edge in (*sources[number], (number, 0))]
        constants.update(_REPLACEMENTS[row["op"]](new, attributes, row["inputs"], known) or {})
        return True

    return replace_nodes(text, replace), constants


def _resize(
    new: NewNodes, attributes: Attributes, inputs: list[Source], shapes: list[Shape]
) -> Arrays:
    """Bilinear resizing: a product with a matrix along each of the two axes."""
    aligned, value = attributes.flag("align_corners", True), inputs[0]
    matrices: Arrays = {}
    for before, after in zip(shapes[0][2:], shapes[-1][2:], strict=True):
        turned = new.add("transpose", value, axes=(0, 1, 3, 2))  # that axis comes last
        matrix = new.add(VARIABLE)
        matrices[new.rows[-1]["name"]] = bilinear_matrix(before, after, aligned)
        options = {"num_hidden": after, "no_bias": True, "flatten": False}
        value = new.add("FullyConnected", turned, matrix, **options)
    return matrices


def bilinear_matrix(size: int, resized: int, aligned: bool) -> Array:
    """The weights of the pixels of one axis in bilinear resizing.

    Args:
        size: Number of pixels.
        resized: Number of pixels after resizing.
        aligned: Whether the centres of the first and of the last pixel stay where they are, in
            place of the edges of the image.

    Returns:
        float64 of shape (resized, size), whose rows sum to 1.
    """
    places = np.arange(resized, dtype=np.float64)
    if resized < 2:  # the first pixel
        places *= 0
    elif aligned:
        places *= (size - 1) / (resized - 1)
    else:
        places = np.maximum((places + 0.5) * (size / resized) - 0.5, 0)
    before = np.minimum(places.astype(np.int64), size - 1)
    share = places - before
    matrix, rows = np.zeros((resized, size)), np.arange(resized)
    matrix[rows, before] = 1 - share
    matrix[rows, np.minimum(before + 1, size - 1)] += share
    return matrix


def _leaky_relu(
    new: NewNodes, attributes: Attributes, inputs: list[Source], shapes: list[Shape]
) -> None:
    """The kinds of LeakyReLU; MXNet stores slopes as float32."""
    value, kind = inputs[0], attributes.text("act_type", "leaky")
    if kind == "gelu":
        ratio = new.add("erf", new.add("_mul_scalar", value, scalar=math.sqrt(0.5)))
        share = new.add("_plus_scalar", new.add("_mul_scalar", ratio, scalar=0.5), scalar=0.5)
        new.add("elemwise_mul", value, share)
        return
    positive = new.add("relu", value)  # keeps NaN, unlike MXNet's maximum
    negative = new.add("negative", new.add("relu", new.add("negative", value)))
    if kind == "selu":
        exponential = new.add("expm1", negative)
        scaled = new.add("_mul_scalar", exponential, scalar=SELU_ALPHA)
        new.add("_mul_scalar", new.add("elemwise_add", positive, scaled), scalar=SELU_SCALE)
        return
    if kind == "prelu":
        along = (1, -1, *(1,) * (len(shapes[0]) - 2))
        slopes = new.add("Reshape", inputs[1], shape=along[: len(shapes[0])])
        scaled = new.add("broadcast_mul", negative, slopes)
    else:
        scaled = new.add("_mul_scalar", negative, scalar=attributes.single("slope", 0.25))
    new.add("elemwise_add", positive, scaled)


def _softmax(
    new: NewNodes, attributes: Attributes, inputs: list[Source], shapes: list[Shape]
) -> None:
    """Softmax over channels, or over the last axis, as MXNet's kernel for CPUs has it."""
    channels = attributes.text("mode", "instance") == "channel"
    new.add("softmax", inputs[0], axis=1 if channels else -1)


def _crop(new: NewNodes, attributes: Attributes, inputs: list[Source], shapes: list[Shape]) -> None:
    """A part of images, from an offset or from their middle."""
    before, size = shapes[0][2:], shapes[-1][2:]
    start = attributes.integers("offset", (0, 0))
    if attributes.flag("center_crop", False):
        start = tuple((whole - part) // 2 for whole, part in zip(before, size, strict=True))
    end = (first + part for first, part in zip(start, size, strict=True))
    new.add("slice", inputs[0], begin=(0, 0, *start), end=(None, None, *end))


_Replacement = Callable[[NewNodes, Attributes, list[Source], list[Shape]], Arrays | None]
_REPLACEMENTS: dict[str, _Replacement] = {
    CROP: _crop,
    RESIZE: _resize,
    SLOPED: _leaky_relu,
    SOFTMAX: _softmax,
}
