"""Repetition, reversal, broadcasting, splitting and reshaping."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from .selection import at_least_1d


def repeat(data: Tensor, repeats: int, axis: int | None) -> Tensor:
    """Each value repeated along an axis, or in the flattened input."""
    if axis is None:
        return data.reshape(-1).repeat_interleave(repeats, 0)
    return data.repeat_interleave(repeats, axis)


def reverse(data: Tensor, axis: Sequence[int]) -> Tensor:
    """Reverse axes."""
    return data.flip(tuple(axis))


def broadcast_to(data: Tensor, shape: Sequence[int]) -> Tensor:
    """Broadcast axes of size 1 to a shape, in which 0 keeps a size."""
    sizes = [size or own for size, own in zip(shape, data.shape, strict=True)]
    return data.expand(sizes)


def broadcast_axis(data: Tensor, axis: Sequence[int], size: Sequence[int]) -> Tensor:
    """Broadcast axes of size 1 to the given sizes."""
    sizes = list(data.shape)
    for place, count in zip(axis, size, strict=True):
        sizes[place] = count
    return data.expand(sizes)


def broadcast_like(
    lhs: Tensor,
    rhs: Tensor,
    lhs_axes: Sequence[int] | None,
    rhs_axes: Sequence[int] | None,
) -> Tensor:
    """Broadcast axes of size 1 to the sizes of another input, all of them or pairs of axes."""
    if lhs_axes is None or rhs_axes is None:
        return lhs.expand(rhs.shape)
    return broadcast_axis(lhs, lhs_axes, [rhs.shape[axis] for axis in rhs_axes])


def shape_array(data: Tensor) -> Tensor:
    """The shape as a vector of int64."""
    return torch.tensor(data.shape, dtype=torch.int64, device=data.device)


def size_array(data: Tensor) -> Tensor:
    """The number of values as a vector of one int64."""
    return torch.tensor([data.numel()], dtype=torch.int64, device=data.device)


def split_v2(
    data: Tensor, indices: Sequence[int], axis: int, squeeze_axis: bool, sections: int
) -> tuple[Tensor, ...]:
    """Split into equal sections, or at indices, the first of which is the first part's start.

    Where sections cannot be equal, the first are longer by one, as in NumPy's `array_split`.
    """
    size = data.shape[axis]
    if sections:
        length, longer = size // sections, size % sections
        bounds = [length * place + min(place, longer) for place in range(sections + 1)]
    else:
        bounds = [*indices, size]
    parts = [data.narrow(axis, start, end - start) for start, end in pairwise(bounds)]
    return tuple(part.squeeze(axis) if squeeze_axis else part for part in parts)


def reshape_like(
    lhs: Tensor,
    rhs: Tensor,
    lhs_begin: int | None,
    lhs_end: int | None,
    rhs_begin: int | None,
    rhs_end: int | None,
) -> Tensor:
    """Reshape to another input's shape, or a range of axes to those of a range of its axes."""
    first, last = _range(lhs, lhs_begin, lhs_end)
    start, end = _range(rhs, rhs_begin, rhs_end)
    return lhs.reshape(*lhs.shape[:first], *rhs.shape[start:end], *lhs.shape[last:])


def _range(x: Tensor, begin: int | None, end: int | None) -> tuple[int, int]:
    first, last, _ = slice(begin, end).indices(x.dim())
    return first, last


def squeeze(data: Tensor, axis: Sequence[int] | None) -> Tensor:
    """Remove axes of size 1, by default all of them, but keep one dimension."""
    return at_least_1d(data.squeeze() if axis is None else data.squeeze(tuple(axis)))


def diag(data: Tensor, k: int, axis1: int, axis2: int) -> Tensor:
    """The k-th diagonal of two axes, which becomes the last axis; of a vector, its matrix."""
    if data.dim() == 1:
        return torch.diag(data, k)
    return data.diagonal(k, axis1, axis2)


def depth_to_space(data: Tensor, block_size: int) -> Tensor:
    """(N, b²C, H, W) → (N, C, bH, bW), with the blocks as the slower part of the channels."""
    n, channels, height, width = data.shape
    blocks = data.reshape(n, block_size, block_size, -1, height, width)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(
        n, channels // block_size**2, height * block_size, width * block_size
    )


def space_to_depth(data: Tensor, block_size: int) -> Tensor:
    """(N, C, bH, bW) → (N, b²C, H, W), the inverse of `depth_to_space`."""
    n, channels, height, width = data.shape
    rows, columns = height // block_size, width // block_size
    blocks = data.reshape(n, channels, rows, block_size, columns, block_size)
    return blocks.permute(0, 3, 5, 1, 2, 4).reshape(n, channels * block_size**2, rows, columns)


def index_array(data: Tensor, axes: Sequence[int] | None) -> Tensor:
    """Each value's coordinates, of all axes or those given, along a new last axis."""
    ranges = [torch.arange(size, device=data.device) for size in data.shape]
    grid = torch.meshgrid(*ranges, indexing="ij")
    return torch.stack([grid[axis] for axis in (range(data.dim()) if axes is None else axes)], -1)
