"""Functions and modules for MXNet's operators on sequences."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Embedding(nn.Embedding):
    """Rows of a table by index; an index beyond the table takes its first or last row."""

    def forward(self, input: Tensor) -> Tensor:
        return embedding(input, self.weight)


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


class CTCLoss(nn.Module):
    """Connectionist temporal classification: the loss of each sequence.

    Takes activations (T, N, classes) before softmax, labels (N, L), and, with the flags, lengths of
    sequences and of labels. Without lengths of labels, a label ends before its first padding, which
    is 0 if class 0 is the blank, and −1 if the last class is. A label that does not fit into its
    sequence has the loss 0.
    """

    def __init__(self, blank_first: bool, has_lengths: bool, has_label_lengths: bool) -> None:
        super().__init__()
        self.blank_first = blank_first
        self.has_lengths, self.has_label_lengths = has_lengths, has_label_lengths

    def forward(self, input: Tensor, labels: Tensor, *lengths: Tensor) -> Tensor:
        steps, batch, classes = input.shape
        targets = labels.to(torch.int64)
        if self.has_label_lengths:
            label_lengths = lengths[-1].to(torch.int64)
        else:
            padding = targets == (0 if self.blank_first else -1)
            label_lengths = (padding.cumsum(1) == 0).sum(1)
        if self.has_lengths:
            ends = lengths[0].to(torch.int64)
        else:
            ends = torch.full((batch,), steps, dtype=torch.int64, device=input.device)
        blank = 0 if self.blank_first else classes - 1
        return F.ctc_loss(
            F.log_softmax(input, -1),
            targets.clamp(min=0),
            ends,
            label_lengths,
            blank=blank,
            reduction="none",
            zero_infinity=True,
        )

    def extra_repr(self) -> str:
        return (
            f"blank_first={self.blank_first}, has_lengths={self.has_lengths}, "
            f"has_label_lengths={self.has_label_lengths}"
        )
