"""Modules for MXNet's operators on images.

Images are (H, W, C) or (N, H, W, C) but where said.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ToTensor(nn.Module):
    """Images from 0 to 255 as maps (C, H, W) or (N, C, H, W) from 0 to 1, in float32."""

    def forward(self, input: Tensor) -> Tensor:
        wide = input.dtype in (torch.float32, torch.float64)
        values = input if wide else input.float()
        return values.movedim(-1, -3) / 255.0


class Normalize(nn.Module):
    """Subtraction of means from (…, C, H, W), then division by standard deviations."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, input: Tensor) -> Tensor:
        mean, std = (input.new_tensor(each).reshape(-1, 1, 1) for each in (self.mean, self.std))
        return (input - mean) / std

    def extra_repr(self) -> str:
        return f"mean={self.mean}, std={self.std}"


class ImageResize(nn.Module):
    """Resizing as OpenCV does it, with coefficients in float32.

    Args:
        size: Width and height, or one size of both, or of the shorter side.
        keep_ratio: The one size is that of the shorter side.
        kind: `nearest`, `linear` or `cubic`.
    """

    def __init__(self, size: tuple[int, ...], keep_ratio: bool, kind: str) -> None:
        super().__init__()
        self.size, self.keep_ratio, self.kind = size, keep_ratio, kind

    def forward(self, input: Tensor) -> Tensor:
        if not input.is_floating_point():
            raise TypeError("images must be floating point: OpenCV resizes integers inexactly")
        height, width = self._target(input.shape[-3], input.shape[-2])
        return self._along(self._along(input, width, -2), height, -3)

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if len(self.size) == 2:
            return self.size[1], self.size[0]
        side = self.size[0]
        if not self.keep_ratio:
            return side, side
        return (height * side // width, side) if height > width else (side, width * side // height)

    def _along(self, input: Tensor, size: int, axis: int) -> Tensor:
        index, weights = self._taps(input.shape[axis], size, axis == -2, input.device)
        total = torch.zeros((), dtype=input.dtype, device=input.device)
        for place, weight in zip(index, weights, strict=True):
            shape = (-1, *(1,) * (-axis - 1))
            found = input.index_select(axis, place.clamp(0, input.shape[axis] - 1))
            total = total + found * weight.to(input.dtype).reshape(shape)
        return total

    def _taps(
        self, before: int, after: int, in_row: bool, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Pixels that each new pixel is computed from, and their weights: (taps, after) each.

        Outside the border, two weights of the same pixel may not add up to 1 in float32. OpenCV
        uses one weight there within rows only.
        """
        numbers = torch.arange(after, dtype=torch.float64, device=device)
        scale = 1.0 / (after / before)
        if self.kind == "nearest":
            return (numbers * scale).floor().long().unsqueeze(0), torch.ones_like(numbers)[None]
        place = ((numbers + 0.5) * scale - 0.5).float()
        low = place.floor()
        part, first = place - low, low.long()
        if self.kind == "linear":
            if in_row:
                part = torch.where((low < 0) | (low >= before - 1), 0.0, part)
            return torch.stack([first, first + 1]), torch.stack([1.0 - part, part])
        a, far, rest = -0.75, part + 1.0, 1.0 - part
        weights = [
            ((a * far - 5.0 * a) * far + 8.0 * a) * far - 4.0 * a,
            ((a + 2.0) * part - (a + 3.0)) * part * part + 1.0,
            ((a + 2.0) * rest - (a + 3.0)) * rest * rest + 1.0,
        ]
        weights.append(1.0 - weights[0] - weights[1] - weights[2])
        return torch.stack([first + step for step in range(-1, 3)]), torch.stack(weights)

    def extra_repr(self) -> str:
        return f"size={self.size}, keep_ratio={self.keep_ratio}, kind={self.kind!r}"
