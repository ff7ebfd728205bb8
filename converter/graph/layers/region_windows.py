"""Pooling of regions over windows of whole pixels: ROIPooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functions.elementwise import round_half_away


class ROIPooling(nn.Module):
    """Maximum in each bin of regions (R, 5): (R, C, height, width); 0 where a bin is empty.

    Args:
        size: Number of bins, vertically and horizontally.
        scale: Size of the maps over that of the images.
    """

    def __init__(self, size: tuple[int, ...], scale: float) -> None:
        super().__init__()
        self.size, self.scale = size, scale

    def forward(self, input: Tensor, regions: Tensor) -> Tensor:
        batch, _, height, width = input.shape
        regions = regions.detach()
        corners = round_half_away(regions[:, 1:] * self.scale)
        sides = (corners[:, 2:] - corners[:, :2] + 1).clamp(min=1)
        top, bottom = self._windows(corners[:, 1], sides[:, 1], self.size[0], height)
        left, right = self._windows(corners[:, 0], sides[:, 0], self.size[1], width)
        rows, row_level = self._covers(top, bottom, height)
        columns, column_level = self._covers(left, right, width)
        tables, column_levels = _maxima(input)
        level = row_level.unsqueeze(2) * column_levels + column_level.unsqueeze(1)
        image = regions[:, 0].long().clamp(0, batch - 1)[:, None, None]
        plane = (level * batch + image) * height
        found = [
            tables[(plane + row.unsqueeze(2)) * width + column.unsqueeze(1)]
            for row in rows
            for column in columns
        ]
        values = torch.stack(found).amax(0).permute(0, 3, 1, 2)
        empty = (bottom <= top).unsqueeze(2) | (right <= left).unsqueeze(1)
        empty = empty | (regions[:, 0] < 0)[:, None, None]
        return torch.where(empty.unsqueeze(1), 0.0, values)

    @staticmethod
    def _windows(start: Tensor, side: Tensor, bins: int, size: int) -> tuple[Tensor, Tensor]:
        """First and last-plus-one pixels of each bin: (R, bins) each."""
        length = (side / bins).unsqueeze(1)
        numbers = torch.arange(bins, dtype=side.dtype, device=side.device)
        first, last = (numbers * length).floor(), ((numbers + 1) * length).ceil()
        ends = (each + start.unsqueeze(1) for each in (first, last))
        low, high = (each.clamp(0, size).long() for each in ends)
        return low, high

    @staticmethod
    def _covers(first: Tensor, end: Tensor, size: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Starts of the two runs of a power of two that cover each window, and that power."""
        length = (end - first).clamp(min=1)
        level = sum((length >= 1 << power).long() for power in range(1, size.bit_length()))
        level = level if isinstance(level, Tensor) else torch.zeros_like(length)
        first = first.clamp(max=size - 1)
        return (first, (first + length - (1 << level)).clamp(min=0)), level

    def extra_repr(self) -> str:
        return f"size={self.size}, scale={self.scale:.4g}"


def _maxima(input: Tensor) -> tuple[Tensor, int]:
    """Maxima of all windows whose sides are powers of two, by their first pixel.

    Returns:
        (levels of rows · levels of columns · B · H · W, C), and the number of levels of columns.
    """
    height, width = input.shape[2:]
    tables = []
    down = input
    for row_power in range(height.bit_length()):
        if row_power:
            step = 1 << (row_power - 1)
            down = torch.maximum(down, _shifted(down, (0, 0, 0, step), down[:, :, step:]))
        across = down
        for column_power in range(width.bit_length()):
            if column_power:
                step = 1 << (column_power - 1)
                across = torch.maximum(across, _shifted(across, (0, step), across[..., step:]))
            tables.append(across)
    stacked = torch.stack(tables).permute(0, 1, 3, 4, 2)
    return stacked.reshape(-1, input.shape[1]), width.bit_length()


def _shifted(whole: Tensor, amounts: tuple[int, ...], part: Tensor) -> Tensor:
    padded = nn.functional.pad(part, amounts, value=-torch.inf)
    return padded.reshape(whole.shape)
