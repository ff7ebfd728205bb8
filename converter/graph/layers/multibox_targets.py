"""Module for the training targets of SSD, which MXNet computes in float32 only."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .box_overlaps import intersections
from .suppression import match

LEAST_OVERLAP = 1e-6  # a label is only matched with an anchor that overlaps by more


class MultiBoxTarget(nn.Module):
    """Training targets of anchors (1, N, 4), labels (B, M, ≥ 5) and class scores (B, classes, N).

    A label is a class and a box; the first label of the class −1 ends those of an image. Results
    are the offsets and their mask (B, 4 N), and the classes (B, N): 0 is the background.

    Args:
        overlap: Anchors that overlap a label by more are positive, besides the best of each label;
            none is if it is not positive.
        ignored: The class of anchors that are neither positive nor negative.
        ratio: Negative anchors per positive one; all others are negative if it is not positive.
        negative: Only anchors that overlap less can be chosen as negative.
        variances: Divisors of the offsets.
    """

    def __init__(
        self,
        overlap: float,
        ignored: float,
        ratio: float,
        negative: float,
        variances: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.overlap, self.ignored, self.ratio = overlap, ignored, ratio
        self.negative, self.variances = negative, variances

    def forward(
        self, anchors: Tensor, labels: Tensor, scores: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        anchors, labels, scores = anchors.detach(), labels.detach(), scores.detach()
        present = (labels[..., 0] == -1).cumsum(1) == 0
        overlaps = self._overlaps(anchors, labels)
        allowed = (overlaps > LEAST_OVERLAP) & present.unsqueeze(1)
        matched, _ = match(overlaps, allowed, labels.shape[1])
        best = torch.where(present.unsqueeze(1), overlaps, -1.0).max(2)
        positive = matched >= 0
        if self.overlap > 0:
            positive = positive | (best.values > self.overlap)
        index = torch.where(matched >= 0, matched, best.indices)
        negative = ~positive
        if self.ratio > 0:
            negative = self._hardest(positive, best.values, scores)
        found = labels.gather(1, index.unsqueeze(2).expand(-1, -1, labels.shape[2]))
        classes = torch.where(negative, 0.0, self.ignored)
        classes = torch.where(positive, found[..., 0] + 1, classes)
        # an image without labels is ignored
        classes = torch.where(present[:, :1], classes, self.ignored)
        mask = positive.unsqueeze(2).expand(-1, -1, 4)
        offsets = torch.where(mask, self._offsets(anchors, found[..., 1:5]), 0.0)
        return offsets.flatten(1), mask.flatten(1).to(offsets.dtype), classes.to(offsets.dtype)

    @staticmethod
    def _overlaps(anchors: Tensor, labels: Tensor) -> Tensor:
        one, other = anchors.reshape(1, -1, 1, 4), labels[:, None, :, 1:5]
        both = intersections(one, other)
        sizes = [
            (each[..., 2] - each[..., 0]) * (each[..., 3] - each[..., 1]) for each in (one, other)
        ]
        union = sizes[0] + sizes[1] - both
        return torch.where(union == 0, 0.0, both / union)

    def _hardest(self, positive: Tensor, overlaps: Tensor, scores: Tensor) -> Tensor:
        """The anchors that are least certainly background, as many as the ratio says."""
        counts = positive.sum(1, keepdim=True)
        wanted = (counts * self.ratio).floor()
        wanted = torch.minimum(wanted, positive.shape[1] - counts)
        candidates = ~positive & (overlaps < self.negative)
        background = scores.softmax(1)[:, 0]
        order = torch.where(candidates, background, torch.inf).sort(dim=1, stable=True).indices
        places = torch.arange(positive.shape[1], device=positive.device).expand_as(order)
        rank = torch.empty_like(order).scatter(1, order, places)
        return candidates & (rank < wanted)

    def _offsets(self, anchors: Tensor, boxes: Tensor) -> Tensor:
        size, anchor_size = boxes[..., 2:] - boxes[..., :2], anchors[..., 2:] - anchors[..., :2]
        shift = (boxes[..., :2] + boxes[..., 2:]) * 0.5 - (
            anchors[..., :2] + anchors[..., 2:]
        ) * 0.5
        offsets = torch.cat([shift / anchor_size, (size / anchor_size).log()], -1)
        return offsets / offsets.new_tensor(self.variances)

    def extra_repr(self) -> str:
        return f"overlap={self.overlap:.3g}, ratio={self.ratio:.3g}, negative={self.negative:.3g}"
