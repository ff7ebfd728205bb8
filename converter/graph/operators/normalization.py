"""Normalisations with parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from ..construction.builder import Values
from ..construction.call import Call
from ..layers.norms import (
    EPSILON,
    BatchNorm,
    BatchNormStatistics,
    FrozenBatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
)

# by the number of the input's dimensions
BATCH_NORMS: dict[int | None, Any] = {
    2: nn.BatchNorm1d,
    3: nn.BatchNorm1d,
    4: nn.BatchNorm2d,
    5: nn.BatchNorm3d,
}


def batch_norm(call: Call) -> fx.Node | Values:
    """BatchNorm; by default, `fix_gamma` is True and `eps` is 1e-3f.

    A fixed gamma is 1, whatever the file contains. torch's momentum is the weight of the new batch;
    MXNet's is that of the running statistics, a float32.
    """
    attributes, rank = call.attributes, call.rank(0)
    axis, statistics = _axis(call, 1), attributes.flag("output_mean_var", False)
    kind = BatchNorm if statistics else BATCH_NORMS.get(rank, BatchNorm)
    if attributes.flag("use_global_stats", False):
        kind = FrozenBatchNorm
    momentum = 1.0 - attributes.single("momentum", 0.9)
    gamma = call.array(1)
    with torch.device("meta"):
        layer = kind(gamma.numel(), eps=attributes.number("eps", EPSILON), momentum=momentum)
    call.fill(layer, bias=2, running_mean=3, running_var=4)
    if attributes.flag("fix_gamma", True):
        gamma = nn.Parameter(torch.ones_like(gamma), requires_grad=False)
    call.put(layer, "weight", gamma)
    layer.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))
    data = call.value(0)
    if axis != 1:
        data = call.function(torch.transpose, data, 1, axis, suffix="_channels_first")
    if statistics:
        normal, *others = _statistics(call, BatchNormStatistics(layer), data, rank, 1)
    else:
        normal, others = call.module(layer, data), []
    if axis != 1:
        normal = call.function(torch.transpose, normal, 1, axis, suffix="_channels_back")
    return (normal, *others) if others else normal


def batch_norm_with_relu(call: Call) -> fx.Node | Values:
    """BatchNorm and ReLU in one layer, which oneDNN's fusion makes of two."""
    result = batch_norm(call)
    normal, *others = result if isinstance(result, tuple) else (result,)
    positive = call.module(nn.ReLU(), normal, suffix="_relu")
    return (positive, *others) if others else positive


def instance_norm(call: Call) -> fx.Node:
    """InstanceNorm: mean and variance per channel and image; `eps` is 1e-3 by default."""
    eps = call.attributes.single("eps", 1e-3)
    with torch.device("meta"):
        layer = InstanceNorm(call.array(1).numel(), eps=eps, affine=True)
    return call.module(call.fill(layer, weight=1, bias=2), call.value(0))


def layer_norm(call: Call) -> fx.Node | Values:
    """LayerNorm over one axis, by default the last, which is the only one of torch's layer."""
    attributes, rank = call.attributes, call.rank(0)
    axis, statistics = _axis(call, -1), attributes.flag("output_mean_var", False)
    size, eps = call.array(1).numel(), attributes.single("eps", 1e-5)
    ours = statistics or axis not in (-1, (rank or 0) - 1)
    with torch.device("meta"):
        layer = LayerNorm(size, axis, eps, statistics) if ours else nn.LayerNorm(size, eps=eps)
    call.fill(layer, weight=1, bias=2)
    if statistics:
        return _statistics(call, layer, call.value(0), rank, rank)
    return call.module(layer, call.value(0))


def group_norm(call: Call) -> fx.Node | Values:
    """GroupNorm; in MXNet, gamma and beta have one value for each group."""
    attributes = call.attributes
    groups, statistics = (
        attributes.count("num_groups", 1),
        attributes.flag("output_mean_var", False),
    )
    if groups > 1 << 20:
        raise attributes.unsupported("num_groups")
    with torch.device("meta"):
        layer = GroupNorm(groups, attributes.single("eps", 1e-5), statistics)
    call.fill(layer, weight=1, bias=2)
    if statistics:
        return _statistics(call, layer, call.value(0), call.rank(0), 2)
    return call.module(layer, call.value(0))


def _axis(call: Call, default: int) -> int:
    """The attribute `axis`, within the input's dimensions where their number is known."""
    axis, rank = call.attributes.integer("axis", default), call.rank(0) or 32
    if not -rank <= axis < rank:
        raise call.attributes.unsupported("axis")
    return axis


def _statistics(
    call: Call, layer: nn.Module, data: fx.Node, rank: int | None, inner: int | None
) -> Values:
    """A layer that returns its result, means and deviations, which have `inner` dimensions."""
    results = call.module(layer, data)
    return call.parts(results, (rank, inner, inner), ("_output", "_mean", "_deviation"))


OPERATORS = {
    **dict.fromkeys(
        ("BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm", "_contrib_SyncBatchNorm"), batch_norm
    ),
    "_contrib_BatchNormWithReLU": batch_norm_with_relu,
    "InstanceNorm": instance_norm,
    "LayerNorm": layer_norm,
    "GroupNorm": group_norm,
}
