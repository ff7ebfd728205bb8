"""Resizing of feature maps."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..symbols.attributes import rounded_single


class BilinearResize(nn.Module):
    """Bilinear interpolation to a given size, by scales, or to the size of a second input.

    Of the second input's size, it can be a part: its height and width divided by `parts`. The mode
    `odd_scale` scales the distance of the first and last pixel of an odd size. Modes such as
    `to_even_up` change a size by one unless it is even already.
    """

    def __init__(
        self,
        size: tuple[int, int] | None,
        scales: tuple[float, float],
        align_corners: bool,
        mode: str = "size",
        parts: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        self.size, self.scales, self.align_corners = size, scales, align_corners
        self.mode, self.parts = mode, parts

    def forward(self, input: Tensor, like: Tensor | None = None) -> Tensor:
        if like is not None:
            size = [side // part for side, part in zip(like.shape[2:], self.parts, strict=True)]
        elif self.size is not None:
            size = list(self.size)
        else:
            pairs = zip(input.shape[2:], self.scales, strict=True)
            size = [self._scaled(each, scale) for each, scale in pairs]
        if 0 in size:
            return input.new_empty((*input.shape[:2], *size))
        if not self.align_corners:  # a single output is the first input, not the middle
            height, width = (1 if out == 1 else None for out in size)
            input = input[:, :, :height, :width]
        return F.interpolate(input, size, mode="bilinear", align_corners=self.align_corners)

    def _scaled(self, size: int, scale: float) -> int:
        if self.mode.startswith("to_"):
            remainder = 1 if "odd" in self.mode else 0
            step = 1 if self.mode.endswith("up") else -1
            return size if size % 2 == remainder else size + step
        if self.mode == "odd_scale" and size % 2:
            return int(rounded_single(scale * (size - 1))) + 1
        return int(rounded_single(scale * size))

    def extra_repr(self) -> str:
        return f"size={self.size}, scales={self.scales}, align_corners={self.align_corners}"


class UpSamplings(nn.Module):
    """Nearest-neighbour upsampling of several inputs, which are then concatenated or added.

    The common size is `scale` times that of the first input; `join` is `concat` or `sum`.
    """

    def __init__(self, scale: int, join: str) -> None:
        super().__init__()
        self.scale, self.join = scale, join

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        size = [each * self.scale for each in first.shape[2:]]
        maps = [F.interpolate(each, size, mode="nearest") for each in (first, *others)]
        return torch.cat(maps, 1) if self.join == "concat" else torch.stack(maps).sum(0)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, join={self.join!r}"


def bilinear_padding(scale: int) -> int:
    """The padding of the transposed convolution that MXNet's bilinear UpSampling uses."""
    return math.ceil((scale - 1) / 2)
