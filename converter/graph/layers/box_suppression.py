"""Module for MXNet's non-maximum suppression of boxes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .box_overlaps import areas, by_coordinate, conflicts
from .suppression import compact, suppress


class BoxNMS(nn.Module):
    """Non-maximum suppression of (…, N, K): the kept boxes, best first, then rows of −1.

    Args:
        overlap: Boxes whose intersection over union with a better one is larger are removed.
        valid: Boxes with a score up to this are removed.
        topk: How many of the best boxes take part; negative: all, 0: nothing is done.
        columns: Numbers of the columns of the first coordinate, the score, and the class or −1.
        background: The class whose boxes are removed.
        force: Boxes of other classes remove boxes, too.
        formats: Whether the input and the output have the format `center`.
    """

    def __init__(
        self,
        overlap: float,
        valid: float,
        topk: int,
        columns: tuple[int, int, int],
        background: int,
        force: bool,
        formats: tuple[bool, bool],
    ) -> None:
        super().__init__()
        self.overlap, self.valid, self.topk, self.columns = overlap, valid, topk, columns
        self.background, self.force, self.formats = background, force, formats

    def forward(self, input: Tensor) -> Tensor:
        if self.topk == 0:
            return input
        first, score_column, class_column = self.columns
        rows = input.reshape(-1, *input.shape[-2:])
        scores = rows[..., score_column].detach()
        valid = scores > self.valid
        if class_column >= 0:
            valid = valid & (rows[..., class_column] != self.background)
        order = torch.where(valid, scores, -torch.inf).sort(dim=1, descending=True, stable=True)
        best = order.indices if self.topk < 0 else order.indices[:, : self.topk]
        rows = rows.gather(1, best.unsqueeze(2).expand(-1, -1, rows.shape[2]))
        valid = valid.gather(1, best)
        kept = compact(rows, suppress(valid, self._conflicts(rows.detach())))
        kept = self._convert(kept, first)
        missing = input.shape[-2] - kept.shape[1]
        kept = nn.functional.pad(kept, (0, 0, 0, missing), value=-1.0)
        return kept.reshape(input.shape)

    def _conflicts(self, rows: Tensor) -> Callable[[slice, slice], Tensor]:
        first, _, class_column = self.columns
        center, boxes = self.formats[0], by_coordinate(rows[..., first : first + 4])
        by_class = class_column >= 0 and not self.force
        classes = rows[..., class_column].trunc() if by_class else None
        return conflicts(boxes, areas(boxes, center), self.overlap, classes=classes, center=center)

    def _convert(self, rows: Tensor, first: int) -> Tensor:
        """Convert the boxes to the output's format; MXNet leaves boxes whose first value is < 0."""
        source_center, target_center = self.formats
        if source_center == target_center:
            return rows
        boxes = rows[..., first : first + 4]
        one, other = boxes[..., :2], boxes[..., 2:]
        if target_center:
            converted = torch.cat([(one + other) / 2, other - one], -1)
        else:
            converted = torch.cat([one - other / 2, one + other / 2], -1)
        converted = torch.where(boxes[..., :1] < 0, boxes, converted)
        return torch.cat([rows[..., :first], converted, rows[..., first + 4 :]], -1)

    def extra_repr(self) -> str:
        return f"overlap={self.overlap:.3g}, valid={self.valid:.3g}, topk={self.topk}"
