"""Quantized operators: integers with the range of real numbers that they stand for.

They take and return a value and the two ends of its range; see quantized_arithmetic.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from ..construction.builder import Values
from ..construction.call import SAME, Call, Rank
from ..functions.quantized_arithmetic import DTYPES
from ..layers.norms import EPSILON
from ..layers.quantized_convolutions import QuantizedConvolution, Window
from ..layers.quantized_layers import (
    QuantizedAdd,
    QuantizedBatchNorm,
    QuantizedConcat,
    QuantizedEmbedding,
    QuantizedFlatten,
    QuantizedPool,
    QuantizedProduct,
    QuantizedReLU,
)
from ..layers.quantized_linear import QuantizedLinear
from ..layers.quantizers import Dequantize, Quantize, QuantizeByRange, Range, Requantize
from ..symbols.attributes import rounded_single
from .layouts import CHANNELS_FIRST, is_channels_last
from .pooling import pool_layer
from .weighted_layers import convolution_options


def calibrated_range(call: Call) -> Range | None:
    """The calibrated range, in float32; None if the node is not calibrated.

    Its ends are optional parameters, whose text MXNet rounds correctly, unlike that of others.
    """
    names = "min_calib_range", "max_calib_range"
    if not all(call.attributes.has(name) for name in names):
        return None
    try:
        low, high = (rounded_single(call.attributes.number(name)) for name in names)
    except OverflowError as error:
        raise call.error("its calibrated range is too large for float32") from error
    if low == high == 0:
        raise call.error("its calibrated range is empty; calibrate it with other data")
    return low, high


def results(call: Call, module: nn.Module, *values: fx.Node, rank: Rank = SAME) -> Values:
    """A module's result: the value and the ends of its range."""
    result = call.module(module, *values, rank=rank)
    return call.parts(result, (call.rank_of(result), 1, 1), ("_value", "_low", "_high"))


def range_end(call: Call, index: int) -> Tensor:
    """An end of an array's range, as a buffer."""
    end = call.array(index)
    if end.numel() != 1 or not end.is_floating_point():
        raise call.error(f"input {index} is not a number, the end of a range")
    return end.detach().float().reshape(1)


def integers(call: Call, index: int, rank: int) -> Tensor:
    """An int8 array with the given number of dimensions."""
    array = call.array(index)
    if array.dtype != torch.int8 or array.dim() != rank:
        kind = str(array.dtype).removeprefix("torch.")
        raise call.error(
            f"input {index} is {kind} {tuple(array.shape)}; expected int8 with {rank} dimensions"
        )
    return array


def quantize_v2(call: Call) -> Values:
    """Quantize by a calibrated range; `auto` is uint8 if the range has no negative numbers."""
    return results(call, Quantize(*_output(call)), call.value(0))


def requantize(call: Call) -> Values:
    """Int32 to int8 or uint8."""
    return results(call, Requantize(*_output(call)), *call.values())


def _output(call: Call) -> tuple[torch.dtype, Range | None]:
    range_ = calibrated_range(call)
    kind = call.attributes.choice("out_type", "int8", ["int8", "uint8", "auto"])
    if kind == "auto":
        kind = "uint8" if range_ is not None and range_[0] >= 0 else "int8"
    return DTYPES[kind], range_


def quantize(call: Call) -> Values:
    """Quantize by a range that is given as two inputs."""
    dtype = DTYPES[call.attributes.choice("out_type", "uint8", list(DTYPES))]
    return results(call, QuantizeByRange(dtype), *call.values())


def dequantize(call: Call) -> fx.Node:
    """Integers to real numbers."""
    call.attributes.choice("out_type", "float32", ["float32"])
    return call.module(Dequantize(), *call.values())


def activation(call: Call) -> Values:
    """ReLU, the only activation of integers that MXNet has."""
    call.attributes.choice("act_type", None, ["relu"])
    return results(call, QuantizedReLU(), *call.values())


def flatten(call: Call) -> Values:
    """Flatten (N, …) to (N, product of the rest)."""
    return results(call, QuantizedFlatten(), *call.values(), rank=2)


def pool(call: Call) -> Values:
    """Maximum or average pooling."""
    layer, rank = pool_layer(call, call.attributes.choice("pool_type", "max", ["max", "avg"]))
    if rank in CHANNELS_FIRST and is_channels_last(call, rank):
        raise call.attributes.unsupported("layout")
    return results(call, QuantizedPool(layer), *call.values(), rank=rank + 2 if rank else SAME)


def concat(call: Call) -> Values:
    """Concatenate along an axis, by default the second."""
    count = call.attributes.count("num_args")
    if len(call) != 3 * count:
        raise call.error(f"has {len(call)} inputs; expected {3 * count}")
    axis = call.attributes.integer("dim", 1)
    return results(call, QuantizedConcat(axis), *call.values())


def add(call: Call) -> Values:
    """The sum of two values of the same shape."""
    return results(call, QuantizedAdd(calibrated_range(call)), *call.values())


def multiply(call: Call) -> Values | fx.Node:
    """The product of two values of the same shape."""
    if call.attributes.flag("enable_float_output", False):
        return call.module(QuantizedProduct(None, True), *call.values())
    return results(call, QuantizedProduct(calibrated_range(call), False), *call.values())


def batch_norm(call: Call) -> Values:
    """BatchNorm with running statistics. MXNet uses gamma even where `fix_gamma` is set."""
    attributes, range_ = call.attributes, calibrated_range(call)
    if attributes.integer("axis", 1) != 1:
        raise attributes.unsupported("axis")
    if attributes.flag("output_mean_var", False):
        raise attributes.unsupported("output_mean_var")
    if range_ is None:
        raise call.error("is not calibrated; MXNet does not compute it either")
    arrays = call.array(1), call.array(2), call.array(3), call.array(4)
    if any(array.dim() != 1 or len(array) != len(arrays[0]) for array in arrays):
        raise call.error("its arrays do not have one number for each channel")
    layer = QuantizedBatchNorm(arrays, attributes.number("eps", EPSILON), range_)
    return results(call, layer, call.value(0), call.value(5), call.value(6))


def embedding(call: Call) -> Values:
    """Rows of an int8 table."""
    attributes, weight = call.attributes, integers(call, 1, 2)
    if tuple(weight.shape) != (attributes.count("input_dim"), attributes.count("output_dim")):
        raise call.error(f"weight has shape {tuple(weight.shape)}, not (input_dim, output_dim)")
    rank = call.rank(0)
    layer = QuantizedEmbedding(weight, range_end(call, 2), range_end(call, 3))
    return results(call, layer, call.value(0), rank=None if rank is None else rank + 1)


def convolution(call: Call) -> Values:
    """Convolution of uint8 values with int8 weights to int32."""
    window, kernel = window_of(call)
    if window.groups != 1:
        raise call.attributes.unsupported("num_group")
    weight = integers(call, 1, len(kernel) + 2)
    check_filters(call, call, weight, window)
    has_bias = not call.attributes.flag("no_bias", False)
    bias = integers(call, 2, 1) if has_bias else None
    at = 3 if has_bias else 2
    range_ = range_end(call, at + 2), range_end(call, at + 3)
    if has_bias:
        call.ignore(at + 4)
        call.ignore(at + 5)
    layer = QuantizedConvolution(weight, bias, window, range_)
    return results(
        call, layer, call.value(0), call.value(at), call.value(at + 1), rank=len(kernel) + 2
    )


def window_of(call: Call) -> tuple[Window, tuple[int, ...]]:
    """The geometry of a convolution, and its kernel's size."""
    options = convolution_options(call)
    kernel = options.pop("kernel_size")
    if is_channels_last(call, len(kernel)):
        raise call.attributes.unsupported("layout")
    return Window(**options), kernel


def check_filters(call: Call, layer: Call, weight: Tensor, window: Window) -> None:
    """Require that a convolution's weight has the shape that its attributes say."""
    kernel = layer.attributes.integers("kernel")
    filters = layer.attributes.count("num_filter")
    if (len(weight), *weight.shape[2:]) != (filters, *kernel) or filters % window.groups:
        raise call.error(
            f"weight has shape {tuple(weight.shape)}, expected ({filters}, …, {kernel}) "
            f"in {window.groups} groups"
        )


def fully_connected(call: Call) -> Values:
    """Fully connected layer of integers to int32."""
    has_bias = not call.attributes.flag("no_bias", False)
    weight = integers(call, 1, 2)
    if len(weight) != call.attributes.count("num_hidden"):
        raise call.error(f"weight has shape {tuple(weight.shape)}, not (num_hidden, …)")
    bias = integers(call, 2, 1) if has_bias else None
    at = 3 if has_bias else 2
    ranges = weight_ranges(call, at + 2, has_bias)
    flat = call.attributes.flag("flatten", True)
    layer = QuantizedLinear(weight, bias, ranges, flat)
    rank = 2 if flat else SAME
    return results(call, layer, call.value(0), call.value(at), call.value(at + 1), rank=rank)


def weight_ranges(call: Call, first: int, has_bias: bool) -> dict[str, Tensor]:
    """The ranges of a fully connected layer's arrays, whose ends are inputs from the first on."""
    names = ["weight_low", "weight_high", *(["bias_low", "bias_high"] if has_bias else [])]
    return {name: range_end(call, first + place) for place, name in enumerate(names)}


OPERATORS = {
    "_contrib_quantize_v2": quantize_v2,
    "_contrib_quantize": quantize,
    "_contrib_requantize": requantize,
    "_contrib_dequantize": dequantize,
    "_contrib_quantized_act": activation,
    "_contrib_quantized_flatten": flatten,
    "_contrib_quantized_pooling": pool,
    "_contrib_quantized_concat": concat,
    "_contrib_quantized_elemwise_add": add,
    "_contrib_quantized_elemwise_mul": multiply,
    "_contrib_quantized_batch_norm": batch_norm,
    "_contrib_quantized_embedding": embedding,
    "_contrib_quantized_conv": convolution,
    "_contrib_quantized_fully_connected": fully_connected,
}
