"""Sampling of feature maps at computed places: grids, spatial transformers, correlation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BilinearSampler(nn.Module):
    """Bilinear samples of (N, C, H, W) at a grid (N, 2, height, width) of x and y.

    −1 and 1 are the centres of the first and last pixels; outside, maps are 0.
    """

    def forward(self, input: Tensor, grid: Tensor) -> Tensor:
        return F.grid_sample(input, grid.permute(0, 2, 3, 1), align_corners=True)


class AffineGrid(nn.Module):
    """The grid (N, 2, height, width) of affine transforms (N, 6) of the coordinates from −1 to 1.

    MXNet computes it in float32 only.
    """

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size

    def forward(self, input: Tensor) -> Tensor:
        height, width = self.size
        y, x = (
            torch.arange(each, dtype=input.dtype, device=input.device) * (2.0 / (each - 1)) - 1.0
            for each in self.size
        )
        places = [x.expand(height, -1), y.unsqueeze(1).expand(-1, width)]
        points = torch.stack([*places, torch.ones_like(places[0])]).reshape(3, -1)
        return (input.reshape(-1, 2, 3) @ points).reshape(-1, 2, height, width)

    def extra_repr(self) -> str:
        return f"size={self.size}"


class WarpGrid(nn.Module):
    """The grid of the places that an optical flow (N, 2, H, W), in pixels, points to."""

    def forward(self, input: Tensor) -> Tensor:
        height, width = input.shape[2:]
        y = torch.arange(height, dtype=input.dtype, device=input.device)
        x = torch.arange(width, dtype=input.dtype, device=input.device)
        places = torch.stack([x.expand(height, -1), y.unsqueeze(1).expand(-1, width)])
        half = torch.stack([(x[-1:] / 2), (y[-1:] / 2)]).reshape(2, 1, 1)
        return (input + places) / half - 1.0


class SpatialTransformer(nn.Module):
    """Bilinear samples of (N, C, H, W) at the grid of affine transforms (N, 6)."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.grid, self.sampler = AffineGrid(size), BilinearSampler()

    def forward(self, input: Tensor, transforms: Tensor) -> Tensor:
        sampled: Tensor = self.sampler(input, self.grid(transforms))
        return sampled


class Correlation(nn.Module):
    """Correlation of patches of two maps (N, C, H, W) at displacements: (N, displacements, …).

    A value is the mean, over a patch and the channels, of products or of absolute differences.

    Args:
        kernel: Side of a patch.
        reach: Largest displacement along each axis.
        stride: Distance of the patches in the first map.
        step: Distance of the displacements.
        padding: Zeros around both maps.
        multiply: Products; otherwise absolute differences.
    """

    def __init__(
        self, kernel: int, reach: int, stride: int, step: int, padding: int, multiply: bool
    ) -> None:
        super().__init__()
        self.kernel, self.reach, self.stride, self.step = kernel, reach, stride, step
        self.padding, self.multiply = padding, multiply

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        one, other = (F.pad(each, (self.padding,) * 4) for each in (input, other))
        border = self.reach + self.kernel // 2
        # sizes of the result, then of the part of the first map that its patches cover
        sizes = [-(-(each - 2 * border) // self.stride) for each in one.shape[2:]]
        height, width = ((size - 1) * self.stride + self.kernel for size in sizes)
        one = one[:, :, self.reach :, self.reach :][:, :, :height, :width]
        count = self.reach // self.step
        first = self.reach - count * self.step
        rows = []
        for row in range(first, first + 2 * count * self.step + 1, self.step):
            columns = other[:, :, row : row + height, first:]
            columns = columns[..., : width + 2 * count * self.step].unfold(3, width, self.step)
            pixels = one.unsqueeze(3)
            both = pixels * columns if self.multiply else (pixels - columns).abs()
            rows.append(both.mean(1).transpose(1, 2))
        return F.avg_pool2d(torch.cat(rows, 1), self.kernel, self.stride)

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, reach={self.reach}, stride={self.stride}, step={self.step}"
