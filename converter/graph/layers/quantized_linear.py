"""Fully connected layers of integers, as MXNet and oneDNN compute them.

See quantized_convolutions.py; values are passed as in quantizers.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..functions.elementwise import round_half_away
from ..functions.quantized_arithmetic import (
    LEVELS,
    magnitude,
    product_range,
    ratio,
    saturate,
    scale,
    truncate,
    weight_scales,
)
from .quantizers import Quantized, Range, ends

LARGEST_BIAS = 1073741823.0  # half of the largest int32


class Absolute(nn.Module):
    """The absolute value."""

    def forward(self, input: Tensor) -> Tensor:
        return input.abs()


@dataclass(frozen=True)
class FusedOutput:
    """What a fused fully connected layer takes and returns.

    Attributes:
        flatten: It flattens its input first.
        to_float: The result is real numbers.
        range: The calibrated range of the result, if any.
        unsigned: The result is uint8 if it is calibrated, else int8.
    """

    flatten: bool = True
    to_float: bool = False
    range: Range | None = None
    unsigned: bool = False


class QuantizedLinear(nn.Module):
    """Fully connected layer of int8 or uint8 values with int8 weights to int32.

    The int8 bias is brought to the scale of the sums and truncated.
    """

    weight: Tensor
    bias: Tensor | None
    weight_low: Tensor
    weight_high: Tensor
    bias_low: Tensor
    bias_high: Tensor

    def __init__(
        self, weight: Tensor, bias: Tensor | None, ranges: dict[str, Tensor], flatten: bool
    ) -> None:
        super().__init__()
        self.flatten = flatten
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        for name, end in ranges.items():
            self.register_buffer(name, end)

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Quantized:
        data = input.flatten(1) if self.flatten else input
        sums = data.double() @ self.weight.double().T
        weight = self.weight_low, self.weight_high
        if self.bias is not None:
            size = magnitude(self.bias_low, self.bias_high)
            factor = scale(input.dtype, low, high) * scale(torch.int8, *weight)
            factor = ratio(factor * size, LEVELS[torch.int8])
            sums = sums + truncate(self.bias.float() * factor, torch.int32).double()
        return sums.to(torch.int32), *product_range((low, high), weight, input.dtype)

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}"


class FusedLinear(nn.Module):
    """oneDNN's int8 fully connected layer.

    Its weights and bias are int8 with ranges; or they are real numbers, which oneDNN quantizes
    with a scale for each output. The result is real numbers, int8 or uint8 by a calibrated range,
    or int32.
    """

    weight: Tensor
    bias: Tensor | None
    weight_low: Tensor
    weight_high: Tensor
    bias_low: Tensor
    bias_high: Tensor
    kind: Tensor

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        ranges: dict[str, Tensor],
        activation: nn.Module | None,
        output: FusedOutput,
    ) -> None:
        super().__init__()
        self.activation, self.output = activation, output
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        for name, end in ranges.items():
            self.register_buffer(name, end)
        self.register_buffer("kind", torch.zeros(()), persistent=False)

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Quantized | Tensor:
        data = input.flatten(1) if self.output.flatten else input
        data_scale = scale(input.dtype, low, high)
        weight, bias, scales = self._integers(data_scale)
        values = (data.double() @ weight.double().T).float()
        if bias is not None:
            values = values + bias.float()
        activation = self.activation or nn.Identity()
        if self.output.to_float:
            values = activation(values * (ratio(1.0, data_scale) / scales))
            real: Tensor = values.to(self.kind.dtype)
            return real
        if self.output.range is None:
            bounds = product_range((low, high), (self.weight_low, self.weight_high), input.dtype)
            return saturate(activation(values), torch.int32), *bounds
        dtype = torch.uint8 if self.output.unsigned else torch.int8
        bounds = ends(values, self.output.range)
        target = scale(dtype, *bounds)
        if self.activation is None:
            values = values * (target / data_scale / scales)
        else:
            values = activation(values * (ratio(1.0, data_scale) / scales)) * target
        return saturate(values, dtype), *bounds

    def _integers(self, data_scale: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """The weights in int8, the bias in int32 and the weights' scales."""
        if self.weight.is_floating_point():
            weight = self.weight.float()
            bias = None if self.bias is None else self.bias.float()
            scales = weight_scales(weight, bias, data_scale, True)
            if bias is not None:
                bias = saturate(bias * (scales * data_scale), torch.int32)
            return saturate(weight * scales[:, None], torch.int8), bias, scales
        scales = scale(torch.int8, self.weight_low, self.weight_high)
        if self.bias is None:
            return self.weight, None, scales
        # where the bias would overflow, MXNet makes the weights smaller
        bias_scale = scale(torch.int8, self.bias_low, self.bias_high)
        factor = ratio(data_scale * scales, bias_scale)
        limit = ratio(ratio(LARGEST_BIAS, magnitude(self.bias_low, self.bias_high)), bias_scale)
        smaller = limit * bias_scale / data_scale / scales
        overflows = factor > limit  # False where the bias is zero, and its scale infinite
        smaller = torch.where(overflows, smaller, torch.ones_like(smaller))
        weight = round_half_away(self.weight.float() * smaller)
        bias = round_half_away(self.bias.float() * torch.where(overflows, limit, factor))
        return weight, bias, scales * smaller

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, {self.output}"
