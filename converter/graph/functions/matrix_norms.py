"""Norms of `mxnet.numpy`, of vectors and matrices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

FLATTENED, FROBENIUS, NUCLEAR = -2, 1, 2  # the attribute `flag`; others have no meaning


def numpy_norm(
    data: Tensor, ord: float, axis: Sequence[int] | None, keepdims: bool, flag: int
) -> Tensor:
    """The norm of vectors, along one axis, or of matrices, along two.

    Without axes, it is that of the last two axes, or of a vector, but for FLATTENED, which is the
    root of the sum of all squares.

    Raises:
        TypeError: If the input's values are not real numbers. MXNet's norm of integers overflows.
    """
    if not data.is_floating_point():
        raise TypeError(
            f"the norm of {data.dtype} is not supported; cast it to real numbers before"
        )
    if flag == FLATTENED:
        return _length(data, None, keepdims)
    axes = list(axis or range(-min(data.dim(), 2), 0))
    if len(axes) == 1 or not axes:
        return _power_norm(data, ord, axes, keepdims)
    return _matrix_norm(data, ord, axes, keepdims, flag)


def _length(data: Tensor, axes: list[int] | None, keepdims: bool) -> Tensor:
    """The root of the sum of squares."""
    result: Tensor = torch.linalg.vector_norm(data, 2, axes, keepdims)
    return result


def _power_norm(data: Tensor, ord: float, axes: list[int], keepdims: bool) -> Tensor:
    """The root of a sum of powers, in which zeros stay zeros; of degree 0, their number.

    The largest value is factored out, so that the powers do not overflow.
    """
    sizes = data.abs()
    if not axes:
        return sizes if ord else (sizes != 0).to(data.dtype)
    if ord == 0:
        return (sizes != 0).sum(axes, keepdims).to(data.dtype)
    largest = sizes.amax(axes, True)
    ratios = sizes / torch.where(largest == 0, 1, largest)
    sums = torch.where(ratios == 0, 0, torch.where(ratios == 0, 1, ratios) ** ord).sum(axes, True)
    roots = torch.where(sums == 0, 0, torch.where(sums == 0, 1, sums) ** (1 / ord))
    result = roots * largest
    return result if keepdims else result.squeeze(axes)


def _matrix_norm(data: Tensor, ord: float, axes: list[int], keepdims: bool, flag: int) -> Tensor:
    """The norm of matrices.

    By the singular values, it is the largest (`ord` 2), the smallest (−2) or their sum (NUCLEAR).
    Otherwise, it is the largest sum of absolute values in a column (1) or row (any greater number),
    or the smallest (−1; any other number).
    """
    if flag == FROBENIUS:
        return _length(data, axes, keepdims)
    row, column = (each % data.dim() for each in axes)
    if abs(ord) == 2:
        values: Tensor = torch.linalg.svdvals(data.movedim((row, column), (-2, -1)))
        if flag == NUCLEAR:
            result = values.sum(-1)
        else:
            result = values.amax(-1) if ord > 0 else values.amin(-1)
        for each in sorted((row, column)) if keepdims else ():
            result = result.unsqueeze(each)
        return result
    summed, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = data.abs().sum(summed, True)
    result = sums.amax(compared, True) if ord > 0 else sums.amin(compared, True)
    return result if keepdims else result.squeeze((row, column))
