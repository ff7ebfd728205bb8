"""The arithmetic of MXNet's quantized operators: scales in float32, sums of integers, rounding.

A quantized value is a tensor of int8, uint8 or int32 with the range (low, high) of real numbers
that it stands for; both ends are float32 tensors of one element. Measured on MXNet 1.9.1 with
oneDNN 2.4: everything that oneDNN rounds goes to the nearest integer, halves to the even one, and
saturates; what MXNet's own loops convert is truncated.
"""

from __future__ import annotations

import torch
from torch import Tensor

# MXNet divides these by the largest magnitude of a range to get a scale
LEVELS = {torch.int8: 127.5, torch.uint8: 255.5, torch.int32: 2147483648.0}
# … where the range is that of an int32 product, and in the operator `quantize`
WHOLE_LEVELS = {torch.int8: 127.0, torch.uint8: 255.0}
LARGEST_INT32 = 2147483648.0  # 2³¹ − 1, rounded to float32
DTYPES = {"int8": torch.int8, "uint8": torch.uint8}


def magnitude(low: Tensor, high: Tensor) -> Tensor:
    """The largest magnitude in a range."""
    return torch.maximum(low.float().abs(), high.float().abs())


def ratio(one: Tensor | float, other: Tensor | float) -> Tensor:
    """one / other with one rounding to float32; torch multiplies a number by the reciprocal."""
    one, other = (torch.as_tensor(each, dtype=torch.float32) for each in (one, other))
    return one / other


def scale(dtype: torch.dtype, low: Tensor, high: Tensor) -> Tensor:
    """Integers per unit of a real number, in float32."""
    return ratio(LEVELS[dtype], magnitude(low, high))


def saturate(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Round float32 values to the nearest integers, halves to even, and clip to an integer type."""
    limits = torch.iinfo(dtype)
    return values.double().round().clamp(limits.min, limits.max).to(dtype)


def truncate(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Drop the fraction of float32 values, and the high bits that the type does not have."""
    return values.to(torch.int32).to(dtype)


def add_scaled(values: Tensor, factor: Tensor, others: Tensor) -> Tensor:
    """values + factor · others with one rounding to float32, as a fused multiply-add."""
    return (values.double() + factor.double() * others.double()).float()


def product_range(
    one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """The range of int32 products of two values, of which the first counts as int8.

    MXNet passes a convolution's weights first, and the input of a fully connected layer. The
    order, and the other one's type with it, changes the rounding.
    """
    step = ratio(magnitude(*one), WHOLE_LEVELS[torch.int8])
    high = step * ratio(magnitude(*other), WHOLE_LEVELS[dtype]) * LARGEST_INT32
    return -high, high


def weight_scales(
    weight: Tensor, bias: Tensor | None, data_scale: Tensor, by_channel: bool
) -> Tensor:
    """Scales of float weights: one, or one for each output channel.

    A channel's scale is limited so that its bias in int32 is at most half of the largest integer.
    """
    if not by_channel:
        return scale(torch.int8, weight.amin(), weight.amax()).reshape(1)
    flat = weight.flatten(1)
    scales = scale(torch.int8, flat.amin(1), flat.amax(1))
    if bias is None:
        return scales
    largest = torch.where(bias > 0, LARGEST_INT32, -LARGEST_INT32).to(bias.dtype) / 2
    limit = largest / bias / data_scale
    return torch.where(bias == 0, scales, torch.minimum(scales, limit))


def per_channel(values: Tensor, rank: int) -> Tensor:
    """Values for each channel, in a shape that multiplies a tensor of (N, C, …)."""
    return values.reshape(1, -1, *(1,) * (rank - 2))
