"""Pooling of regions where each bin has channels of its own, called position-sensitive."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functions.elementwise import round_half_away


def position_sensitive_channels(channels: int, groups: int, bins: Tensor) -> Tensor:
    """The input's channel of each channel and bin of the result: (channels, bins, bins)."""
    size = bins.shape[0]
    group = (bins * groups / size).floor().clamp(0, groups - 1).long()
    first = torch.arange(channels, device=bins.device)[:, None, None] * groups
    return (first + group[:, None]) * groups + group


class PSROIPooling(nn.Module):
    """Mean in each bin of regions (R, 5), each bin from channels of its own: (R, channels, …).

    Args:
        scale: Size of the maps over that of the images.
        channels: Number of channels of the result.
        size: Number of bins along each axis.
        groups: Along each axis, how many groups of channels the bins are divided among.
    """

    def __init__(self, scale: float, channels: int, size: int, groups: int) -> None:
        super().__init__()
        self.scale, self.channels, self.size, self.groups = scale, channels, size, groups

    def forward(self, input: Tensor, regions: Tensor) -> Tensor:
        batch, channels, height, width = input.shape
        corners = round_half_away(regions.detach()[:, 1:])
        low, high = corners[:, :2] * self.scale, (corners[:, 2:] + 1.0) * self.scale
        length = (high - low).clamp(min=0.1).unsqueeze(2) / self.size
        bins = torch.arange(self.size, dtype=length.dtype, device=length.device)
        first = (bins * length + low.unsqueeze(2)).floor()  # (R, 2, size)
        end = ((bins + 1) * length + low.unsqueeze(2)).ceil()
        left, right = (each[:, 0].clamp(0, width).long() for each in (first, end))
        top, bottom = (each[:, 1].clamp(0, height).long() for each in (first, end))
        # sums of all pixels above and left of each, in double precision
        sums = nn.functional.pad(input.double().cumsum(2).cumsum(3), (1, 0, 1, 0)).reshape(-1)
        channel = position_sensitive_channels(self.channels, self.groups, bins)
        images = regions[:, 0].detach().long().clamp(0, batch - 1)
        plane = (images[:, None, None, None] * channels + channel) * (height + 1)

        def until(row: Tensor, column: Tensor) -> Tensor:
            return sums[(plane + row[:, None, :, None]) * (width + 1) + column[:, None, None, :]]

        total = until(bottom, right) - until(bottom, left) - until(top, right) + until(top, left)
        rows, columns = (bottom - top).clamp(min=0), (right - left).clamp(min=0)
        area = (rows.unsqueeze(2) * columns.unsqueeze(1)).unsqueeze(1)
        return torch.where(area > 0, total / area.clamp(min=1), 0.0).to(input.dtype)

    def extra_repr(self) -> str:
        return f"channels={self.channels}, groups={self.groups}, size={self.size}"


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
