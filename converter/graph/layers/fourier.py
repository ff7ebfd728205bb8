"""Fourier transforms and the count sketch, which MXNet computes on GPUs only."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FourierTransform(nn.Module):
    """Fourier transform of the last axis: real (…, n) to (…, 2 n) of real and imaginary parts."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.view_as_real(torch.fft.fft(input)).flatten(-2)


class InverseFourierTransform(nn.Module):
    """The real part of the inverse transform of (…, 2 n): (…, n), not divided by n."""

    def forward(self, input: Tensor) -> Tensor:
        parts = input.reshape(*input.shape[:-1], -1, 2).contiguous()
        values: Tensor = torch.fft.ifft(torch.view_as_complex(parts), norm="forward")
        return values.real


class CountSketch(nn.Module):
    """Sums of the last axis (…, n), with signs (1, n), by their place (1, n) in the result."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, input: Tensor, places: Tensor, signs: Tensor) -> Tensor:
        sums = input.new_zeros(*input.shape[:-1], self.size)
        return sums.index_add(-1, places.reshape(-1).long(), input * signs.reshape(-1))

    def extra_repr(self) -> str:
        return f"size={self.size}"
