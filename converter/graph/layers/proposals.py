"""Region proposals of MXNet's region proposal networks, and their anchors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .box_overlaps import by_coordinate, conflicts
from .suppression import suppress


def base_anchors(stride: int, ratios: tuple[float, ...], scales: tuple[float, ...]) -> Tensor:
    """The anchors of the first position, with corners, in pixels: (ratios · scales, 4).

    MXNet computes them in float32, which matters where a side is rounded.
    """
    side = torch.tensor(float(stride))
    middle = 0.5 * (side - 1.0)
    anchors = []
    for ratio in torch.tensor(ratios):
        width = ((side * side / ratio).floor().sqrt() + 0.5).floor()
        for scale in torch.tensor(scales):
            scaled = width * scale
            height = (scaled / scale * ratio + 0.5).floor() * scale
            half = torch.stack([0.5 * (scaled - 1.0), 0.5 * (height - 1.0)])
            anchors.append(torch.cat([middle - half, middle + half]))
    return torch.stack(anchors)


class Proposal(nn.Module):
    """Proposals of class probabilities (B, 2 A, H, W), offsets (B, 4 A, H, W) and images (B, 3).

    The images are (height, width, scale). The first result is (B · count, 5): the image's number
    and the box, in pixels; the second (B · count, 1): the scores. If fewer boxes remain, they are
    repeated. MXNet computes in float32 only, propagates no gradient, and sorts equal scores in no
    particular order, here in that of the anchors.

    Args:
        stride: Distance of positions in pixels.
        ratios: Height over width of the anchors.
        scales: Sides of the anchors, in strides.
        before: How many of the best boxes enter suppression; all if not positive.
        count: How many proposals an image has.
        overlap: Boxes whose intersection over union with a better one is larger are removed.
        smallest: The smallest side of a proposal, in pixels of an image of scale 1.
        by_sides: Offsets are those of the four sides (`iou_loss`).
        with_scores: Whether there is a second result.
    """

    anchors: Tensor

    def __init__(
        self,
        stride: int,
        ratios: tuple[float, ...],
        scales: tuple[float, ...],
        before: int,
        count: int,
        overlap: float,
        smallest: int,
        by_sides: bool,
        with_scores: bool,
    ) -> None:
        super().__init__()
        anchors = base_anchors(stride, ratios, scales)
        self.register_buffer("anchors", anchors, persistent=False)
        self.ratios, self.scales = ratios, scales
        self.stride, self.before, self.count = stride, before, count
        self.overlap, self.smallest = overlap, smallest
        self.by_sides, self.with_scores = by_sides, with_scores

    def forward(
        self, probabilities: Tensor, offsets: Tensor, images: Tensor
    ) -> Tensor | tuple[Tensor, Tensor]:
        probabilities, offsets, images = (x.detach() for x in (probabilities, offsets, images))
        boxes, scores = self._boxes(offsets, images), self._scores(probabilities, images)
        sides = boxes[..., 2:] - boxes[..., :2] + 1.0
        smallest = (self.smallest * images[:, 2])[:, None, None]
        small = (sides < smallest).any(-1)
        grown = torch.cat([boxes[..., :2] - smallest / 2, boxes[..., 2:] + smallest / 2], -1)
        boxes = torch.where(small.unsqueeze(2), grown, boxes)
        scores = torch.where(small, -1.0, scores)
        order = scores.sort(dim=1, descending=True, stable=True).indices
        order = order[:, : self.before] if self.before > 0 else order
        boxes = boxes.gather(1, order.unsqueeze(2).expand(-1, -1, 4))
        scores = scores.gather(1, order)
        kept = suppress(torch.ones_like(scores, dtype=torch.bool), self._conflicts(boxes))
        return self._output(boxes, scores, kept)

    def _boxes(self, offsets: Tensor, images: Tensor) -> Tensor:
        """Boxes (B, H · W · A, 4) within the images, by position, then anchor."""
        batch, _, height, width = offsets.shape
        x = torch.arange(width, dtype=offsets.dtype, device=offsets.device) * self.stride
        y = torch.arange(height, dtype=offsets.dtype, device=offsets.device) * self.stride
        corner = torch.stack([x.expand(height, -1), y.unsqueeze(1).expand(-1, width)], -1)
        shifts = torch.cat([corner, corner], -1).unsqueeze(2)
        anchors = (self.anchors.to(offsets.dtype) + shifts).reshape(1, -1, 4)
        offsets = offsets.reshape(batch, -1, 4, height, width)
        offsets = offsets.permute(0, 3, 4, 1, 2).reshape(batch, -1, 4)
        if self.by_sides:
            boxes = anchors + offsets
        else:
            size = anchors[..., 2:] - anchors[..., :2] + 1.0
            middle = anchors[..., :2] + 0.5 * (size - 1.0)
            middle = offsets[..., :2] * size + middle
            half = 0.5 * (offsets[..., 2:].exp() * size - 1.0)
            boxes = torch.cat([middle - half, middle + half], -1)
        last = images[:, [1, 0, 1, 0]].unsqueeze(1) - 1.0
        return torch.minimum(boxes, last).clamp(min=0.0)

    def _scores(self, probabilities: Tensor, images: Tensor) -> Tensor:
        """Scores (B, H · W · A): −1 at positions outside the image, which are padding."""
        batch, channels, height, width = probabilities.shape
        real = (images[:, :2] / self.stride).trunc()
        y = torch.arange(height, dtype=images.dtype, device=images.device)
        x = torch.arange(width, dtype=images.dtype, device=images.device)
        inside = (y < real[:, :1]).unsqueeze(2) & (x < real[:, 1:]).unsqueeze(1)
        scores = torch.where(inside.unsqueeze(1), probabilities[:, channels // 2 :], -1.0)
        return scores.permute(0, 2, 3, 1).reshape(batch, -1)

    def _conflicts(self, boxes: Tensor) -> Callable[[slice, slice], Tensor]:
        """Which boxes remove which; pixels have an extent."""
        boxes = by_coordinate(boxes)
        sides = boxes[..., 2:] - boxes[..., :2] + 1.0
        return conflicts(boxes, sides[..., 0] * sides[..., 1], self.overlap, extent=1.0)

    def _output(
        self, boxes: Tensor, scores: Tensor, kept: Tensor
    ) -> Tensor | tuple[Tensor, Tensor]:
        batch, available = kept.shape
        front = kept.to(torch.int8).sort(dim=1, descending=True, stable=True).indices
        number = kept.sum(1, keepdim=True).clamp(max=min(self.count, available))
        places = torch.arange(self.count, device=kept.device).expand(batch, -1) % number
        chosen = front.gather(1, places).unsqueeze(2)
        numbers = torch.arange(batch, dtype=boxes.dtype, device=boxes.device)[:, None, None]
        boxes = boxes.gather(1, chosen.expand(-1, -1, 4))
        rois = torch.cat([numbers.expand(-1, self.count, 1), boxes], -1).reshape(-1, 5)
        if not self.with_scores:
            return rois
        return rois, scores.unsqueeze(2).gather(1, chosen).reshape(-1, 1)

    def extra_repr(self) -> str:
        return f"stride={self.stride}, before={self.before}, count={self.count}"
