"""Layers with weights, and dropout."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from ..call import Call

# by the number of the kernel's dimensions
LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def convolution(call: Call) -> fx.Node:
    """Convolution; weights have shape (filters, channels / groups, *kernel), as in torch."""
    options = _convolution_options(call)
    kernel, weight = options["kernel_size"], call.array(1)
    filters = call.attributes.count("num_filter", weight.shape[0] if weight.dim() else None)
    if tuple(weight.shape[:1]) + tuple(weight.shape[2:]) != (filters, *kernel):
        raise call.error(
            f"weight has shape {tuple(weight.shape)}, expected ({filters}, …, {kernel})"
        )
    if filters % options["groups"]:
        raise call.error(f"{filters} filters are not divisible into {options['groups']} groups")
    channels, bias = weight.shape[1] * options["groups"], _has_bias(call, False)
    with torch.device("meta"):
        layer = CONVOLUTIONS[len(kernel)](channels, filters, bias=bias, **options)
    call.fill(layer, weight=1, **({"bias": 2} if bias else {}))
    return call.module(layer, call.value(0), rank=len(kernel) + 2)


def deconvolution(call: Call) -> fx.Node:
    """Transposed convolution; weights are (channels, filters / groups, *kernel), as in torch."""
    options = _convolution_options(call)
    kernel, weight = options["kernel_size"], call.array(1)
    if any(call.attributes.integers("target_shape", ())):
        raise call.attributes.unsupported("target_shape")
    adjust = call.attributes.integers("adj", (0,) * len(kernel))
    filters = call.attributes.count("num_filter")
    if tuple(weight.shape[1:]) != (filters // options["groups"], *kernel):
        raise call.error(
            f"weight has shape {tuple(weight.shape)}, expected (…, {filters}, {kernel})"
        )
    bias = _has_bias(call, True)
    with torch.device("meta"):
        layer = TRANSPOSED[len(kernel)](
            weight.shape[0], filters, bias=bias, output_padding=adjust, **options
        )
    call.fill(layer, weight=1, **({"bias": 2} if bias else {}))
    return call.module(layer, call.value(0), rank=len(kernel) + 2)


def _convolution_options(call: Call) -> dict[str, Any]:
    attributes = call.attributes
    kernel = attributes.integers("kernel")
    rank = len(kernel)
    if rank not in LAYOUTS or not all(0 < size < 1 << 16 for size in kernel):
        raise attributes.unsupported("kernel")
    attributes.choice("layout", LAYOUTS[rank], [LAYOUTS[rank]])
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


def fully_connected(call: Call) -> fx.Node:
    """y = x Wᵀ + b; the input is flattened first unless `flatten` is False."""
    weight, data, rank = call.array(1), call.value(0), call.rank(0)
    bias = _has_bias(call, False)
    units = call.attributes.count("num_hidden", weight.shape[0] if weight.dim() else None)
    if weight.dim() != 2 or weight.shape[0] != units:
        raise call.error(f"weight has shape {tuple(weight.shape)}, expected ({units}, …)")
    with torch.device("meta"):
        layer = nn.Linear(weight.shape[1], units, bias=bias)
    call.fill(layer, weight=1, **({"bias": 2} if bias else {}))
    if call.attributes.flag("flatten", True):
        if rank != 2:
            data = call.function(torch.flatten, data, 1, rank=2, suffix="_flatten")
        rank = 2
    return call.module(layer, data, rank=rank)


def dropout(call: Call) -> fx.Node:
    """Dropout, the identity in eval mode.

    MXNet's `mode=always` drops values in eval mode, too, and is not supported.
    """
    call.attributes.choice("mode", "training", ["training"])
    if call.attributes.integers("axes", ()):
        raise call.attributes.unsupported("axes")
    rate = call.attributes.number("p", 0.5)
    if not 0 <= rate <= 1:
        raise call.attributes.unsupported("p")
    return call.module(nn.Dropout(rate), call.value(0))


OPERATORS = {
    "Convolution": convolution,
    "Deconvolution": deconvolution,
    "FullyConnected": fully_connected,
    "Dropout": dropout,
}
