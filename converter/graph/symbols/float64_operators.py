"""Operators that MXNet computes in float32 alone, replaced by others that it computes in float64.

A comparison in float64 would show their rounding alone: MXNet resizes with positions in float32, so
that an output of 480 pixels is off by 7e-5 of its largest value.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...sources.arrays import Array, Arrays
from .symbol import VARIABLE

RESIZE = "_contrib_BilinearResize2D"
SLOPED = "LeakyReLU"
SOFTMAX, CROP = "SoftmaxActivation", "Crop"
# elu is computed in the data type; rrelu has a second output, which nothing here computes
_KINDS = frozenset({"leaky", "prelu", "selu", "gelu"})
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
Edge = tuple[int, int]  # a node, and the number of its output
Shape = tuple[int, ...]
Value = list[int]  # an edge as MXNet writes it


def slope_kind(attributes: Mapping[str, str]) -> str:
    """The kind of a LeakyReLU."""
    return attributes.get("act_type", "leaky")


@dataclass
class _NewNodes:
    """The nodes of the changed graph.

    Attributes:
        nodes: The nodes so far, as MXNet writes them.
        constants: Values of the variables that were added, by name.
        name: Beginning of the names of added nodes.
    """

    nodes: list[dict[str, Any]] = field(default_factory=list)
    constants: Arrays = field(default_factory=dict)
    name: str = ""

    def add(self, op: str, *inputs: Value, **attributes: object) -> Value:
        texts = {key: repr(value) for key, value in attributes.items()}
        name = f"{self.name} {len(self.nodes)}"
        self.nodes.append({"op": op, "name": name, "attrs": texts, "inputs": list(inputs)})
        return [len(self.nodes) - 1, 0, 0]

    def constant(self, array: Array) -> Value:
        value = self.add(VARIABLE)
        self.constants[self.nodes[-1]["name"]] = array
        return value


def is_replaced(op: str, attributes: Mapping[str, str]) -> bool:
    """Whether `with_float64_operators` replaces a node."""
    return op in (RESIZE, SOFTMAX, CROP) or (op == SLOPED and slope_kind(attributes) in _KINDS)


def with_float64_operators(text: str, shapes: Mapping[Edge, Shape]) -> tuple[str, Arrays]:
    """Replace the operators that MXNet computes in float32 alone by others with the same results.

    Args:
        text: The graph as MXNet writes it.
        shapes: The shape of every value in it.

    Returns:
        The changed graph, and float64 arrays by the names of variables that were added.
    """
    table = json.loads(text)
    new = _NewNodes()
    places: list[int] = []  # the new number of each node
    for number, node in enumerate(table["nodes"]):
        sources = [(edge[0], edge[1]) for edge in node["inputs"]]
        node["inputs"] = [[places[edge[0]], *edge[1:]] for edge in node["inputs"]]
        if is_replaced(node["op"], node.get("attrs", {})):
            new.name = node["name"]
            add = _REPLACEMENTS[node["op"]]
            add(new, node, [shapes[edge] for edge in (*sources, (number, 0))])
        else:
            new.nodes.append(node)
        places.append(len(new.nodes) - 1)
    table["heads"] = [[places[edge[0]], *edge[1:]] for edge in table["heads"]]
    table["arg_nodes"] = [n for n, node in enumerate(new.nodes) if node["op"] == VARIABLE]
    table["nodes"] = new.nodes
    del table["node_row_ptr"]
    return json.dumps(table), new.constants


def _resize(new: _NewNodes, node: dict[str, Any], shapes: list[Shape]) -> None:
    """Bilinear resizing: a product with a matrix along each of the two axes."""
    aligned = node.get("attrs", {}).get("align_corners", "True") in ("True", "1")
    value = node["inputs"][0]
    for before, after in zip(shapes[0][2:], shapes[-1][2:], strict=True):
        turned = new.add("transpose", value, axes=(0, 1, 3, 2))  # that axis comes last
        matrix = new.constant(bilinear_matrix(before, after, aligned))
        options = {"num_hidden": after, "no_bias": True, "flatten": False}
        value = new.add("FullyConnected", turned, matrix, **options)


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
    if resized == 1:  # the first pixel
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


def _leaky_relu(new: _NewNodes, node: dict[str, Any], shapes: list[Shape]) -> None:
    """The kinds of LeakyReLU; MXNet stores slopes as float32."""
    attributes, value = node.get("attrs", {}), node["inputs"][0]
    kind = slope_kind(attributes)
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
        slopes = new.add("Reshape", node["inputs"][1], shape=along[: len(shapes[0])])
        scaled = new.add("broadcast_mul", negative, slopes)
    else:
        slope = np.float32(attributes.get("slope", 0.25))
        scaled = new.add("_mul_scalar", negative, scalar=float(slope))
    new.add("elemwise_add", positive, scaled)


def _softmax(new: _NewNodes, node: dict[str, Any], shapes: list[Shape]) -> None:
    """Softmax over channels, or over the last axis, as MXNet's kernel for CPUs has it."""
    channels = node.get("attrs", {}).get("mode", "instance") == "channel"
    new.add("softmax", node["inputs"][0], axis=1 if channels else -1)


def _crop(new: _NewNodes, node: dict[str, Any], shapes: list[Shape]) -> None:
    """A part of images, from an offset or from their middle."""
    attributes, before, size = node.get("attrs", {}), shapes[0][2:], shapes[-1][2:]
    start = ast.literal_eval(attributes.get("offset", "(0, 0)"))
    if attributes.get("center_crop", "False") in ("True", "1"):
        start = [(whole - part) // 2 for whole, part in zip(before, size, strict=True)]
    end = (first + part for first, part in zip(start, size, strict=True))
    new.add("slice", node["inputs"][0], begin=(0, 0, *start), end=(None, None, *end))


_REPLACEMENTS = {CROP: _crop, RESIZE: _resize, SLOPED: _leaky_relu, SOFTMAX: _softmax}
