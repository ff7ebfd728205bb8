"""Modules for MXNet's operators of SSD: anchors and detections.

MXNet computes them in float32 only, and propagates no gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .box_overlaps import by_coordinate, conflicts
from .suppression import compact, suppress


class MultiBoxPrior(nn.Module):
    """Anchors of each position of (N, C, H, W): (1, H · W · (sizes + ratios − 1), 4).

    Coordinates are fractions of the image, with corners. The anchors of a position are those of all
    sizes with the first ratio, and those of the first size with the other ratios.

    Args:
        sizes: Sides, as a fraction of the image's height.
        ratios: Ratios of width and height.
        steps: Distances of positions, vertically and horizontally; 1 / H and 1 / W if not positive.
        offsets: Offset of the first centre, vertically and horizontally, in steps.
        clip: Whether coordinates are limited to [0, 1].
    """

    def __init__(
        self,
        sizes: tuple[float, ...],
        ratios: tuple[float, ...],
        steps: tuple[float, ...],
        offsets: tuple[float, ...],
        clip: bool,
    ) -> None:
        super().__init__()
        self.sizes, self.ratios, self.steps = sizes, ratios, steps
        self.offsets, self.clip = offsets, clip

    def forward(self, input: Tensor) -> Tensor:
        height, width = input.shape[2], input.shape[3]
        steps = self.steps if min(self.steps) > 0 else (1.0 / height, 1.0 / width)
        y = self._centers(input, height, 0, steps).unsqueeze(1).expand(-1, width)
        x = self._centers(input, width, 1, steps).unsqueeze(0).expand(height, -1)
        sizes = input.new_tensor(self.sizes + self.sizes[:1] * (len(self.ratios) - 1))
        ratios = input.new_tensor(self.ratios[:1] * len(self.sizes) + self.ratios[1:]).sqrt()
        half_width = sizes * height / width * ratios / 2
        half = torch.stack([half_width, sizes / ratios / 2], -1)
        centers = torch.stack([x, y], -1).unsqueeze(2)
        anchors = torch.cat([centers - half, centers + half], -1).reshape(1, -1, 4)
        return anchors.clamp(0.0, 1.0) if self.clip else anchors

    def _centers(self, input: Tensor, count: int, axis: int, steps: tuple[float, ...]) -> Tensor:
        places = torch.arange(count, dtype=input.dtype, device=input.device)
        return (places + self.offsets[axis]) * steps[axis]

    def extra_repr(self) -> str:
        return f"sizes={self.sizes}, ratios={self.ratios}, steps={self.steps}, clip={self.clip}"


class MultiBoxDetection(nn.Module):
    """Detections (B, N, 6) of probabilities (B, classes, N), offsets (B, 4 N), anchors (1, N, 4).

    A row is the class (without the background, which is class 0 of the input), the probability, and
    the box. The classes of removed boxes are −1; rows beyond the detections are −1.

    Args:
        threshold: The smallest probability of a detection.
        overlap: A box is removed if its intersection over union with a better one reaches this;
            outside (0, 1], nothing is sorted or removed.
        topk: How many of the best detections are kept; all if not positive.
        force: Boxes of other classes remove boxes, too.
        clip: Whether coordinates are limited to [0, 1].
        variances: Factors of the offsets.
    """

    def __init__(
        self,
        threshold: float,
        overlap: float,
        topk: int,
        force: bool,
        clip: bool,
        variances: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.threshold, self.overlap, self.topk = threshold, overlap, topk
        self.force, self.clip, self.variances = force, clip, variances

    def forward(self, probabilities: Tensor, offsets: Tensor, anchors: Tensor) -> Tensor:
        probabilities = probabilities.detach()
        nothing = torch.full_like(probabilities[:, :1], -1.0)
        best = torch.cat([nothing, probabilities[:, 1:]], 1).max(1)
        valid = (best.indices > 0) & ~(best.values < self.threshold)
        classes = (best.indices - 1).to(probabilities.dtype)
        boxes = self._boxes(offsets.detach(), anchors.detach())
        rows = torch.cat([torch.stack([classes, best.values], -1), boxes], -1)
        rows = compact(rows, valid)
        return self._sorted(rows) if 0 < self.overlap <= 1 else rows

    def _boxes(self, offsets: Tensor, anchors: Tensor) -> Tensor:
        anchors = anchors.reshape(1, -1, 4)
        size = anchors[..., 2:] - anchors[..., :2]
        middle = (anchors[..., :2] + anchors[..., 2:]) / 2
        scaled = offsets.reshape(offsets.shape[0], -1, 4) * offsets.new_tensor(self.variances)
        middle = scaled[..., :2] * size + middle
        half = scaled[..., 2:].exp() * size / 2
        boxes = torch.cat([middle - half, middle + half], -1)
        return boxes.clamp(0.0, 1.0) if self.clip else boxes

    def _sorted(self, rows: Tensor) -> Tensor:
        """Sort the detections, and set the class of those that are removed to −1."""
        valid = rows[..., 0] >= 0
        scores = torch.where(valid, rows[..., 1], -torch.inf)
        order = scores.sort(dim=1, descending=True, stable=True).indices.unsqueeze(2)
        ranked = rows.gather(1, order.expand_as(rows))
        places = torch.arange(rows.shape[1], device=rows.device)
        among = valid & (places < self.topk) if self.topk > 0 else valid
        # MXNet leaves the rows after the best in the order that they had before
        ranked = torch.where(among.unsqueeze(2), ranked, rows)
        count = self.topk if self.topk > 0 else rows.shape[1]
        kept = suppress(among[:, :count], self._conflicts(ranked[:, :count]))
        kept = torch.cat([kept, among[:, count:]], 1)  # of which none is among the best
        classes = torch.where(kept, ranked[..., 0], -1.0).unsqueeze(2)
        return torch.cat([classes, ranked[..., 1:]], -1)

    def _conflicts(self, rows: Tensor) -> Callable[[slice, slice], Tensor]:
        boxes, classes = by_coordinate(rows[..., 2:]), None if self.force else rows[..., 0]
        sizes = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
        return conflicts(boxes, sizes, self.overlap, classes=classes, inclusive=True)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold:.3g}, overlap={self.overlap:.3g}, topk={self.topk}"
