"""Convolutions of integers, as MXNet and oneDNN compute them.

The sums of products are computed in float64, where they are exact; oneDNN's are int32. Then the
bias is added and the scale is applied in float32. Values are passed as in quantizers.py.

Measured with oneDNN 2.4 on a processor with AVX-512 VNNI. For 8, 24, 40 … channels oneDNN takes its
AVX2 kernels even there, which saturate the sum of two products of uint8 and int8 at 16 bits: where
both products are near the largest, its sums are smaller than these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..functions.quantized_arithmetic import (
    add_scaled,
    per_channel,
    product_range,
    saturate,
    scale,
    weight_scales,
)
from .quantizers import Quantized, Range, ends

CONVOLUTIONS: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@dataclass(frozen=True)
class Window:
    """The geometry of a convolution, by dimensions of the kernel."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def sums(self, data: Tensor, weight: Tensor) -> Tensor:
        """The exact sums of products of integers, in float64."""
        convolve = CONVOLUTIONS[weight.dim() - 2]
        sums: Tensor = convolve(
            data.double(),
            weight.double(),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return sums


@dataclass(frozen=True)
class Fusion:
    """What a fused convolution does after its activation, in this order.

    Attributes:
        has_sum: It adds a second quantized value.
        relu_after_sum: It applies ReLU to the sum.
        unsigned: The result is uint8 if it is calibrated, else int8.
    """

    has_sum: bool = False
    relu_after_sum: bool = False
    unsigned: bool = False


class FusedConvolution(nn.Module):
    """oneDNN's int8 convolution with float weights, which it quantizes itself.

    A calibrated convolution has a scale for each output channel and returns int8 or uint8;
    otherwise it has one scale and returns int32. BatchNorm is already part of the weights.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        window: Window,
        fusion: Fusion,
        activation: nn.Module | None,
        range_: Range | None,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.window, self.fusion, self.range = window, fusion, range_

    def forward(self, input: Tensor, *others: Tensor) -> Quantized:
        other, (low, high, *ends_of_other) = None, others
        if self.fusion.has_sum:
            other, low, high, *ends_of_other = others
        weight, rank = self.weight.float(), input.dim()
        bias = None if self.bias is None else self.bias.float()
        data_scale = scale(input.dtype, low, high)
        scales = weight_scales(weight, bias, data_scale, self.range is not None)
        by_group = scales
        if len(scales) > 1:  # oneDNN takes the group's number for the channel's here
            size = len(weight) // self.window.groups
            if self.window.groups > 1:
                by_group = scales[: self.window.groups].repeat_interleave(size)
        integers = saturate(weight * by_group.reshape(-1, *(1,) * (rank - 1)), torch.int8)
        values = self.window.sums(input, integers).float()
        if bias is not None:
            whole = saturate(bias * (scales * data_scale), torch.int32)
            values = values + per_channel(whole.float(), rank)
        if self.range is None:
            dtype, target = torch.int32, data_scale * scales
            bounds = product_range((weight.amin(), weight.amax()), (low, high), input.dtype)
        else:
            dtype = torch.uint8 if self.fusion.unsigned else torch.int8
            bounds = ends(input, self.range)
            target = scale(dtype, *bounds)
            values = values * per_channel(target / data_scale / scales, rank)
        if self.activation is not None:
            values = self.activation(values)
        if other is not None:
            factor = target / scale(other.dtype, *ends_of_other)
            values = add_scaled(values, factor, other)
        if self.fusion.relu_after_sum:
            values = values.clamp(min=0)
        if other is not None and self.range is not None:
            # MXNet writes the sum over the second value: the bytes are of that one's type
            return saturate(values, other.dtype).view(dtype), *bounds
        return saturate(values, dtype), *bounds

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, {self.window}, {self.fusion}, range={self.range}"


class QuantizedConvolution(nn.Module):
    """Convolution of uint8 values with int8 weights to int32.

    Measured on MXNet 1.9.1: the int8 bias is added as it is, without regard to its range, and the
    range of the result is that of int8 values, which is too large by 255 / 127.
    """

    weight: Tensor
    bias: Tensor | None
    low: Tensor
    high: Tensor

    def __init__(
        self, weight: Tensor, bias: Tensor | None, window: Window, range_: tuple[Tensor, Tensor]
    ) -> None:
        super().__init__()
        self.window = window
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("low", range_[0])
        self.register_buffer("high", range_[1])

    def forward(self, input: Tensor, low: Tensor, high: Tensor) -> Quantized:
        sums = self.window.sums(input, self.weight)
        if self.bias is not None:
            sums = sums + per_channel(self.bias.double(), input.dim())
        bounds = product_range((low, high), (self.low, self.high), torch.int8)
        return sums.to(torch.int32), *bounds

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, {self.window}"
