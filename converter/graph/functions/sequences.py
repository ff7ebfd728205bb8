"""Functions for MXNet's operators on sequences."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def embedding(input: Tensor, table: Tensor) -> Tensor:
    """Rows of a computed table (rows, features) by index, as `Embedding` does."""
    return F.embedding(input.to(torch.int64).clamp(0, table.shape[0] - 1), table)


def sequence_mask(input: Tensor, lengths: Tensor, value: float, axis: int) -> Tensor:
    """Replace the steps after the end of each sequence.

    Args:
        input: (T, N, …) if `axis` is 0, (N, T, …) if it is 1.
        lengths: Length of each sequence, (N,).
        value: What replaces them.
    """
    if input.dtype == torch.float16 and abs(value) > torch.finfo(torch.float16).max:
        value = math.copysign(math.inf, value)  # which torch does not do itself
    ended = _steps(input, axis)[:, None] >= lengths.to(torch.int64)
    ended = ended if axis == 0 else ended.T
    return input.masked_fill(ended.reshape(ended.shape + (1,) * (input.dim() - 2)), value)


def sequence_last(input: Tensor, lengths: Tensor, axis: int) -> Tensor:
    """The last step of each sequence: (T, N, …) to (N, …), or (N, T, …) if `axis` is 1."""
    examples = torch.arange(input.shape[1 - axis], device=input.device)
    last = lengths.to(torch.int64) - 1
    return input[(last, examples) if axis == 0 else (examples, last)]


def sequence_reverse(input: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each sequence of (T, N, …); the steps after its end remain where they are."""
    steps, ends = _steps(input, 0)[:, None], lengths.to(torch.int64)
    sources = torch.where(steps < ends, ends - 1 - steps, steps)
    return input[sources, torch.arange(input.shape[1], device=input.device)]


def _steps(input: Tensor, axis: int) -> Tensor:
    return torch.arange(input.shape[axis], device=input.device)
