"""Functions for convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def crop_transposed(input: Tensor, target: Sequence[int], channels_last: bool) -> Tensor:
    """Crop a transposed convolution without padding to a size, as MXNet's `target_shape` pads it.

    Raises:
        RuntimeError: If the size is larger than the input's.
    """
    for axis, size in enumerate(target, 1 if channels_last else 2):
        start = (input.shape[axis] - size + 1) // 2
        input = input.narrow(axis, start, size)
    return input


def root(input: Tensor, degree: int) -> Tensor:
    """The first, second or third root; the third of negative numbers is negative."""
    if degree == 3:
        return input.sign() * input.abs().pow(1 / 3)
    return torch.sqrt(input) if degree == 2 else input
