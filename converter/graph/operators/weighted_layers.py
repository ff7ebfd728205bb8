"""Layers with weights, and dropout."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from ..call import Call
from ..modules import BatchNorm, FrozenBatchNorm, InstanceNorm

# by the number of the kernel's dimensions
LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
EPSILON = 1.0000000474974513e-3  # 1e-3 in float32, the default of a parameter that is a double
# by the number of the input's dimensions
BATCH_NORMS: dict[int | None, Any] = {
    2: nn.BatchNorm1d,
    3: nn.BatchNorm1d,
    4: nn.BatchNorm2d,
    5: nn.BatchNorm3d,
}
INSTANCE_NORMS: dict[int | None, Any] = {
    3: nn.InstanceNorm1d,
    4: nn.InstanceNorm2d,
    5: nn.InstanceNorm3d,
}


def convolution(call: Call) -> fx.Node:
    """Convolution; weights have shape (filters, channels / groups, *kernel), as in torch."""
    options = convolution_options(call)
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
    options = convolution_options(call)
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


def convolution_options(call: Call) -> dict[str, Any]:
    """The options of torch's convolutions: kernel_size, stride, padding, dilation and groups."""
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


def batch_norm(call: Call) -> fx.Node:
    """BatchNorm; by default, `fix_gamma` is True and `eps` is 1e-3f.

    A fixed gamma is 1, whatever the file contains. torch's momentum is the weight of the new batch;
    MXNet's is that of the running statistics.
    """
    attributes, rank = call.attributes, call.rank(0)
    if attributes.integer("axis", 1) != 1:
        raise attributes.unsupported("axis")
    if attributes.flag("output_mean_var", False):
        raise attributes.unsupported("output_mean_var")
    kind = BATCH_NORMS.get(rank, BatchNorm)
    if attributes.flag("use_global_stats", False):
        kind = FrozenBatchNorm
    momentum = 1.0 - attributes.number("momentum", 0.9)
    gamma = call.array(1)
    with torch.device("meta"):
        layer = kind(gamma.numel(), eps=attributes.number("eps", EPSILON), momentum=momentum)
    call.fill(layer, bias=2, running_mean=3, running_var=4)
    if attributes.flag("fix_gamma", True):
        gamma = nn.Parameter(torch.ones_like(gamma), requires_grad=False)
    call.put(layer, "weight", gamma)
    layer.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))
    return call.module(layer, call.value(0))


def instance_norm(call: Call) -> fx.Node:
    """InstanceNorm: mean and variance per channel and image; `eps` is 1e-3 by default."""
    kind, eps = INSTANCE_NORMS.get(call.rank(0), InstanceNorm), call.attributes.single("eps", 1e-3)
    with torch.device("meta"):
        layer = kind(call.array(1).numel(), eps=eps, affine=True)
    return call.module(call.fill(layer, weight=1, bias=2), call.value(0))


def layer_norm(call: Call) -> fx.Node:
    """LayerNorm over the last axis, the only single axis that torch's layer supports."""
    if call.attributes.integer("axis", -1) not in (-1, (call.rank(0) or 0) - 1):
        raise call.attributes.unsupported("axis")
    if call.attributes.flag("output_mean_var", False):
        raise call.attributes.unsupported("output_mean_var")
    with torch.device("meta"):
        layer = nn.LayerNorm(call.array(1).numel(), eps=call.attributes.single("eps", 1e-5))
    return call.module(call.fill(layer, weight=1, bias=2), call.value(0))


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
    "BatchNorm": batch_norm,
    "_contrib_SyncBatchNorm": batch_norm,
    "InstanceNorm": instance_norm,
    "LayerNorm": layer_norm,
    "Dropout": dropout,
}
