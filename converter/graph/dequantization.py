"""The float network that a quantized graph stands for.

Weights become their integers times their scales, and values are no longer rounded: the network has
the layers of the original, with BatchNorm as a part of the convolutions where oneDNN fused it.

Int8 arrays of a file were written with a scale of 127 over the range. The weights that oneDNN
quantizes when it runs have a scale of 127.5, for each output channel if they are calibrated; they
are rounded here in the same way. Biases that are real numbers in the file stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..errors import GraphError
from ..sources.arrays import Array, Arrays
from .folding import folded
from .functions.quantized_arithmetic import WHOLE_LEVELS, ratio, saturate, weight_scales
from .symbols.attributes import Attributes
from .symbols.fusion import LAYERS, is_quantized, layer_of, unfused
from .symbols.symbol import FUSED, VARIABLE, Edge, Graph, Node

PREFIX = "quantized_"  # of the names of MXNet's quantized nodes
STORED = "_quantize"  # suffix of the names of int8 arrays
CALIBRATION = frozenset({"min_calib_range", "max_calib_range", "enable_float_output"})
CONVERSIONS = frozenset(
    f"_contrib_{name}" for name in ("quantize", "quantize_v2", "requantize", "dequantize")
)
EMBEDDING = "_contrib_quantized_embedding"
WITH_BIAS = frozenset({"_contrib_quantized_conv", "_contrib_quantized_fully_connected"})
INT8 = WITH_BIAS | {EMBEDDING}  # whose weights are int8 arrays
NORM = "BatchNorm"
# quantized operator -> the float one, and how many inputs come before the ends of the ranges;
# None: as many as num_args says
LAYERS_OF_INTEGERS: dict[str, tuple[str, int | None]] = {
    "_contrib_quantized_conv": ("Convolution", 3),
    "_contrib_quantized_fully_connected": ("FullyConnected", 3),
    EMBEDDING: ("Embedding", 2),
    "_contrib_quantized_batch_norm": (NORM, 5),
    "_contrib_quantized_pooling": ("Pooling", 1),
    "_contrib_quantized_flatten": ("Flatten", 1),
    "_contrib_quantized_act": ("Activation", 1),
    "_contrib_quantized_concat": ("Concat", None),
    "_contrib_quantized_elemwise_add": ("elemwise_add", 2),
    "_contrib_quantized_elemwise_mul": ("elemwise_mul", 2),
}


def dequantized(graph: Graph, arrays: Mapping[str, Array]) -> tuple[Graph, Arrays]:
    """Replace the quantized nodes of a graph by layers of real numbers.

    Args:
        graph: The graph.
        arrays: Its arrays by name.

    Returns:
        The graph, and its arrays: Those that were quantized are float64, in which the integers
        times their float32 scales are exact.

    Raises:
        GraphError: If nothing is quantized, or a node cannot be replaced.
    """
    graph = unfused(graph)
    if not any(is_quantized(node) for node in graph.nodes):
        raise GraphError(f"{graph.where}: is not quantized; convert it without `dequantize`")
    return _Dequantization(graph, arrays).result()


class _Dequantization:
    """The graph under construction."""

    def __init__(self, graph: Graph, arrays: Mapping[str, Array]) -> None:
        self._graph, self._given = graph, arrays
        self._nodes: list[Node] = []
        self._arrays: Arrays = {}
        self._kept: dict[int, int] = {}  # number of a node that is kept -> its new number
        self._replaced: dict[int, Edge] = {}  # … that is replaced -> the value that it stands for
        self._variables: dict[str, Edge] = {}

    def result(self) -> tuple[Graph, Arrays]:
        for number, node in enumerate(self._graph.nodes):
            if node.op in CONVERSIONS:
                self._replaced[number] = self._input(node, 0)
            elif node.op in LAYERS_OF_INTEGERS:
                self._replaced[number] = self._layer(node)
            elif node.op.startswith(FUSED):
                self._replaced[number] = self._fused(node)
            elif is_quantized(node):
                raise GraphError(f"{node}: cannot be replaced by a layer of real numbers")
            elif node.op != VARIABLE or node.name not in self._given:
                inputs = [self._value(edge) for edge in node.inputs]
                self._kept[number], _ = self._add(node, *inputs)
        heads = tuple(self._value(edge) for edge in self._graph.heads)
        return replace(self._graph, nodes=tuple(self._nodes), heads=heads), self._arrays

    def _add(self, node: Node, *inputs: Edge) -> Edge:
        self._nodes.append(replace(node, inputs=inputs))
        return len(self._nodes) - 1, 0

    def _value(self, edge: Edge) -> Edge:
        """The new value for one of the old graph."""
        number, output = edge
        source = self._graph.nodes[number]
        if number in self._kept:
            return self._kept[number], output
        if source.op == VARIABLE:
            return self._array(source.name, self._given[source.name])
        if output:
            raise GraphError(f"{source}: the range of its result is used as a value")
        return self._replaced[number]

    def _input(self, node: Node, index: int) -> Edge:
        if index >= len(node.inputs):
            raise GraphError(f"{node}: has {len(node.inputs)} inputs; expected more")
        return self._value(node.inputs[index])

    def _array(self, name: str, array: Array) -> Edge:
        """An array as a value; arrays that differ get different names."""
        unique, number = name, 1
        while unique in self._arrays and not np.array_equal(self._arrays[unique], array):
            unique, number = f"{name}_{number}", number + 1
        if unique not in self._arrays:
            self._arrays[unique] = array
            self._variables[unique] = self._add(Node(VARIABLE, unique, {}, ()))
        return self._variables[unique]

    def _source(self, node: Node, index: int) -> str:
        """The name of an input that is an array."""
        source = self._graph.nodes[node.inputs[index][0]] if index < len(node.inputs) else None
        if source is None or source.name not in self._given:
            raise GraphError(f"{node}: input {index} is not an array of the .params file")
        return source.name

    def _tensor(self, node: Node, index: int) -> Tensor:
        return torch.from_numpy(np.array(self._given[self._source(node, index)]))

    def _stored(self, node: Node, index: int, low: int) -> Edge:
        """An int8 array times its scale; `low` is the input that is the low end of its range."""
        ends = [self._tensor(node, low + place).float().abs() for place in range(2)]
        if any(end.numel() != 1 for end in ends):
            raise GraphError(f"{node}: the range of input {index} is not two numbers")
        step = ratio(torch.maximum(*(end.reshape(()) for end in ends)), WHOLE_LEVELS[torch.int8])
        values = self._tensor(node, index).double() * step.double()
        return self._array(self._source(node, index).removesuffix(STORED), values.numpy())

    def _layer(self, node: Node) -> Edge:
        """The layer of real numbers for one of integers."""
        op, taken = LAYERS_OF_INTEGERS[node.op]
        attributes = Attributes(node)
        if taken is None:
            taken = attributes.count("num_args")
        if node.op in WITH_BIAS and attributes.flag("no_bias", False):
            taken -= 1
        if taken > len(node.inputs):
            raise GraphError(f"{node}: has {len(node.inputs)} inputs; expected {taken} values")
        inputs = [self._value(edge) for edge in node.inputs[: 1 if node.op in INT8 else taken]]
        if node.op in INT8:  # the ends of the ranges follow: the data's, unless it has none
            first = taken if node.op == EMBEDDING else taken + 2
            inputs += [self._stored(node, i, first + 2 * (i - 1)) for i in range(1, taken)]
        kept = {key: text for key, text in node.attributes.items() if key not in CALIBRATION}
        return self._add(Node(op, node.name.removeprefix(PREFIX), kept, ()), *inputs)

    def _fused(self, node: Node) -> Edge:
        """The layers that a fused node contains, with BatchNorm as a part of the convolution."""
        if len(node.subgraphs) != 1 or layer_of(node) is node:
            raise GraphError(f"{node}: does not contain the layers that it replaces")
        graph, value = node.subgraphs[0], self._input(node, 0)
        places = [n for n, inner in enumerate(graph.nodes) if inner.op == VARIABLE]
        for inner in graph.nodes:
            if inner.op in LAYERS:
                norm = next((each for each in graph.nodes if each.op == NORM), None)
                value = self._weighted(node, inner, norm, value)
            elif inner.op not in (VARIABLE, NORM):
                others = [self._other(node, graph, places, edge) for edge in inner.inputs[1:]]
                value = self._add(inner, value, *others)
        return value

    def _other(self, node: Node, graph: Graph, places: list[int], edge: Edge) -> Edge:
        """The second value of a sum, which is an input of the fused node."""
        if edge[0] not in places or places.index(edge[0]) >= len(node.inputs):
            raise GraphError(f"{node}: its layers are not one after the other")
        return self._value(node.inputs[places.index(edge[0])])

    def _weighted(self, node: Node, inner: Node, norm: Node | None, data: Edge) -> Edge:
        """The convolution or fully connected layer of a fused node."""
        attributes, own = Attributes(node), Attributes(inner)
        has_bias = not own.flag("no_bias", False)
        by_channel = attributes.flag("channel_wise_quantize", False)
        if inner.op == "FullyConnected" and not by_channel:
            low = 5 if has_bias else 4
            inputs = [data, self._stored(node, 1, low)]
            inputs += [self._stored(node, 2, low + 2)] if has_bias else []
            return self._add(inner, *inputs)
        weight, name = self._tensor(node, 1).float(), inner.name.removesuffix("_fwd")
        if weight.dim() < 2 or not weight.numel():
            raise GraphError(f"{node}: weight has shape {tuple(weight.shape)}")
        bias = self._tensor(node, 2).float() if has_bias else None
        bias_name = self._source(node, 2) if has_bias else f"{name}_bias"
        if norm is not None:
            first = 3 if has_bias else 2
            arrays = [self._tensor(node, first + place).float() for place in range(4)]
            weight, bias = folded(Attributes(norm), weight, bias, arrays)
        calibrated = all(attributes.has(key) for key in ("min_calib_range", "max_calib_range"))
        values = rounded(weight, by_channel or calibrated)
        inputs = [data, self._array(self._source(node, 1), values.numpy())]
        if bias is not None:
            inputs.append(self._array(bias_name, bias.numpy()))
        kept = {**inner.attributes, "no_bias": str(bias is None)}
        return self._add(replace(inner, attributes=kept), *inputs)


def rounded(weight: Tensor, by_channel: bool) -> Tensor:
    """Weights as oneDNN rounds them: integers times their scales, in float64.

    Args:
        weight: Weights in float32, with the output channels first.
        by_channel: Whether each output channel has a scale of its own.
    """
    scales = weight_scales(weight, None, torch.ones(1), by_channel)
    shape = (-1, *(1,) * (weight.dim() - 1))
    integers = saturate(weight * scales.reshape(shape), torch.int8)
    steps = ratio(1.0, scales).reshape(shape)
    return integers.double() * steps.double()
