"""Matrix products, factorisations and triangles of matrices.

The matrices are the last two axes; all others are batches.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .selection import at_least_1d, shaped


def dot(lhs: Tensor, rhs: Tensor, transpose_a: bool, transpose_b: bool) -> Tensor:
    """The product over the first input's last axis and the second's first axis.

    A transposed input has its first and last axes in each other's role.
    """
    axes = ([0 if transpose_a else -1], [-1 if transpose_b else 0])
    return at_least_1d(torch.tensordot(lhs, rhs, dims=axes))


def batch_dot(lhs: Tensor, rhs: Tensor, transpose_a: bool, transpose_b: bool) -> Tensor:
    """The products of the matrices of two batches, any of which may be transposed."""
    return _transposed(lhs, transpose_a) @ _transposed(rhs, transpose_b)


def _transposed(x: Tensor, transpose: bool) -> Tensor:
    return x.mT if transpose else x


def gemm2(
    A: Tensor, B: Tensor, transpose_a: bool, transpose_b: bool, alpha: float, axis: int
) -> Tensor:
    """alpha · op(A) · op(B), where `axis` is the one of the matrices' rows."""
    one, other = A.movedim(axis, -2), B.movedim(axis, -2)
    product = alpha * (_transposed(one, transpose_a) @ _transposed(other, transpose_b))
    return product.movedim(-2, axis)


def gemm(
    A: Tensor,
    B: Tensor,
    C: Tensor,
    transpose_a: bool,
    transpose_b: bool,
    alpha: float,
    beta: float,
    axis: int,
) -> Tensor:
    """alpha · op(A) · op(B) + beta · C, where `axis` is the one of the matrices' rows."""
    return gemm2(A, B, transpose_a, transpose_b, alpha, axis) + beta * C


def syrk(A: Tensor, transpose: bool, alpha: float) -> Tensor:
    """alpha · A · Aᵀ, or alpha · Aᵀ · A."""
    return alpha * (A.mT @ A if transpose else A @ A.mT)


def _triangle(A: Tensor, lower: bool) -> Tensor:
    return A.tril() if lower else A.triu()


def trmm(
    A: Tensor, B: Tensor, transpose: bool, rightside: bool, lower: bool, alpha: float
) -> Tensor:
    """alpha · op(A) · B, or alpha · B · op(A), with a triangular A."""
    triangle = _transposed(_triangle(A, lower), transpose)
    return alpha * (B @ triangle if rightside else triangle @ B)


def trsm(
    A: Tensor, B: Tensor, transpose: bool, rightside: bool, lower: bool, alpha: float
) -> Tensor:
    """The X of op(A) · X = alpha · B, or of X · op(A) = alpha · B, with a triangular A."""
    triangle = _transposed(_triangle(A, lower), transpose)
    upper = lower == transpose
    result: Tensor = torch.linalg.solve_triangular(
        triangle, alpha * B, upper=upper, left=not rightside
    )
    return result


def cholesky(A: Tensor) -> Tensor:
    """The lower Cholesky factor, of the lower triangle."""
    factor: Tensor = torch.linalg.cholesky(A)
    return factor


def potri(A: Tensor) -> Tensor:
    """The inverse of A · Aᵀ, of a lower triangular A."""
    return torch.cholesky_inverse(A.tril())


def gelqf(A: Tensor) -> tuple[Tensor, Tensor]:
    """Q and L of A = L · Q, with orthonormal rows in Q."""
    q, r = torch.linalg.qr(A.mT)
    return q.mT, r.mT


def eigh(A: Tensor, UPLO: str) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors, as columns, of a symmetric matrix, of one of its triangles.

    MXNet makes the first of each vector's largest components positive.
    """
    values, vectors = torch.linalg.eigh(A, UPLO)
    largest = vectors.abs().argmax(-2, keepdim=True)
    return values, vectors * vectors.gather(-2, largest).sign()


def syevd(A: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors, as rows, and eigenvalues of a symmetric matrix, of its lower triangle."""
    values, vectors = eigh(A, "L")
    return vectors.mT, values


def sumlogdiag(A: Tensor, numpy_shapes: bool) -> Tensor:
    """The sum of the logarithms of the diagonal."""
    return shaped(A.diagonal(0, -2, -1).log().sum(-1), numpy_shapes)


def extractdiag(A: Tensor, offset: int) -> Tensor:
    """A diagonal of each matrix."""
    return A.diagonal(offset, -2, -1)


def makediag(A: Tensor, offset: int) -> Tensor:
    """Square matrices with the vectors as a diagonal."""
    return torch.diag_embed(A, offset)


def _triangle_places(size: int, offset: int, lower: bool, device: torch.device) -> Tensor:
    """Rows and columns of a triangle; an offset other than 0 tells which one it is.

    The order is that of the lower triangle, row by row, also in the upper one.
    """
    places = torch.tril_indices(size, size, -abs(offset), device=device)
    return places if offset < 0 or (offset == 0 and lower) else places.flip(0)


def extracttrian(A: Tensor, offset: int, lower: bool) -> Tensor:
    """The values of a triangle of each matrix as a vector."""
    rows, columns = _triangle_places(A.shape[-1], offset, lower, A.device)
    return A[..., rows, columns]


def maketrian(A: Tensor, offset: int, lower: bool) -> Tensor:
    """Square matrices with the vectors as a triangle."""
    count, size = A.shape[-1], 0
    while size * (size + 1) // 2 < count:
        size += 1
    size += abs(offset)
    rows, columns = _triangle_places(size, offset, lower, A.device)
    result = A.new_zeros(*A.shape[:-1], size, size)
    result[..., rows, columns] = A
    return result


def inverse(A: Tensor) -> Tensor:
    """The inverse."""
    inverted: Tensor = torch.linalg.inv(A)
    return inverted


def det(A: Tensor, numpy_shapes: bool) -> Tensor:
    """The determinant."""
    return shaped(torch.linalg.det(A), numpy_shapes)


def slogdet(A: Tensor, numpy_shapes: bool) -> tuple[Tensor, Tensor]:
    """The sign and the logarithm of the absolute value of the determinant."""
    sign, value = torch.linalg.slogdet(A)
    return shaped(sign, numpy_shapes), shaped(value, numpy_shapes)


def khatri_rao(*args: Tensor) -> Tensor:
    """The column-wise Kronecker product."""
    result = args[0]
    for each in args[1:]:
        result = (result.unsqueeze(1) * each.unsqueeze(0)).reshape(-1, each.shape[1])
    return result
