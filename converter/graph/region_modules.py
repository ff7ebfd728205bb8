"""Pooling of regions by bilinear samples: ROIAlign, its rotated form, and the deformable one.

A region is a row of the number of its image and its place, in pixels of the image. Regions have no
gradient in MXNet.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .region_windows import position_sensitive_channels, round_half_away


def border_samples(maps: Tensor, images: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Bilinear samples of maps, with the border's values up to a pixel outside, then zeros.

    Args:
        maps: (B, C, H, W)
        images: The number of each region's image: (R,).
        y: Rows of the points: (R, …), broadcast against the columns.
        x: Columns of the points.

    Returns:
        (R, …, C)
    """
    batch, channels, height, width = maps.shape
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    top, bottom, down = _neighbours(y, height)
    left, right, across = _neighbours(x, width)
    pixels = maps.permute(0, 2, 3, 1).reshape(batch * height * width, channels)
    first = (images.clamp(0, batch - 1) * height).reshape(-1, *(1,) * (y.dim() - 1))
    total = torch.zeros((), dtype=maps.dtype, device=maps.device)
    for row, vertical in ((top, 1 - down), (bottom, down)):
        for column, horizontal in ((left, 1 - across), (right, across)):
            weight = torch.where(inside, vertical * horizontal, 0.0).unsqueeze(-1)
            total = total + pixels[(first + row) * width + column] * weight
    return total


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
            regions = nn.functional.pad(regions, (1, 0))
        images = regions[:, 0].long()
        corners = regions[:, 1:] * self.scale - (0.5 if self.aligned else 0.0)
        sides = corners[:, 2:] - corners[:, :2]
        if not self.aligned:
            sides = sides.clamp(min=1.0)
        height, width = self.size
        y, row_weights = sample_grid(corners[:, 1], sides[:, 1], height, self.ratio)
        x, column_weights = sample_grid(corners[:, 0], sides[:, 0], width, self.ratio)
        samples = border_samples(
            input, images, y[:, :, :, None, None], x[:, None, None, :, :]
        )  # (R, bins, samples, bins, samples, C)
        weights = row_weights[:, :, :, None, None] * column_weights[:, None, None]
        pooled = (samples * weights.unsqueeze(-1)).sum((2, 4)).permute(0, 3, 1, 2)
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
        samples = border_samples(input, regions[:, 0].long(), y, x)
        weights = row_weights[:, :, :, None, None] * column_weights[:, None, None]
        return (samples * weights.unsqueeze(-1)).sum((2, 4)).permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        return f"size={self.size}, scale={self.scale:.4g}, ratio={self.ratio}"


class DeformablePSROIPooling(nn.Module):
    """Mean of samples in shifted bins, each from channels of its own: (R, channels, size, size).

    Args:
        scale: Size of the maps over that of the images.
        channels: Number of channels of the result.
        groups: Along each axis, how many groups of channels the bins are divided among.
        size: Number of bins along each axis.
        parts: Along each axis, how many shifts a region has.
        samples: Samples of a bin along each axis.
        shift: Factor of the shifts, relative to the region's sides.
    """

    def __init__(
        self,
        scale: float,
        channels: int,
        groups: int,
        size: int,
        parts: int,
        samples: int,
        shift: float,
    ) -> None:
        super().__init__()
        self.scale, self.channels, self.groups, self.size = scale, channels, groups, size
        self.parts, self.samples, self.shift = parts, samples, shift

    def forward(self, input: Tensor, regions: Tensor, shifts: Tensor | None = None) -> Tensor:
        """Pool; shifts are (R, 2 · classes, parts, parts), x before y."""
        batch, channels, height, width = input.shape
        corners = round_half_away(regions.detach()[:, 1:])
        low, high = corners[:, :2] * self.scale - 0.5, (corners[:, 2:] + 1.0) * self.scale - 0.5
        sides = (high - low).clamp(min=0.1)
        bins = torch.arange(self.size, dtype=input.dtype, device=input.device)
        lengths = sides / self.size
        starts = bins * lengths.unsqueeze(2) + low.unsqueeze(2)  # (R, 2, size)
        x, y = starts[:, 0, None, None, :], starts[:, 1, None, :, None]
        if shifts is not None:
            shifts = self._of_bins(shifts, bins) * self.shift
            x = x + shifts[:, :, 0] * sides[:, 0, None, None, None]
            y = y + shifts[:, :, 1] * sides[:, 1, None, None, None]
        numbers = torch.arange(self.samples, dtype=input.dtype, device=input.device)
        steps = numbers * (lengths / self.samples).unsqueeze(2)
        x = x[..., None, None] + steps[:, 0, None, None, None, None, :]
        y = y[..., None, None] + steps[:, 1, None, None, None, :, None]
        inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
        x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
        channel = position_sensitive_channels(self.channels, self.groups, bins)
        images = regions[:, 0].detach().long().clamp(0, batch - 1)
        plane = images[:, None, None, None] * channels + channel
        values = self._interpolate(input, plane[..., None, None], y, x)
        total = torch.where(inside, values, 0.0).sum((4, 5))
        count = inside.sum((4, 5))
        return torch.where(count > 0, total / count.clamp(min=1), 0.0)

    def _of_bins(self, shifts: Tensor, bins: Tensor) -> Tensor:
        """The shifts of each channel and bin: (R, channels, 2, size, size)."""
        part = (bins / self.size * self.parts).floor().long()
        shifts = shifts.reshape(shifts.shape[0], -1, 2, *shifts.shape[2:])
        classes = shifts.shape[1]
        channel = torch.arange(self.channels, device=bins.device)
        number = (channel // (self.channels // classes)).clamp(max=classes - 1)
        return shifts[:, number][:, :, :, part][..., part]

    @staticmethod
    def _interpolate(input: Tensor, plane: Tensor, y: Tensor, x: Tensor) -> Tensor:
        height, width = input.shape[2:]
        left, top = x.floor(), y.floor()
        across, down = x - left, y - top
        values = input.reshape(-1)
        total = torch.zeros((), dtype=input.dtype, device=input.device)
        for row, vertical in ((top, 1 - down), (y.ceil(), down)):
            for column, horizontal in ((left, 1 - across), (x.ceil(), across)):
                index = (plane * height + row.long()) * width + column.long()
                total = total + values[index] * (vertical * horizontal)
        return total

    def extra_repr(self) -> str:
        return f"channels={self.channels}, groups={self.groups}, size={self.size}"
