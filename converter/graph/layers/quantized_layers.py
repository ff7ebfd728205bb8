"""Layers of integers, for MXNet's quantized operators.

Values are passed as in quantizers.py. Weights are buffers, since nothing here has a gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functions.quantized_arithmetic import (
    LARGEST_INT32,
    LEVELS,
    add_scaled,
    magnitude,
    per_channel,
    product_range,
    ratio,
    saturate,
    scale,
    truncate,
)
from .quantizers import Quantized, Range, ends

UINT8_TO_INT8 = LEVELS[torch.int8] / LEVELS[torch.uint8]


class QuantizedReLU(nn.Module):
    """ReLU of quantized values; the range is kept.

    MXNet declares the result int8. The bytes of uint8 values are kept, so that 200 becomes −56.
    """

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Quantized:
        return input.clamp(min=0).view(torch.int8), low, high


class QuantizedFlatten(nn.Module):
    """Flatten (N, …) to (N, product of the rest); the range is kept."""

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Quantized:
        return input.flatten(1), low, high


class QuantizedPool(nn.Module):
    """Pooling of quantized values by a layer of torch.nn; the range is kept.

    oneDNN multiplies the sum of a window by the reciprocal of its size in float32.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Quantized:
        return saturate(self.layer(input.double()).float(), input.dtype), low, high


class QuantizedConcat(nn.Module):
    """Concatenation: all inputs are brought to the range that covers theirs.

    The result is int8 unless all inputs are uint8. The arguments are the inputs, then their ranges.
    """

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *inputs: Tensor) -> Quantized:
        count = len(inputs) // 3
        values, lows, highs = inputs[:count], inputs[count::2], inputs[count + 1 :: 2]
        low = torch.stack([end.float() for end in lows]).amin(0).clamp(max=0)
        high = torch.stack([end.float() for end in highs]).amax(0).clamp(min=0)
        dtype = torch.int8 if any(each.dtype == torch.int8 for each in values) else torch.uint8
        target = scale(dtype, low, high)
        parts = [
            saturate(each.float() * ratio(target, scale(each.dtype, one, other)), dtype)
            for each, one, other in zip(values, lows, highs, strict=True)
        ]
        return torch.cat(parts, self.axis), low, high

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


class QuantizedAdd(nn.Module):
    """The sum of two values: int8 or uint8 by a calibrated range, else int32.

    If only one of the inputs is uint8, MXNet first rescales it to int8, where it saturates. Without
    a calibrated range, its scale is that of int32, and the result is of no use; it is MXNet's.
    """

    def __init__(self, range_: Range | None) -> None:
        super().__init__()
        self.range = range_

    def forward(
        self, one: Tensor, other: Tensor, low: Tensor, high: Tensor, low2: Tensor, high2: Tensor
    ) -> Quantized:
        sizes = magnitude(low, high), magnitude(low2, high2)
        values, mixed = [one, other], one.dtype != other.dtype
        if self.range is None:
            dtype, total = torch.int32, sizes[0] + sizes[1]
            levels = [LEVELS[each.dtype] for each in values]
            factors = [
                ratio(size * LARGEST_INT32, total * level)
                for size, level in zip(sizes, levels, strict=True)
            ]
            bounds = -total, total
        else:
            both = one.dtype == torch.uint8 and not mixed
            dtype, bounds = torch.uint8 if both else torch.int8, ends(one, self.range)
            target = scale(dtype, *bounds)
            factors = [
                ratio(target, ratio(LEVELS[each.dtype], size))
                for each, size in zip(values, sizes, strict=True)
            ]
        if mixed:
            place = 0 if one.dtype == torch.uint8 else 1
            values[place] = saturate(values[place].float() * factors[place], torch.int8)
            factors[place] = torch.ones_like(factors[place])
        result = values[0].float() * factors[0] + values[1].float() * factors[1]
        return saturate(result, dtype), *bounds

    def extra_repr(self) -> str:
        return f"range={self.range}"


class QuantizedProduct(nn.Module):
    """The product of two int8 values: int8 by a calibrated range, else int32 or real numbers.

    MXNet truncates it to int8, and does not saturate: 130 becomes −126.
    """

    kind: Tensor

    def __init__(self, range_: Range | None, to_float: bool) -> None:
        super().__init__()
        self.range, self.to_float = range_, to_float
        self.register_buffer("kind", torch.zeros(()), persistent=False)

    def forward(
        self, one: Tensor, other: Tensor, low: Tensor, high: Tensor, low2: Tensor, high2: Tensor
    ) -> Quantized | Tensor:
        product = one.int() * other.int()
        scales = scale(torch.int8, low, high), scale(torch.int8, low2, high2)
        if self.to_float:
            step = (1.0 / scales[0].double() / scales[1].double()).float()
            return (product.float() * step).to(self.kind.dtype)
        if self.range is None:
            return product, *product_range((low, high), (low2, high2), torch.int8)
        bounds = ends(product, self.range)
        factor = scale(torch.int8, *bounds) / scales[0] / scales[1]
        return truncate(product.float() * factor, torch.int8), *bounds

    def extra_repr(self) -> str:
        return f"range={self.range}, to_float={self.to_float}"


class QuantizedBatchNorm(nn.Module):
    """BatchNorm of int8 or uint8 values to int8 of a calibrated range.

    gamma · (x − mean) / √(variance + eps) + beta is computed as one product and one sum per channel
    in float32; uint8 is first rescaled to int8.
    """

    factor: Tensor
    offset: Tensor

    def __init__(
        self, arrays: tuple[Tensor, Tensor, Tensor, Tensor], eps: float, range_: Range
    ) -> None:
        super().__init__()
        gamma, beta, mean, variance = (each.detach().float() for each in arrays)
        inverse = (1.0 / (variance.double() + eps).sqrt()).float()
        self.range, self.eps = range_, eps
        self.register_buffer("factor", gamma * inverse)
        self.register_buffer("offset", beta - mean * gamma * inverse)

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Quantized:
        bounds = ends(input, self.range)
        largest = magnitude(*bounds)
        if input.dtype == torch.uint8:
            input = saturate(input.float() * UINT8_TO_INT8, torch.int8)
        factor = self.factor.float() * magnitude(low, high) / largest
        factor = ratio(factor, (torch.ones_like(factor) + self.eps).sqrt())  # oneDNN adds eps again
        offset = self.offset.float() * LEVELS[torch.int8] / largest
        rank = input.dim()
        values = add_scaled(per_channel(offset, rank), per_channel(factor, rank), input)
        return saturate(values, torch.int8), *bounds

    def extra_repr(self) -> str:
        return f"eps={self.eps:.3g}, range={self.range}"


class QuantizedEmbedding(nn.Module):
    """Rows of an int8 table; numbers beyond its ends give its first or last row."""

    weight: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, weight: Tensor, low: Tensor, high: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, input: Tensor) -> Quantized:
        places = input.to(torch.int64).clamp(0, self.weight.shape[0] - 1)
        return self.weight[places], self.low.float(), self.high.float()
