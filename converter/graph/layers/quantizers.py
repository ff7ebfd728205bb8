"""Conversions between real numbers and the integers of MXNet's quantized operators.

Values are passed as in MXNet: integers, followed by the low and the high end of the range of real
numbers that they stand for. The results do not depend on the dtype to which a module is converted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functions.quantized_arithmetic import (
    LARGEST_INT32,
    LEVELS,
    WHOLE_LEVELS,
    magnitude,
    ratio,
    saturate,
    scale,
)

Quantized = tuple[Tensor, Tensor, Tensor]
Range = tuple[float, float]


def ends(values: Tensor, range_: Range) -> tuple[Tensor, Tensor]:
    """A constant range as tensors of one element, on a tensor's device."""
    low, high = (torch.full((1,), end, device=values.device) for end in range_)
    return low, high


class Quantize(nn.Module):
    """Real numbers to int8 or uint8, by a calibrated range or that of the data."""

    def __init__(self, dtype: torch.dtype, range_: Range | None) -> None:
        super().__init__()
        self.dtype, self.range = dtype, range_

    def forward(self, input: Tensor) -> Quantized:
        values = input.float()
        if self.range is None:
            low, high = values.amin().reshape(1), values.amax().reshape(1)
        else:
            low, high = ends(values, self.range)
        integers = saturate(values * scale(self.dtype, low, high), self.dtype)
        if self.dtype == torch.uint8:
            return integers, low, high
        return integers, -magnitude(low, high), magnitude(low, high)

    def extra_repr(self) -> str:
        return f"{self.dtype}, range={self.range}"


class QuantizeByRange(nn.Module):
    """Real numbers to int8 or uint8, by a range that is an input: the operator `quantize`."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Quantized:
        largest = magnitude(low, high)
        integers = saturate(input.float() * ratio(WHOLE_LEVELS[self.dtype], largest), self.dtype)
        if self.dtype == torch.uint8:
            return integers, low.float(), high.float()
        return integers, -largest, largest

    def extra_repr(self) -> str:
        return f"{self.dtype}"


class Requantize(nn.Module):
    """Int32 to int8 or uint8, by a calibrated range or that of the data."""

    def __init__(self, dtype: torch.dtype, range_: Range | None) -> None:
        super().__init__()
        self.dtype, self.range = dtype, range_

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Quantized:
        source = magnitude(low, high)
        if self.range is None:
            largest = input.abs().amax().float().reshape(1) * source / LARGEST_INT32
        else:
            largest = magnitude(*ends(input, self.range))
        factor = ratio(source, LARGEST_INT32) * ratio(WHOLE_LEVELS[self.dtype], largest)
        integers = saturate(input.float() * factor, self.dtype)
        if self.dtype == torch.uint8:
            return integers, torch.zeros_like(largest), largest
        return integers, -largest, largest

    def extra_repr(self) -> str:
        return f"{self.dtype}, range={self.range}"


class Dequantize(nn.Module):
    """Int8 or uint8 to real numbers, computed in float32.

    The result has the dtype of the layers after it, which is that of the buffer `kind`.
    """

    kind: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kind", torch.zeros(()), persistent=False)

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Tensor:
        step = ratio(magnitude(low, high), LEVELS[input.dtype])
        return (input.float() * step).to(self.kind.dtype)
