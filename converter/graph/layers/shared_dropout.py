"""Dropout of whole rows, columns or channels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class SharedDropout(nn.Module):
    """Dropout whose mask is shared along some axes; `always` drops values in eval mode, too."""

    def __init__(self, p: float, axes: tuple[int, ...], always: bool = False) -> None:
        super().__init__()
        self.p, self.axes, self.always = p, axes, always

    def forward(self, input: Tensor) -> Tensor:
        axes = {axis % input.dim() for axis in self.axes}
        mask = input.new_ones([1 if axis in axes else n for axis, n in enumerate(input.shape)])
        return input * F.dropout(mask, self.p, self.training or self.always)

    def extra_repr(self) -> str:
        return f"p={self.p:g}, axes={self.axes}, always={self.always}"
