"""Where an image lies in a network's input, to map results back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...sources.arrays import Array
from .linear_resize import Size

Pair = tuple[float, float]  # down, across
Box = Sequence[float]  # x0, y0, x1, y1


@dataclass(frozen=True)
class Placement:
    """Position and scale of an image in the network's input.

    Attributes:
        image: Height and width of the image, in pixels.
        scale: Pixels of the input per pixel of the image, down and across.
        offset: The image's upper left corner in the input, in pixels, down and across.
    """

    image: Size
    scale: Pair
    offset: Pair = (0.0, 0.0)

    def points_to_image(self, points: Any) -> Array:
        """Map points (…, 2) as (x, y) in the input's pixels to the image's, in float64."""
        values = np.asarray(points, np.float64)
        mapped: Array = (values - self.offset[::-1]) / self.scale[::-1]
        return mapped

    def boxes_to_image(self, boxes: Any) -> Array:
        """Map boxes (…, 4) as (x0, y0, x1, y1) in the input's pixels to the image's, in float64.

        Boxes are not clipped. The values of a detector's empty rows, whose class is -1, have no
        meaning before nor after.
        """
        values = np.asarray(boxes, np.float64)
        corners = self.points_to_image(values.reshape(*values.shape[:-1], 2, 2))
        mapped: Array = corners.reshape(values.shape)
        return mapped

    def boxes_to_input(self, boxes: Any) -> Array:
        """Map boxes (…, 4) in the image's pixels to the input's, in float64."""
        values = np.asarray(boxes, np.float64)
        mapped: Array = values * (self.scale[::-1] * 2) + self.offset[::-1] * 2
        return mapped

    def logits_to_image(self, logits: torch.Tensor) -> torch.Tensor:
        """Resize logits (N, C, H, W) of the input's pixels to the image's, (N, C, *image).

        What lies outside the image is dropped. The rest is resized as GluonCV's evaluation does:
        linearly, with the corner pixels' centres kept in place.
        """
        (top, height), (left, width) = (
            (round(offset), round(scale * side))
            for offset, scale, side in zip(self.offset, self.scale, self.image, strict=True)
        )
        inside = logits[:, :, top : top + height, left : left + width]
        if inside.shape[2:] == self.image:
            return inside
        return torch.nn.functional.interpolate(
            inside, self.image, mode="bilinear", align_corners=True
        )
