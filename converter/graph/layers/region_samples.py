"""Pooling of regions by bilinear samples: ROIAlign and its rotated form.

A region is a row of the number of its image and its place, in pixels of the image. Regions have no
gradient in MXNet.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pooled_samples(
    maps: Tensor, images: Tensor, points: tuple[Tensor, Tensor], weights: Tensor
) -> Tensor:
    """Weighted sums of bilinear samples of maps.

    Up to a pixel outside, maps have the values of the border, then zeros.

    Args:
        maps: (B, C, H, W)
        images: The number of each region's image: (R,).
        points: Rows and columns of the samples, which broadcast to (R, height, n, width, m).
        weights: Of the samples: (R, 1, n, 1, m).

    Returns:
        Sums over the n · m samples: (R, C, height, width).
    """
    batch, channels, height, width = maps.shape
    y, x = points
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    weights = torch.where(inside, weights, 0.0)
    top, bottom, down = _neighbours(y, height)
    left, right, across = _neighbours(x, width)
    first = images.clamp(0, batch - 1).reshape(-1, 1, 1, 1, 1) * height
    corners = [
        ((first + row) * width + column, vertical * horizontal * weights)
        for row, vertical in ((top, 1 - down), (bottom, down))
        for column, horizontal in ((left, 1 - across), (right, across))
    ]
    index, factor = (
        torch.stack(each, 5).permute(0, 1, 3, 2, 4, 5) for each in zip(*corners, strict=True)
    )
    bins = index.shape[:3]
    # sums of rows of pixels, without the samples in memory
    pixels = maps.permute(0, 2, 3, 1).reshape(batch * height * width, channels)
    sums = F.embedding_bag(
        index.flatten(3).flatten(0, 2),
        pixels,
        mode="sum",
        per_sample_weights=factor.flatten(3).flatten(0, 2),
    )
    return sums.reshape(*bins, channels).permute(0, 3, 1, 2)


def _neighbours(place: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pixels before and after a coordinate, and its fraction of the way between them."""
    place = place.clamp(min=0)
    low = place.trunc().clamp(max=size - 1)
    part = torch.where(low >= size - 1, 0.0, place - low)
    low = low.long()
    return low, (low + 1).clamp(max=size - 1), part


def sample_grid(start: Tensor, side: Tensor, bins: int, ratio: int) -> tuple[Tensor, Tensor]:
    """Regular samples of each bin along one axis.

    Args:
        start: Where regions start: (R,).
        side: Their lengths: (R,).
        bins: Number of bins.
        ratio: Samples of a bin; if not positive, as many as it has pixels, rounded up.

    Returns:
        Places (R, bins, samples), and their weights (R, 1, samples), which add up to 1.
    """
    length = side / bins
    if ratio > 0:
        most, counts = ratio, torch.full_like(length, ratio)
    else:
        counts = length.ceil().clamp(min=1)
        most = _largest(counts)
    numbers = torch.arange(most, dtype=side.dtype, device=side.device)
    steps = (numbers + 0.5) * length.unsqueeze(1) / counts.unsqueeze(1)
    places = torch.arange(bins, dtype=side.dtype, device=side.device) * length.unsqueeze(1)
    weights = torch.where(numbers < counts.unsqueeze(1), 1 / counts.unsqueeze(1), 0.0)
    return (start.unsqueeze(1) + places).unsqueeze(2) + steps.unsqueeze(1), weights.unsqueeze(1)


def _largest(counts: Tensor) -> int:
    most: int = counts.max().long().item()  # type: ignore[assignment]
    torch._check(most >= 1)  # type: ignore[no-untyped-call]  # torch.export does not know it
    return most


class ROIAlign(nn.Module):
    """Mean of bilinear samples in each bin of regions: (R, C, height, width) of (B, C, H, W).

    Regions are (R, 5), with an image's number and corners, or (R, 4), of the first image. Those
    with a negative number give zeros, also where MXNet 1.9.1's CPU kernel leaves values unwritten.

    Args:
        size: Number of bins, vertically and horizontally.
        scale: Size of the maps over that of the images.
        ratio: Samples of a bin along each axis; if not positive, as many as it has pixels.
        by_position: Each bin has channels of its own (R-FCN).
        aligned: Pixels have their centres at .5, and small regions are not enlarged to a pixel.
    """

    def __init__(
        self, size: tuple[int, ...], scale: float, ratio: int, by_position: bool, aligned: bool
    ) -> None:
        super().__init__()
        self.size, self.scale, self.ratio = size, scale, ratio
        self.by_position, self.aligned = by_position, aligned

    def forward(self, input: Tensor, regions: Tensor) -> Tensor:
        regions = regions.detach()
        if regions.shape[1] == 4:
            regions = F.pad(regions, (1, 0))
        images = regions[:, 0].long()
        corners = regions[:, 1:] * self.scale - (0.5 if self.aligned else 0.0)
        sides = corners[:, 2:] - corners[:, :2]
        if not self.aligned:
            sides = sides.clamp(min=1.0)
        height, width = self.size
        y, row_weights = sample_grid(corners[:, 1], sides[:, 1], height, self.ratio)
        x, column_weights = sample_grid(corners[:, 0], sides[:, 0], width, self.ratio)
        points = y[:, :, :, None, None], x[:, None, None, :, :]
        weights = row_weights[:, :, :, None, None] * column_weights[:, None, None]
        pooled = pooled_samples(input, images, points, weights)
        pooled = torch.where((images >= 0)[:, None, None, None], pooled, 0.0)
        if self.by_position:
            channels = input.shape[1] // (height * width)
            pooled = pooled.reshape(-1, channels, height, width, height, width)
            pooled = pooled.diagonal(0, 2, 4).diagonal(0, 2, 3)
        return pooled

    def extra_repr(self) -> str:
        return f"size={self.size}, scale={self.scale:.4g}, ratio={self.ratio}"


class RotatedROIAlign(nn.Module):
    """ROIAlign of rotated regions (R, 6): image, centre x and y, width, height, angle in degrees.

    Args:
        size: Number of bins, vertically and horizontally.
        scale: Size of the maps over that of the images.
        ratio: Samples of a bin along each axis; if not positive, as many as it has pixels.
    """

    def __init__(self, size: tuple[int, ...], scale: float, ratio: int) -> None:
        super().__init__()
        self.size, self.scale, self.ratio = size, scale, ratio

    def forward(self, input: Tensor, regions: Tensor) -> Tensor:
        regions = regions.detach()
        place, angle = regions[:, 1:5] * self.scale, regions[:, 5] * math.pi / 180.0
        sides = place[:, 2:].clamp(min=1.0)
        height, width = self.size
        down, row_weights = sample_grid(-sides[:, 1] / 2, sides[:, 1], height, self.ratio)
        across, column_weights = sample_grid(-sides[:, 0] / 2, sides[:, 0], width, self.ratio)
        down, across = down[:, :, :, None, None], across[:, None, None, :, :]
        cos, sin, center_x, center_y = (
            each[:, None, None, None, None]
            for each in (angle.cos(), angle.sin(), place[:, 0], place[:, 1])
        )
        x = across * cos + down * sin + center_x
        y = down * cos - across * sin + center_y
        weights = row_weights[:, :, :, None, None] * column_weights[:, None, None]
        return pooled_samples(input, regions[:, 0].long(), (y, x), weights)

    def extra_repr(self) -> str:
        return f"size={self.size}, scale={self.scale:.4g}, ratio={self.ratio}"
