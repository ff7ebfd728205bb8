"""Eigenvalues and eigenvectors of square matrices that need not be symmetric."""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST_ROUNDING = 1e-15  # an imaginary part up to this is none, as in MXNet


def eig(A: Tensor) -> tuple[Tensor, Tensor]:
    """Real eigenvalues, and eigenvectors of length 1 as columns; those of integers are float64.

    The order of the eigenvalues and the signs of the vectors are LAPACK's, whose implementations
    differ.

    Raises:
        ValueError: If an eigenvalue is not real, which MXNet does not compute either.
    """
    values, vectors = torch.linalg.eig(_real(A))
    return _checked(values), vectors.real


def eigvals(A: Tensor) -> Tensor:
    """Real eigenvalues, in the order of LAPACK; those of integers are float64.

    Raises:
        ValueError: If an eigenvalue is not real, which MXNet does not compute either.
    """
    return _checked(torch.linalg.eigvals(_real(A)))


def _real(A: Tensor) -> Tensor:
    return A if A.is_floating_point() else A.double()


def _checked(values: Tensor) -> Tensor:
    if not torch.compiler.is_compiling() and not (values.imag.abs() <= LARGEST_ROUNDING).all():
        raise ValueError("an eigenvalue is not real, for which MXNet has no result")
    return values.real
