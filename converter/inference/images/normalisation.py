"""Pixel values as a network takes them."""

from __future__ import annotations

from typing import Protocol

import torch


class Normalised(Protocol):
    """Mean and standard deviation of a network's inputs, per channel, for values in 0 … 1."""

    @property
    def mean(self) -> tuple[float, ...]: ...

    @property
    def std(self) -> tuple[float, ...]: ...


def normalise(
    pixels: torch.Tensor, preprocessing: Normalised, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Normalise pixels (N, H, W, 3) in 0 … 255 to (N, 3, H, W).

    Gluon's ToTensor and Normalize do the same.
    """
    mean, std = (
        torch.tensor(values, dtype=dtype, device=pixels.device)[:, None, None]
        for values in (preprocessing.mean, preprocessing.std)
    )
    return pixels.permute(0, 3, 1, 2).to(dtype, copy=True).div_(255).sub_(mean).div_(std)
