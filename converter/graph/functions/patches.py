"""The patches of images as columns of a matrix, as convolutions take them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

Sides = Sequence[int]


def columns_of_image(
    data: Tensor, kernel: Sides, stride: Sides, dilate: Sides, pad: Sides
) -> Tensor:
    """(N, C, H, W) → (N, C · kernel, patches), with zeros around the image."""
    return F.unfold(data, tuple(kernel), tuple(dilate), tuple(pad), tuple(stride))


def image_of_columns(
    data: Tensor, output_size: Sides, kernel: Sides, stride: Sides, dilate: Sides, pad: Sides
) -> Tensor:
    """(N, C · kernel, patches) → (N, C, H, W), the sum of the patches, each at its place."""
    sizes = tuple(output_size), tuple(kernel)
    return F.fold(data, *sizes, tuple(dilate), tuple(pad), tuple(stride))
