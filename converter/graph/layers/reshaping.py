"""Changes of shape: flattening, reshaping, cropping and slicing."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class Flatten(nn.Module):
    """(N, …) to (N, product of the rest), which is 1 for a vector."""

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(1) if input.dim() > 1 else input.unsqueeze(1)


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
        if self.shape[:1] in ((-1,), (-3,)):
            # by one axis: torch.export, which follows how axes merge, would rule out a batch of 1
            input = input.flatten()
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
            axis = axis % input.dim()  # of the input, also where `like` has another rank
            input = input.narrow(axis, 0, like.shape[axis])
        return input

    def extra_repr(self) -> str:
        return f"axes={self.axes}"
