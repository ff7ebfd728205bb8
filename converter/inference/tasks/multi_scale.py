"""Scores of an image's pixels at several scales and mirrored, as GluonCV evaluates segmentation.

The computation is that of gluoncv.model_zoo.segbase.MultiEvalModel. At each scale the network runs
on overlapping square crops, and on their mirror images; the scores are averaged where crops
overlap, and summed over the scales.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ..images.linear_resize import Size

Run = Callable[[torch.Tensor], torch.Tensor]
"""A network: pixels (1, 3, crop, crop) → logits (1, C, crop, crop)."""


@dataclass(frozen=True)
class MultiScale:
    """How the scores of an image are computed.

    Attributes:
        scales: Factors of the base size.
        flip: Whether the mirror image of each crop counts, too.
        base: Length of the image's longer side at scale 1, in pixels.
        crop: Side of a crop, in pixels.
    """

    scales: tuple[float, ...]
    flip: bool
    base: int
    crop: int

    def scores(self, run: Run, pixels: torch.Tensor, black: torch.Tensor) -> torch.Tensor:
        """Compute the scores of an image's pixels.

        Args:
            run: The network.
            pixels: A normalised image (1, 3, H, W).
            black: Value of a black pixel (3,), with which small images are extended to the right
                and below.

        Returns:
            The scores (1, C, H, W), which are sums of exp(logits).
        """
        size = pixels.shape[2], pixels.shape[3]
        total = torch.zeros(())
        for scale in self.scales:
            whole = self._resized(size, scale)
            resized = _extended(_resize(pixels, whole), self.crop, black)
            found = self._in_crops(run, resized, black)
            total = total + _resize(found[:, :, : whole[0], : whole[1]], size)
        return total

    def _resized(self, size: Size, scale: float) -> Size:
        """Height and width of an image at a scale."""
        longer = math.ceil(self.base * scale)
        height, width = (max(int(1.0 * side * longer / max(size) + 0.5), 1) for side in size)
        return height, width

    def _in_crops(self, run: Run, pixels: torch.Tensor, black: torch.Tensor) -> torch.Tensor:
        """Scores (1, C, H, W) of an image that is no smaller than a crop, averaged over crops."""
        crop, (height, width) = self.crop, pixels.shape[2:]
        total, counts = torch.zeros(()), torch.zeros(1, 1, height, width)
        for top in self._starts(height):
            for left in self._starts(width):
                bottom, right = min(top + crop, height), min(left + crop, width)
                part = _extended(pixels[:, :, top:bottom, left:right], crop, black)
                found = self._one(run, part)[:, :, : bottom - top, : right - left]
                if total.ndim == 0:
                    total = torch.zeros(1, found.shape[1], height, width)
                total[:, :, top:bottom, left:right] += found
                counts[:, :, top:bottom, left:right] += 1
        return total / counts

    def _starts(self, length: int) -> range:
        """Where crops start along a side; they overlap by a third."""
        stride = int(self.crop * (2 / 3))
        count = math.ceil((length - self.crop) / stride) + 1
        return range(0, count * stride, stride)

    def _one(self, run: Run, pixels: torch.Tensor) -> torch.Tensor:
        logits = run(pixels)
        if self.flip:
            logits = logits + run(pixels.flip(3)).flip(3)
        return logits.exp()


def _resize(pixels: torch.Tensor, size: Size) -> torch.Tensor:
    """Resize linearly, with the corner pixels' centres kept in place, as MXNet does."""
    if pixels.shape[2:] == size:
        return pixels
    return F.interpolate(pixels, size, mode="bilinear", align_corners=True)


def _extended(pixels: torch.Tensor, crop: int, black: torch.Tensor) -> torch.Tensor:
    """Extend an image to the right and below with black, to a crop's side at least."""
    height, width = pixels.shape[2:]
    if min(height, width) >= crop:
        return pixels
    extended = black[None, :, None, None].repeat(1, 1, max(height, crop), max(width, crop))
    extended[:, :, :height, :width] = pixels
    return extended
