"""Layers on sequences: embedding of indices, and the loss of their transcription."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..functions.sequences import embedding


class Embedding(nn.Embedding):
    """Rows of a table by index; an index beyond the table takes its first or last row."""

    def forward(self, input: Tensor) -> Tensor:
        return embedding(input, self.weight)


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
