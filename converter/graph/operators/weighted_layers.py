"""Layers with weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from ..construction.call import Call
from ..functions.feature_maps import crop_transposed
from ..layers.reshaping import Flatten
from .layouts import is_channels_last, to_channels_first, to_channels_last

# by the number of the kernel's dimensions
CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
FUNCTIONS: dict[int, Any] = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}
TRANSPOSED_FUNCTIONS: dict[int, Any] = {
    1: torch.conv_transpose1d,
    2: torch.conv_transpose2d,
    3: torch.conv_transpose3d,
}


def convolution(call: Call) -> fx.Node:
    """Convolution; weights have shape (filters, channels / groups, *kernel), as in torch."""
    options = convolution_options(call)
    kernel, bias = options["kernel_size"], _has_bias(call, False)
    rank = len(kernel)
    if _is_computed(call, bias):
        return _computed_convolution(call, options, bias, FUNCTIONS[rank])
    weight = _weight(call, rank)
    filters = call.attributes.count("num_filter", weight.shape[0] if weight.dim() else None)
    if tuple(weight.shape[:1]) + tuple(weight.shape[2:]) != (filters, *kernel):
        raise call.error(
            f"weight has shape {tuple(weight.shape)}, expected ({filters}, …, {kernel})"
        )
    if filters % options["groups"]:
        raise call.error(f"{filters} filters are not divisible into {options['groups']} groups")
    channels = weight.shape[1] * options["groups"]
    with torch.device("meta"):
        layer = CONVOLUTIONS[rank](channels, filters, bias=bias, **options)
    return _layer_call(call, layer, weight, bias, rank)


def deconvolution(call: Call) -> fx.Node:
    """Transposed convolution; weights are (channels, filters / groups, *kernel), as in torch.

    With `target_shape`, padding and `adj` are ignored, and follow from the input's size.
    """
    options = convolution_options(call)
    kernel, bias = options["kernel_size"], _has_bias(call, True)
    rank, target = len(kernel), call.attributes.integers("target_shape", ())
    options["output_padding"] = call.attributes.integers("adj", ()) or (0,) * rank
    if any(target):
        if len(target) != rank or min(target) < 1:
            raise call.attributes.unsupported("target_shape")
        options |= {"padding": (0,) * rank, "output_padding": (0,) * rank}
    if _is_computed(call, bias):
        result = _computed_convolution(call, options, bias, TRANSPOSED_FUNCTIONS[rank])
    else:
        weight, filters = _weight(call, rank), call.attributes.count("num_filter")
        if filters % options["groups"] or (weight.shape[:1] or (1,))[0] % options["groups"]:
            raise call.error(
                f"{filters} filters and weight {tuple(weight.shape)} are not divisible into "
                f"{options['groups']} groups"
            )
        if tuple(weight.shape[1:]) != (filters // options["groups"], *kernel):
            raise call.error(
                f"weight has shape {tuple(weight.shape)}, expected (…, {filters}, {kernel})"
            )
        with torch.device("meta"):
            layer = TRANSPOSED[rank](weight.shape[0], filters, bias=bias, **options)
        result = _layer_call(call, layer, weight, bias, rank)
    if not any(target):
        return result
    last = is_channels_last(call, rank)
    return call.function(crop_transposed, result, target, last, suffix="_target")


def convolution_options(call: Call) -> dict[str, Any]:
    """The options of torch's convolutions: kernel_size, stride, padding, dilation and groups."""
    attributes = call.attributes
    kernel = attributes.integers("kernel")
    rank = len(kernel)
    if rank not in CONVOLUTIONS or not all(0 < size < 1 << 16 for size in kernel):
        raise attributes.unsupported("kernel")
    options: dict[str, Any] = {"kernel_size": kernel, "groups": attributes.count("num_group", 1)}
    for ours, name, default in (
        ("stride", "stride", 1),
        ("padding", "pad", 0),
        ("dilation", "dilate", 1),
    ):
        sizes = attributes.integers(name, ()) or (default,) * rank
        if len(sizes) != rank or not all(default <= size < 1 << 16 for size in sizes):
            raise attributes.unsupported(name)
        options[ours] = sizes
    return options


def _has_bias(call: Call, no_bias: bool) -> bool:
    return not call.attributes.flag("no_bias", no_bias)


def _is_computed(call: Call, bias: bool) -> bool:
    """Whether other nodes compute the weight or the bias."""
    return call.is_computed(1) or (bias and call.is_computed(2))


def _weight(call: Call, rank: int) -> torch.Tensor:
    """The array of weights; that of a layout with the channels last is permuted to torch's."""
    weight = call.array(1)
    if not is_channels_last(call, rank):
        return weight
    if weight.dim() != rank + 2:
        raise call.error(f"weight has {weight.dim()} dimensions, expected {rank + 2}")
    moved = weight.detach().movedim(-1, 1).contiguous()
    return nn.Parameter(moved, requires_grad=moved.is_floating_point())  # others are refused later


def _layer_call(
    call: Call, layer: nn.Module, weight: torch.Tensor, bias: bool, rank: int
) -> fx.Node:
    call.put(layer, "weight", weight)
    if bias:
        call.fill(layer, bias=2)
    last, data = is_channels_last(call, rank), call.value(0)
    if last:
        data = to_channels_first(call, data, rank)
    result = call.module(layer, data, rank=rank + 2)
    return to_channels_last(call, result, rank) if last else result


def _computed_convolution(
    call: Call, options: dict[str, Any], bias: bool, function: Any
) -> fx.Node:
    """A convolution whose weight is a value: SiamRPN correlates the maps of two images."""
    options = {name: value for name, value in options.items() if name != "kernel_size"}
    rank, data, weight = len(options["stride"]), call.value(0), call.value(1)
    last = is_channels_last(call, rank)
    if last:
        data, weight = (to_channels_first(call, each, rank) for each in (data, weight))
    if bias:
        options["bias"] = call.value(2)
    result = call.function(function, data, weight, rank=rank + 2, **options)
    return to_channels_last(call, result, rank) if last else result


def fully_connected(call: Call) -> fx.Node:
    """y = x Wᵀ + b; the input is flattened first unless `flatten` is False."""
    data, rank, bias = call.value(0), call.rank(0), _has_bias(call, False)
    flatten = call.attributes.flag("flatten", True)
    if flatten and (rank is None or rank == 1):
        data = call.module(Flatten(), data, rank=2, suffix="_flatten")
    elif flatten and rank != 2:
        data = call.function(torch.flatten, data, 1, rank=2, suffix="_flatten")
    rank = 2 if flatten else rank
    if _is_computed(call, bias):
        others = [call.value(index) for index in range(1, 2 + bias)]
        return call.function(nn.functional.linear, data, *others, rank=rank)
    weight = call.array(1)
    units = call.attributes.count("num_hidden", weight.shape[0] if weight.dim() else None)
    if weight.dim() != 2 or weight.shape[0] != units:
        raise call.error(f"weight has shape {tuple(weight.shape)}, expected ({units}, …)")
    with torch.device("meta"):
        layer = nn.Linear(weight.shape[1], units, bias=bias)
    call.fill(layer, weight=1, **({"bias": 2} if bias else {}))
    return call.module(layer, data, rank=rank)


OPERATORS = {
    **dict.fromkeys(("Convolution", "Convolution_v1"), convolution),
    "Deconvolution": deconvolution,
    "FullyConnected": fully_connected,
}
