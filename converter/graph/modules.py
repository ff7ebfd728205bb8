"""Modules for operators of MXNet that torch.nn does not have."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attributes import rounded_single


class L2Normalization(nn.Module):
    """x / sqrt(Σ x² + eps), with the sum over the dimensions of the mode.

    Modes: `instance` is all dimensions but the first, `channel` the second, `spatial` the third and
    later.
    """

    def __init__(self, mode: str, eps: float) -> None:
        super().__init__()
        self.mode, self.eps = mode, eps

    def forward(self, input: Tensor) -> Tensor:
        dims = {
            "instance": range(1, input.dim()),
            "channel": range(1, 2),
            "spatial": range(2, input.dim()),
        }[self.mode]
        return input / (input.square().sum(tuple(dims), keepdim=True) + self.eps).sqrt()

    def extra_repr(self) -> str:
        return f"mode={self.mode!r}, eps={self.eps:.3g}"


class Flatten(nn.Module):
    """(N, …) to (N, product of the rest), which is 1 for a vector."""

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(1) if input.dim() > 1 else input.unsqueeze(1)


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


class Reshape(nn.Module):
    """MXNet's Reshape, with its special sizes.

    0 keeps a size, −1 is inferred, −2 keeps all remaining sizes, −3 is the product of two sizes and
    −4 splits one into the two that follow it. With `reverse`, sizes are matched from the right.

    MXNet 1.9.1 puts the inferred size one place later for each −4 before it, in place of the size
    there; this is so here, too (InferReshapeShape in src/operator/tensor/matrix_op-inl.h).
    """

    def __init__(self, shape: Sequence[int], reverse: bool = False) -> None:
        super().__init__()
        self.shape, self.reverse = tuple(shape), reverse

    def forward(self, input: Tensor) -> Tensor:
        sizes = list(input.shape)
        if self.reverse:
            return input.reshape(self._target(self.shape[::-1], sizes[::-1])[::-1])
        return input.reshape(self._target(self.shape, sizes))

    @staticmethod
    def _target(codes: Sequence[int], sizes: list[int]) -> list[int]:
        target: list[int] = []
        inferred: int | None = None
        at, place = 0, 0  # positions in the input's sizes and in the codes
        while place < len(codes):
            code = codes[place]
            if code == 0:
                target.append(sizes[at])
            elif code == -2:
                target += sizes[at:]
                at = len(sizes)
            elif code == -3:
                target.append(sizes[at] * sizes[at + 1])
                at += 1
            elif code == -4:
                one, other = codes[place + 1 : place + 3]
                place += 2
                one = sizes[at] // other if one == -1 else one
                target += [one, sizes[at] // one if other == -1 else other]
            elif code == -1:
                inferred = place
                target.append(1)
            else:
                target.append(code)
            at += 1
            place += 1
        if inferred is not None:
            target[inferred] = -1
        return target

    def extra_repr(self) -> str:
        return f"{self.shape}" + (", reverse=True" if self.reverse else "")


class BilinearResize(nn.Module):
    """Bilinear interpolation to a given size, by scales, or to the size of a second input.

    The mode `odd_scale` scales the distance of the first and last pixel of an odd size. Modes such
    as `to_even_up` change a size by one unless it is even already.
    """

    def __init__(
        self,
        size: tuple[int, int] | None,
        scales: tuple[float, float],
        align_corners: bool,
        mode: str = "size",
    ) -> None:
        super().__init__()
        self.size, self.scales, self.align_corners = size, scales, align_corners
        self.mode = mode

    def forward(self, input: Tensor, like: Tensor | None = None) -> Tensor:
        if like is not None:
            size = list(like.shape[2:])
        elif self.size is not None:
            size = list(self.size)
        else:
            pairs = zip(input.shape[2:], self.scales, strict=True)
            size = [self._scaled(each, scale) for each, scale in pairs]
        if 0 in size:
            return input.new_empty((*input.shape[:2], *size))
        if not self.align_corners:  # a single output is the first input, not the middle
            height, width = (1 if out == 1 else None for out in size)
            input = input[:, :, :height, :width]
        return F.interpolate(input, size, mode="bilinear", align_corners=self.align_corners)

    def _scaled(self, size: int, scale: float) -> int:
        if self.mode.startswith("to_"):
            remainder = 1 if "odd" in self.mode else 0
            step = 1 if self.mode.endswith("up") else -1
            return size if size % 2 == remainder else size + step
        if self.mode == "odd_scale" and size % 2:
            return int(rounded_single(scale * (size - 1))) + 1
        return int(rounded_single(scale * size))

    def extra_repr(self) -> str:
        return f"size={self.size}, scales={self.scales}, align_corners={self.align_corners}"


class UpSamplings(nn.Module):
    """Nearest-neighbour upsampling of several inputs, which are then concatenated or added.

    The common size is `scale` times that of the first input; `join` is `concat` or `sum`.
    """

    def __init__(self, scale: int, join: str) -> None:
        super().__init__()
        self.scale, self.join = scale, join

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        size = [each * self.scale for each in first.shape[2:]]
        maps = [F.interpolate(each, size, mode="nearest") for each in (first, *others)]
        return torch.cat(maps, 1) if self.join == "concat" else torch.stack(maps).sum(0)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, join={self.join!r}"


class Crop(nn.Module):
    """Crop of (N, C, H, W) to a fixed size or the size of a second input.

    The window is at an offset (top, left) in pixels, or centred.
    """

    def __init__(self, size: tuple[int, ...], offset: tuple[int, ...], center: bool) -> None:
        super().__init__()
        self.size, self.offset, self.center = size, offset, center

    def forward(self, input: Tensor, like: Tensor | None = None) -> Tensor:
        height, width = self.size if like is None else like.shape[2:]
        top, left = self.offset
        if self.center:
            top, left = (input.shape[2] - height) // 2, (input.shape[3] - width) // 2
        return input[:, :, top : top + height, left : left + width]

    def extra_repr(self) -> str:
        return f"size={self.size}, offset={self.offset}, center={self.center}"


class SliceLike(nn.Module):
    """The start of a tensor, with the length of another along the given axes (default: all)."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, input: Tensor, like: Tensor) -> Tensor:
        for axis in self.axes or range(like.dim()):
            input = input.narrow(axis, 0, like.shape[axis])
        return input

    def extra_repr(self) -> str:
        return f"axes={self.axes}"


class ReshapeLike(nn.Module):
    """A tensor reshaped to the shape of another."""

    def forward(self, input: Tensor, like: Tensor) -> Tensor:
        return input.reshape(like.shape)


def bilinear_padding(scale: int) -> int:
    """The padding of the transposed convolution that MXNet's bilinear UpSampling uses."""
    return math.ceil((scale - 1) / 2)
