"""Pooling and resizing of feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import fx, nn

from ..construction.call import SAME, Call
from ..functions.feature_maps import root
from ..layers.resizing import BilinearResize, UpSamplings, bilinear_padding
from ..layers.window_pool import GlobalPool, LegacyPool, WindowPool
from .layouts import CHANNELS_FIRST, is_channels_last, to_channels_first, to_channels_last

MAX: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
AVERAGE: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
GLOBAL: dict[str, dict[int, Any]] = {
    "max": {1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d},
    "avg": {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d},
}


def pooling(call: Call) -> fx.Node:
    """Maximum, average, sum or lp pooling, which is the root of a sum of powers.

    The convention `full` rounds the number of windows up, as torch's `ceil_mode` does.
    """
    attributes = call.attributes
    kind = attributes.choice("pool_type", "max", ["max", "avg", "sum", "lp"])
    degree = int(attributes.choice("p_value", None, ["1", "2", "3"])) if kind == "lp" else 1
    kind = "sum" if kind == "lp" else kind
    layer, rank = pool_layer(call, kind)
    last, data = rank in CHANNELS_FIRST and is_channels_last(call, rank), call.value(0)
    if last:
        data = to_channels_first(call, data, rank)
    if degree > 1:
        data = call.function(torch.pow, data, degree, suffix="_powers")
    result = call.module(layer, data, rank=rank + 2 if rank else SAME)
    if degree > 1:
        result = call.function(root, result, degree, suffix="_root")
    return to_channels_last(call, result, rank) if last else result


def pool_layer(call: Call, kind: str) -> tuple[nn.Module, int]:
    """The layer of a pooling, and the number of the kernel's dimensions; 0 if it is unknown."""
    rank = len(call.attributes.integers("kernel", ()))
    if call.attributes.flag("global_pool", False):
        rank = rank or (call.rank(0) or 2) - 2
        return _global_pool(call, kind, rank), rank
    return _window_pool(call, kind, rank), rank


def _window_pool(call: Call, kind: str, rank: int) -> nn.Module:
    attributes = call.attributes
    kernel = attributes.integers("kernel", ())
    if rank not in CHANNELS_FIRST or not all(0 < size < 1 << 16 for size in kernel):
        raise attributes.unsupported("kernel")
    stride = attributes.integers("stride", ()) or (1,) * rank
    pad = attributes.integers("pad", ()) or (0,) * rank
    full = attributes.choice("pooling_convention", "valid", ["valid", "full"]) == "full"
    for name, values, least in (("stride", stride, 1), ("pad", pad, 0)):
        if len(values) != rank or not all(least <= value < 1 << 16 for value in values):
            raise attributes.unsupported(name)
    count_include_pad = attributes.flag("count_include_pad", True)
    sizes = zip(kernel, stride, pad, strict=True)
    if kind == "avg" and full and rank == 3 and any(_may_be_empty(*each) for each in sizes):
        raise call.error("MXNet's averages of windows without values differ by dtype")
    if call.node.op == "Pooling_v1":
        if rank != 2:
            raise attributes.unsupported("kernel")
        return LegacyPool(kind, kernel, stride, pad, full)
    if _only_ours(kind, kernel, stride, pad, full):
        return WindowPool(kind, kernel, stride, pad, full, count_include_pad)
    if kind == "max":
        return cast(nn.Module, MAX[rank](kernel, stride, pad, ceil_mode=full))
    options: dict[str, Any] = {"divisor_override": 1} if kind == "sum" else {}
    if kind == "avg":
        options["count_include_pad"] = count_include_pad
    return cast(nn.Module, AVERAGE[rank](kernel, stride, pad, ceil_mode=full, **options))


def _only_ours(
    kind: str, kernel: Sequence[int], stride: Sequence[int], pad: Sequence[int], full: bool
) -> bool:
    """Whether torch.nn has no layer that computes it."""
    sizes = list(zip(kernel, stride, pad, strict=True))
    return (
        any(2 * p > k for k, _, p in sizes)  # torch pads by at most half the kernel
        or (full and any(_may_be_empty(*each) for each in sizes))  # torch drops a window
        or (kind == "sum" and len(kernel) == 1)  # no divisor in one dimension
        or (kind != "max" and len(kernel) == 3 and any(pad))  # no kernel larger than the input
    )


def _may_be_empty(kernel: int, stride: int, pad: int) -> bool:
    """Whether a window can start behind the padded input, where the number is rounded up."""
    return stride + pad > kernel


def _global_pool(call: Call, kind: str, rank: int) -> nn.Module:
    """Pooling over all positions; stride and padding are ignored, and the kernel's sizes."""
    if not rank:  # unknown
        if call.attributes.has("layout"):
            call.attributes.choice("layout", None, list(CHANNELS_FIRST.values()))
        return GlobalPool(kind)
    if rank not in CHANNELS_FIRST:
        raise call.attributes.unsupported("kernel")
    return GlobalPool(kind) if kind == "sum" else cast(nn.Module, GLOBAL[kind][rank](1))


def adaptive_average_pooling(call: Call) -> fx.Node:
    """Adaptive average pooling to `output_size`, by default 1."""
    size = call.attributes.integers("output_size", ()) or (1,)
    size = size * 2 if len(size) == 1 else size
    if len(size) != 2 or not all(0 < each < 1 << 16 for each in size):
        raise call.attributes.unsupported("output_size")
    return call.module(nn.AdaptiveAvgPool2d(size), call.value(0), rank=4)


RESIZE_MODES = (
    "odd_scale",
    *(f"to_{each}_{way}" for each in ("even", "odd") for way in ("down", "up")),
)


def bilinear_resize(call: Call) -> fx.Node:
    """Bilinear resizing to a size, by scales, to another input's size, or to an even or odd size.

    `align_corners` is True by default.
    """
    attributes = call.attributes
    mode = attributes.choice("mode", "size", ["size", "like", *RESIZE_MODES])
    align = attributes.flag("align_corners", True)
    if mode in RESIZE_MODES:
        scales = (1.0, 1.0)
        if mode == "odd_scale":
            scales = attributes.single("scale_height"), attributes.single("scale_width")
        return call.module(BilinearResize(None, scales, align, mode), call.value(0), rank=4)
    if mode == "like":
        layer = BilinearResize(None, (1.0, 1.0), align)
        return call.module(layer, call.value(0), call.value(1), rank=4)
    size, scales = None, (1.0, 1.0)
    if attributes.has("scale_height"):
        scales = attributes.single("scale_height"), attributes.single("scale_width")
    else:
        size = attributes.count("height", 1), attributes.count("width", 1)
    return call.module(BilinearResize(size, scales, align), call.value(0), rank=4)


def up_sampling(call: Call) -> fx.Node:
    """Nearest-neighbour upsampling, or bilinear as a transposed convolution with weights."""
    attributes = call.attributes
    scale = attributes.count("scale")
    if attributes.choice("sample_type", None, ["nearest", "bilinear"]) == "bilinear":
        return _bilinear_up_sampling(call, scale)
    join = attributes.choice("multi_input_mode", "concat", ["concat", "sum"])
    if len(call) == 1:
        return call.module(nn.Upsample(scale_factor=scale), call.value(0), rank=4)
    return call.module(UpSamplings(scale, join), *call.values(), rank=4)


def _bilinear_up_sampling(call: Call, scale: int) -> fx.Node:
    weight, kernel = call.array(1), 2 * scale - scale % 2
    if weight.dim() != 4 or not weight.numel() or weight.shape[1:] != (1, kernel, kernel):
        raise call.error(
            f"weight has shape {tuple(weight.shape)}, expected (…, 1, {kernel}, {kernel})"
        )
    channels = weight.shape[0]
    with torch.device("meta"):
        layer = nn.ConvTranspose2d(
            channels,
            channels,
            kernel,
            scale,
            bilinear_padding(scale),
            groups=channels,
            bias=False,
        )
    return call.module(call.fill(layer, weight=1), call.value(0), rank=4)


OPERATORS = {
    **dict.fromkeys(("Pooling", "Pooling_v1"), pooling),
    "_contrib_AdaptiveAvgPooling2D": adaptive_average_pooling,
    "_contrib_BilinearResize2D": bilinear_resize,
    "UpSampling": up_sampling,
}
