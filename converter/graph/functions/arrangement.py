"""Changes of shape of `mxnet.numpy`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def reshape_codes(a: Tensor, newshape: Sequence[int], reverse: bool) -> Tensor:
    """Reshape with special sizes.

    −1 is inferred, −2 keeps a size, −3 drops a size of 1, −4 keeps all remaining sizes, −5 is the
    product of two, and −6 splits one into the two that follow it. With `reverse`, sizes are matched
    from the right.
    """
    if reverse:
        return a.reshape(_target(newshape[::-1], list(a.shape[::-1]))[::-1])
    return a.reshape(_target(newshape, list(a.shape)))


def _target(codes: Sequence[int], sizes: list[int]) -> list[int]:
    target: list[int] = []
    at, place = 0, 0  # positions in the input's sizes and in the codes
    while place < len(codes):
        code = codes[place]
        place += 1
        if code == -2:
            target.append(sizes[at])
        elif code == -4:
            target += sizes[at:]
            at = len(sizes)
        elif code == -5:
            target.append(sizes[at] * sizes[at + 1])
            at += 1
        elif code == -6:
            one, other = codes[place : place + 2]
            place += 2
            one = sizes[at] // other if one == -1 else one
            target += [one, sizes[at] // one if other == -1 else other]
        elif code != -3:
            target.append(code)
        at += 1
    return target


def reshape_to(a: Tensor, newshape: Sequence[int]) -> Tensor:
    """Reshape; −1 is inferred."""
    return a.reshape(tuple(newshape))


def transposed(a: Tensor, axes: Sequence[int] | None) -> Tensor:
    """Permute the axes, or reverse them."""
    return a.permute(tuple(axes) if axes else tuple(range(a.dim()))[::-1])


def squeezed(a: Tensor, axis: Sequence[int] | None) -> Tensor:
    """Remove axes of size 1: those given, or all of them."""
    return a.squeeze() if axis is None else a.squeeze(tuple(axis))


def roll(data: Tensor, shift: Sequence[int] | None, axis: Sequence[int] | None) -> Tensor:
    """Shift along axes, or in the flattened input; what leaves at the end enters at the start."""
    if not shift:
        return data
    if axis is None:
        return torch.roll(data, shift[0])
    shifts = tuple(shift) if len(shift) == len(axis) else tuple(shift) * len(axis)
    return torch.roll(data, shifts, tuple(axis))


def moveaxis(a: Tensor, source: Sequence[int], destination: Sequence[int]) -> Tensor:
    """Move axes to other places."""
    return a.movedim(tuple(source), tuple(destination))


def expanded(array: Tensor, shape: Sequence[int]) -> Tensor:
    """Broadcast to a shape, in which −2 keeps a size."""
    return array.expand([-1 if size == -2 else size for size in shape])


def rot90(data: Tensor, k: int, axes: Sequence[int] | None) -> Tensor:
    """Rotate by k quarter turns in the plane of two axes."""
    return torch.rot90(data, k, tuple(axes or (0, 1)))


def tril(data: Tensor, k: int) -> Tensor:
    """The values on and below the k-th diagonal; a vector is repeated as rows first."""
    matrix = data.expand(len(data), len(data)) if data.dim() == 1 else data
    return matrix.tril(k)


def diagonal(data: Tensor, offset: int, axis1: int, axis2: int) -> Tensor:
    """A diagonal of two axes, which becomes the last axis."""
    return data.diagonal(offset, axis1, axis2)


def diagonal_of(data: Tensor, k: int) -> Tensor:
    """The k-th diagonal of a matrix, or the matrix of a vector."""
    if data.dim() == 2 and not -data.shape[0] <= k <= data.shape[1]:
        return data.new_zeros(0)
    return torch.diag(data, k)


def diagflat(data: Tensor, k: int) -> Tensor:
    """The matrix whose k-th diagonal is the flattened input."""
    return torch.diagflat(data, k)


def full_like(a: Tensor, fill_value: float, dtype: torch.dtype | None) -> Tensor:
    """One value in the shape of the input."""
    kind = dtype or a.dtype
    value = fill_value if kind.is_floating_point or kind == torch.bool else int(fill_value)
    return torch.full_like(a, value, dtype=kind)


def diag_indices_from(data: Tensor) -> Tensor:
    """The coordinates of the diagonal, along a new first axis."""
    return torch.arange(data.shape[0], device=data.device).expand(data.dim(), -1)


def copied(a: Tensor) -> Tensor:
    """A copy."""
    return a.clone()
