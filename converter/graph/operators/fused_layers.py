"""oneDNN's quantized convolutions and fully connected layers, with what is fused into them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, fx, nn

from ..construction.builder import Values
from ..construction.call import SAME, Call
from ..folding import folded
from ..layers.quantized_convolutions import FusedConvolution, Fusion
from ..layers.quantized_linear import Absolute, FusedLinear, FusedOutput
from ..symbols.symbol import VARIABLE
from .quantization import (
    calibrated_range,
    check_filters,
    integers,
    results,
    weight_ranges,
    window_of,
)

SUMS = frozenset({"elemwise_add", "broadcast_add"})
ACTIVATIONS = frozenset({"Activation", "LeakyReLU", "clip", "abs"})
# attributes of fused nodes; others are refused
_KNOWN = frozenset(
    {"quantized", "with_bn", "with_act", "with_sum", "with_postsum_act", "with_eltwise"}
    | {"with_relu", "min_calib_range", "max_calib_range", "enable_float_output"}
    | {"channel_wise_quantize"}
)


@dataclass(frozen=True)
class Parts:
    """The nodes that a fused node contains, as calls; None where it has none."""

    layer: Call
    norm: Call | None
    activation: Call | None
    has_sum: bool
    after_sum: Call | None


def fused_parts(call: Call, op: str) -> Parts:
    """The parts of a fused node: a layer, BatchNorm, an activation, a sum and an activation.

    Raises:
        GraphError: If it contains something else, or has attributes that are not known.
    """
    call.attributes.expect(_KNOWN)
    if len(call.node.subgraphs) != 1:
        raise call.error("does not contain the layers that it replaces; quantize it again")
    nodes = [node for node in call.node.subgraphs[0].nodes if node.op != VARIABLE]
    calls = [call.inner(node) for node in nodes]
    kinds = [node.op for node in nodes]
    layer = calls.pop(0) if kinds[:1] == [op] else None
    norm = calls.pop(0) if calls and calls[0].node.op == "BatchNorm" else None
    before = calls.pop(0) if calls and calls[0].node.op in ACTIVATIONS else None
    has_sum = bool(calls) and calls.pop(0).node.op in SUMS
    after = calls.pop(0) if has_sum and calls and calls[0].node.op in ACTIVATIONS else None
    if (
        layer is None
        or calls
        or len(kinds) != sum([1, norm is not None, before is not None, has_sum, after is not None])
    ):
        raise call.error(f"contains {', '.join(kinds)}, which is not supported in one node")
    return Parts(layer, norm, before, has_sum, after)


def activation_of(part: Call | None) -> nn.Module | None:
    """The activation of a fused node."""
    if part is None:
        return None
    attributes = part.attributes
    if part.node.op == "Activation":
        attributes.choice("act_type", None, ["relu"])
        return nn.ReLU()
    if part.node.op == "LeakyReLU":
        if attributes.choice("act_type", "leaky", ["leaky", "gelu"]) == "gelu":
            return nn.GELU()
        return nn.LeakyReLU(attributes.single("slope", 0.25))
    if part.node.op == "clip":
        if attributes.single("a_min") != 0:
            raise attributes.unsupported("a_min")
        return nn.Hardtanh(0.0, attributes.single("a_max"))
    return Absolute()


def fused_convolution(call: Call) -> Values:
    """A quantized convolution with BatchNorm, an activation and a sum.

    Measured on MXNet 1.9.1: it leaves out the activation `clip`, since the calibrated range
    cuts off the same values; and it applies GELU to the integers, which is refused.
    """
    parts = fused_parts(call, "Convolution")
    window, kernel = window_of(parts.layer)
    has_bias = not parts.layer.attributes.flag("no_bias", False)
    weight, bias = _floats(call, 1), _floats(call, 2) if has_bias else None
    if weight.dim() != len(kernel) + 2:
        raise call.error(f"weight has shape {tuple(weight.shape)}; the kernel is {kernel}")
    check_filters(call, parts.layer, weight, window)
    at = 3 if has_bias else 2
    if parts.norm is not None:
        weight, bias = folded(
            parts.norm.attributes, weight, bias, [_floats(call, at + i) for i in range(4)]
        )
        at += 4
    if bias is not None and tuple(bias.shape) != (len(weight),):
        raise call.error(f"bias has shape {tuple(bias.shape)}, expected ({len(weight)},)")
    activation = activation_of(parts.activation)
    after = activation_of(parts.after_sum)
    supported = [nn.ReLU] if parts.has_sum else [nn.ReLU, nn.LeakyReLU, nn.Hardtanh]
    if not (activation is None or type(activation) in supported) or not (
        after is None or isinstance(after, nn.ReLU)
    ):
        raise call.error("its activation is not supported in a quantized convolution")
    last = after if parts.has_sum else activation
    fusion = Fusion(parts.has_sum, after is not None, isinstance(last, nn.ReLU | nn.Hardtanh))
    if isinstance(activation, nn.Hardtanh):
        activation = None
    layer = FusedConvolution(weight, bias, window, fusion, activation, calibrated_range(call))
    values = [call.value(0), *(call.value(i) for i in range(at, len(call)))]
    if len(values) != (6 if parts.has_sum else 3):
        raise call.error(f"has {len(call)} inputs, which is not what its parts need")
    return results(call, layer, *values, rank=len(kernel) + 2)


def _floats(call: Call, index: int) -> Tensor:
    """An array of real numbers in float32, as a buffer."""
    array = call.array(index).detach()
    if not array.is_floating_point():
        raise call.error(f"input {index} is not an array of real numbers")
    return array.float()


def fused_fully_connected(call: Call) -> Values | fx.Node:
    """A quantized fully connected layer with an activation."""
    parts = fused_parts(call, "FullyConnected")
    if parts.norm is not None or parts.has_sum:
        raise call.error("a sum is not supported in a quantized fully connected layer")
    attributes = parts.layer.attributes
    has_bias = not attributes.flag("no_bias", False)
    by_channel = call.attributes.flag("channel_wise_quantize", False)
    at = 3 if has_bias else 2
    if by_channel:
        weight, bias, ranges = _floats(call, 1), _floats(call, 2) if has_bias else None, {}
    else:
        weight, bias = integers(call, 1, 2), integers(call, 2, 1) if has_bias else None
        ranges = weight_ranges(call, at + 2, has_bias)
    if weight.dim() != 2 or len(weight) != attributes.count("num_hidden"):
        raise call.error(f"weight has shape {tuple(weight.shape)}, not (num_hidden, …)")
    if bias is not None and tuple(bias.shape) != (len(weight),):
        raise call.error(f"bias has shape {tuple(bias.shape)}, expected ({len(weight)},)")
    activation, range_ = activation_of(parts.activation), calibrated_range(call)
    to_float, flat = (
        call.attributes.flag("enable_float_output", False),
        attributes.flag("flatten", True),
    )
    if by_channel and range_ is None and not to_float:
        raise call.error("is not calibrated; MXNet does not compute it with channels' scales")
    unsigned = activation is not None and not isinstance(activation, nn.GELU)
    output = FusedOutput(flat, to_float, None if to_float else range_, unsigned)
    layer = FusedLinear(weight, bias, ranges, activation, output)
    values = call.value(0), call.value(at), call.value(at + 1)
    rank = 2 if flat else SAME
    if to_float:
        return call.module(layer, *values, rank=rank)
    return results(call, layer, *values, rank=rank)


OPERATORS = {
    "_sg_mkldnn_conv": fused_convolution,
    "_sg_mkldnn_fully_connected": fused_fully_connected,
}
