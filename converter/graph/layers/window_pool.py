"""Pooling as MXNet computes it where torch.nn has no equal layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WindowPool(nn.Module):
    """Maximum, average or sum of windows of any stride and padding, in any number of dimensions.

    torch.nn's layers refuse paddings of more than half the kernel, and drop a last window that
    starts behind the padded input, which MXNet's convention `full` keeps: its average and sum are
    0, its maximum is the lowest finite number. Source: MXNet's src/operator/nn/pool.h.
    """

    def __init__(
        self,
        kind: str,
        kernel: Sequence[int],
        stride: Sequence[int],
        pad: Sequence[int],
        full: bool,
        count_include_pad: bool,
    ) -> None:
        """Create the layer.

        Args:
            kind: `max`, `avg` or `sum`.
            full: Round the number of windows up.
            count_include_pad: Averages divide by the number of all values, padding included.
        """
        super().__init__()
        self.kind, self.kernel, self.stride = kind, tuple(kernel), tuple(stride)
        self.pad, self.full, self.count_include_pad = tuple(pad), full, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        sizes = input.shape[2:]
        windows = [self._windows(axis, size) for axis, size in enumerate(sizes)]
        widths: list[int] = []
        for axis, (size, count) in reversed(list(enumerate(zip(sizes, windows, strict=True)))):
            needed = (count - 1) * self.stride[axis] + self.kernel[axis]
            widths += [self.pad[axis], needed - size - self.pad[axis]]  # less than 0 crops
        edge = torch.finfo(input.dtype).min if self.kind == "max" else 0.0
        output = F.pad(input, widths, value=edge)
        for axis, (kernel, stride) in enumerate(zip(self.kernel, self.stride, strict=True)):
            output = output.unfold(axis + 2, kernel, stride)
        axes = tuple(range(-len(self.kernel), 0))
        if self.kind == "max":
            return output.amax(axes)
        output = output.sum(axes)
        if self.kind == "avg":
            for axis, (size, count) in enumerate(zip(sizes, windows, strict=True)):
                shape = (count, *(1,) * (len(sizes) - 1 - axis))
                output = output / self._counts(axis, size, count).to(input).reshape(shape)
        return output

    def _windows(self, axis: int, size: int) -> int:
        rest = size + 2 * self.pad[axis] - self.kernel[axis]
        return (rest + (self.stride[axis] - 1 if self.full else 0)) // self.stride[axis] + 1

    def _counts(self, axis: int, size: int, count: int) -> Tensor:
        """How many values each window averages, at least 1."""
        pad = self.pad[axis]
        start = torch.arange(count) * self.stride[axis] - pad
        end = start + self.kernel[axis]
        if self.count_include_pad:
            return (end.clamp(max=size + pad) - start).clamp(min=1)
        return (end.clamp(max=size) - start.clamp(min=0)).clamp(min=1)

    def extra_repr(self) -> str:
        return (
            f"{self.kind!r}, kernel={self.kernel}, stride={self.stride}, pad={self.pad}, "
            f"full={self.full}, count_include_pad={self.count_include_pad}"
        )


class LegacyPool(nn.Module):
    """Pooling of images as MXNet's Pooling_v1 computes it.

    Padding is 0 for maxima, too; averages divide by the size of the kernel; the maximum of a window
    behind the padded input is −∞. Source: MXNet's src/operator/pooling_v1-inl.h.
    """

    def __init__(
        self,
        kind: str,
        kernel: Sequence[int],
        stride: Sequence[int],
        pad: Sequence[int],
        full: bool,
    ) -> None:
        super().__init__()
        self.kind, self.kernel, self.stride = kind, tuple(kernel), tuple(stride)
        self.pad, self.full = tuple(pad), full

    def forward(self, input: Tensor) -> Tensor:
        top, left = self.pad
        padded = F.pad(input, (left, left, top, top))
        bottom, right = (self._behind(axis, size) for axis, size in enumerate(padded.shape[2:]))
        edge = float("-inf") if self.kind == "max" else 0.0
        padded = F.pad(padded, (0, right, 0, bottom), value=edge)
        if self.kind == "max":
            return F.max_pool2d(padded, self.kernel, self.stride)
        divisor = 1 if self.kind == "sum" else None
        return F.avg_pool2d(padded, self.kernel, self.stride, divisor_override=divisor)

    def _behind(self, axis: int, size: int) -> int:
        """By how much the last window exceeds the padded input."""
        kernel, stride = self.kernel[axis], self.stride[axis]
        rest = size - kernel + (stride - 1 if self.full else 0)
        return max(0, rest // stride * stride + kernel - size)

    def extra_repr(self) -> str:
        return (
            f"{self.kind!r}, kernel={self.kernel}, stride={self.stride}, pad={self.pad}, "
            f"full={self.full}"
        )


class GlobalPool(nn.Module):
    """The maximum, average or sum of all positions: (N, C, …) to (N, C, 1, …)."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, input: Tensor) -> Tensor:
        axes = tuple(range(2, input.dim()))
        if self.kind == "max":
            return input.amax(axes, keepdim=True)
        return (input.sum if self.kind == "sum" else input.mean)(axes, keepdim=True)

    def extra_repr(self) -> str:
        return repr(self.kind)
