"""Conversion to the data type of a module."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OwnDtype(nn.Module):
    """Converts its input to the data type that `module.float()` and the like give its parameters.

    Args:
        dtype: The data type until then.
    """

    own: Tensor

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("own", torch.empty(0, dtype=dtype), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        return input.to(self.own.dtype)
