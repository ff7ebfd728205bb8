"""Deformable convolutions: each value of the kernel is at a place of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Pair = tuple[int, int]


class DeformableConvolution(nn.Module):
    """Convolution of (N, C, H, W) whose samples have offsets, in pixels, and perhaps factors.

    Offsets are (N, 2 · offset groups · kernel, …), y before x; factors, the mask of the modulated
    convolution, are (N, offset groups · kernel, …). With a mask, values fall off linearly to 0
    within a pixel outside the map. Without, they are 0 outside, but for less than a pixel after the
    last, whose value they have.

    Args:
        channels: Number of the input's channels.
        filters: Number of the result's channels.
        kernel: Height and width of the kernel.
        stride: Distances of its positions.
        padding: Distance of the first position from the border.
        dilation: Distances of its values.
        groups: Groups of channels that are convolved separately.
        offset_groups: Groups of channels that have offsets of their own.
        bias: Whether a bias is added.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: Pair,
        stride: Pair,
        padding: Pair,
        dilation: Pair,
        groups: int,
        offset_groups: int,
        bias: bool,
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation
        self.channels, self.filters = channels, filters
        self.groups, self.offset_groups = groups, offset_groups
        self.weight = nn.Parameter(torch.empty(filters, channels // groups, *kernel))
        self.bias = nn.Parameter(torch.empty(filters)) if bias else None

    def forward(self, input: Tensor, offsets: Tensor, mask: Tensor | None = None) -> Tensor:
        batch, _, height, width = input.shape
        rows, columns = offsets.shape[2:]
        shape = (batch, self.offset_groups, -1, 2, rows, columns)
        y, x = (self._places(rows, columns, offsets) + offsets.reshape(shape)).unbind(3)
        maps = input.reshape(batch, self.offset_groups, -1, height * width)
        inside = (y > -1) & (y < height) & (x > -1) & (x < width)
        if mask is None:
            inside = inside & (y >= 0) & (x >= 0)
        values = torch.zeros((), dtype=input.dtype, device=input.device)
        for row, vertical in self._neighbours(y, height, mask is not None):
            for column, horizontal in self._neighbours(x, width, mask is not None):
                weight = torch.where(inside, vertical * horizontal, 0.0)
                if mask is not None:
                    weight = weight * mask.reshape(weight.shape)
                index = (row * width + column).flatten(2).unsqueeze(2)
                found = maps.gather(3, index.expand(-1, -1, maps.shape[2], -1))
                values = values + found * weight.flatten(2).unsqueeze(2)
        values = values.reshape(batch, self.groups, -1, rows * columns)
        weight = self.weight.reshape(self.groups, -1, values.shape[2])
        result = (weight @ values).reshape(batch, -1, rows, columns)
        return result if self.bias is None else result + self.bias[:, None, None]

    def _places(self, rows: int, columns: int, like: Tensor) -> Tensor:
        """Places without offsets: (kernel, 2, rows, columns)."""
        axes = []
        for axis, count in enumerate((rows, columns)):
            positions = torch.arange(count, dtype=like.dtype, device=like.device)
            values = torch.arange(self.kernel[axis], dtype=like.dtype, device=like.device)
            first = values * self.dilation[axis] - self.padding[axis]
            axes.append(first.unsqueeze(1) + positions * self.stride[axis])
        shape = (*self.kernel, rows, columns)
        y = axes[0][:, None, :, None].expand(shape)
        x = axes[1][None, :, None, :].expand(shape)
        return torch.stack([y, x], 2).flatten(0, 1)

    @staticmethod
    def _neighbours(place: Tensor, size: int, fading: bool) -> list[tuple[Tensor, Tensor]]:
        """The pixels before and after each place, and their weights."""
        low = place.floor()
        part = place - low
        if fading:
            before = torch.where(low >= 0, 1 - part, 0.0)
            after = torch.where(low + 1 <= size - 1, part, 0.0)
        else:
            after = torch.where(low >= size - 1, 0.0, part)
            before = 1 - after
        ends = (low, low + 1)
        first, last = (each.clamp(0, size - 1).long() for each in ends)
        return [(first, before), (last, after)]

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}, padding={self.padding}"
