"""Linear algebra of `mxnet.numpy`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def numpy_dot(a: Tensor, b: Tensor) -> Tensor:
    """The product over the last axis of the first and the last but one of the second input."""
    if a.dim() == 0 or b.dim() == 0:
        return a * b
    return tensordot(a, b, [-1], [max(b.dim() - 2, 0)])


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Matrix products of batches; a vector is a row on the left and a column on the right."""
    return a @ b


def tensordot(
    a: Tensor, b: Tensor, a_axes_summed: Sequence[int], b_axes_summed: Sequence[int]
) -> Tensor:
    """The sum of products over pairs of axes."""
    result: Tensor = torch.tensordot(a, b, dims=(list(a_axes_summed), list(b_axes_summed)))
    return result


def tensordot_last(a: Tensor, b: Tensor, axes: int) -> Tensor:
    """The sum of products over the last axes of the first and the first of the second input."""
    result: Tensor = torch.tensordot(a, b, dims=axes)
    return result


def einsum(*data: Tensor, subscripts: str) -> Tensor:
    """Einstein's summation, in the data type of the inputs; torch sums integers as int64."""
    return torch.einsum(subscripts, *data).to(data[0].dtype)


def eigvalsh(A: Tensor, UPLO: str) -> Tensor:
    """Eigenvalues of a symmetric matrix."""
    values: Tensor = torch.linalg.eigvalsh(A, UPLO)
    return values


def svd(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U, the singular values and V of A = U · diag(s) · V, of no more rows than columns.

    MXNet makes the first of the largest components of each row of V positive.
    """
    u, s, v = torch.linalg.svd(A, full_matrices=False)
    sign = v.gather(-1, v.abs().argmax(-1, keepdim=True)).sign()
    return u * sign.mT, s, v * sign


def solve(A: Tensor, B: Tensor) -> Tensor:
    """The X of A · X = B."""
    vector = B.dim() == A.dim() - 1
    result: Tensor = torch.linalg.solve(A, B.unsqueeze(-1) if vector else B)
    return result.squeeze(-1) if vector else result


def pinv(A: Tensor, rcond: Tensor | float, hermitian: bool) -> Tensor:
    """The pseudoinverse; singular values up to rcond times the largest are zero."""
    result: Tensor = torch.linalg.pinv(A, rtol=rcond, hermitian=hermitian)
    return result


def tensorinv(a: Tensor, ind: int) -> Tensor:
    """The inverse of the map from the last axes to the first `ind`."""
    rows, columns = a.shape[:ind], a.shape[ind:]
    inverse: Tensor = torch.linalg.inv(a.reshape(math.prod(rows), math.prod(columns)))
    return inverse.reshape(*columns, *rows)


def tensorsolve(a: Tensor, b: Tensor, a_axes: Sequence[int]) -> Tensor:
    """The x of tensordot(a, x, x.dim()) = b; `a_axes` are moved to the end of a first."""
    moved = [each % a.dim() for each in a_axes]
    a = a.permute(*(each for each in range(a.dim()) if each not in moved), *moved)
    shape = a.shape[b.dim() :]
    matrix = a.reshape(b.numel(), math.prod(shape))
    solution: Tensor = torch.linalg.solve(matrix, b.reshape(-1))
    return solution.reshape(shape)
