"""Modules for MXNet's operators on boxes: overlaps, coding and matching.

Boxes are (left, top, right, bottom) in the format `corner` and (x, y, width, height), with the
centre first, in the format `center`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .box_overlaps import areas, intersections
from .suppression import match


class BoxIoU(nn.Module):
    """Intersection over union of all pairs: (…, 4) and (…, 4) to the two leading shapes joined.

    MXNet propagates no gradient.
    """

    def __init__(self, center: bool) -> None:
        super().__init__()
        self.center = center

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        one, other = left.detach().reshape(-1, 1, 4), right.detach().reshape(1, -1, 4)
        both = intersections(one, other, self.center)
        union = areas(one, self.center) + areas(other, self.center) - both
        overlaps = torch.where(both > 0, both / union, 0.0)
        return overlaps.reshape(left.shape[:-1] + right.shape[:-1])

    def extra_repr(self) -> str:
        return f"center={self.center}"


class BoxDecode(nn.Module):
    """Predicted offsets (B, N, 4) from anchors (1, N, 4) to boxes with corners.

    MXNet propagates no gradient.
    """

    def __init__(self, stds: tuple[float, ...], clip: float, center: bool) -> None:
        super().__init__()
        self.stds, self.clip, self.center = stds, clip, center

    def forward(self, input: Tensor, anchors: Tensor) -> Tensor:
        anchors = anchors.detach().reshape(1, -1, 4)
        place, size = anchors[..., :2], anchors[..., 2:]
        if not self.center:
            size = size - place
            place = place + size * 0.5
        offsets = input.detach() * input.new_tensor(self.stds)
        middle, growth = offsets[..., :2] * size + place, offsets[..., 2:]
        if self.clip > 0:
            growth = growth.clamp(max=self.clip)
        half = growth.exp() * size * 0.5
        return torch.cat([middle - half, middle + half], -1)

    def extra_repr(self) -> str:
        return f"stds={self.stds}, clip={self.clip}, center={self.center}"


class BoxEncode(nn.Module):
    """Offsets of the matched boxes from the anchors, and a mask of the positive anchors.

    Samples and matches are (B, N), anchors (B, N, 4), references (B, M, 4), means and standard
    deviations (4,). Both results are (B, N, 4); the offsets of other anchors are 0. MXNet
    propagates no gradient.
    """

    def forward(
        self,
        samples: Tensor,
        matches: Tensor,
        anchors: Tensor,
        references: Tensor,
        means: Tensor,
        stds: Tensor,
    ) -> tuple[Tensor, Tensor]:
        positive = (samples.detach() > 0.5).unsqueeze(2)
        # ignored anchors have any match
        index = matches.detach().long().clamp(0, references.shape[1] - 1).unsqueeze(2)
        boxes, anchors = references.detach().gather(1, index.expand(-1, -1, 4)), anchors.detach()
        size, anchor_size = boxes[..., 2:] - boxes[..., :2], anchors[..., 2:] - anchors[..., :2]
        middle, anchor_middle = boxes[..., :2] + size * 0.5, anchors[..., :2] + anchor_size * 0.5
        shift = (middle - anchor_middle) / anchor_size
        offsets = torch.cat([shift, (size / anchor_size).log()], -1)
        offsets = (offsets - means.detach()) / stds.detach()
        mask = positive.expand_as(offsets)
        return torch.where(mask, offsets, 0.0), mask.to(offsets.dtype)


class BipartiteMatching(nn.Module):
    """Greedy matching of (…, rows, columns): the column of each row and the row of each column.

    Pairs must be above the threshold or, with `ascend`, below it. Unmatched rows and columns have
    −1. MXNet stops after `topk + 1` matches, and propagates no gradient.
    """

    def __init__(self, threshold: float, ascend: bool, topk: int) -> None:
        super().__init__()
        self.threshold, self.ascend, self.topk = threshold, ascend, topk

    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:
        scores = input.detach().reshape(-1, *input.shape[-2:])
        allowed = scores < self.threshold if self.ascend else scores > self.threshold
        limit = self.topk + 1 if self.topk > 0 else min(input.shape[-2:])
        found = match(-scores if self.ascend else scores, allowed, limit)
        batch = input.shape[:-2]
        one, other = (each.reshape(*batch, -1).to(input.dtype) for each in found)
        return one, other

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, ascend={self.ascend}, topk={self.topk}"
