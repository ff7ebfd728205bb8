"""Matrix products and factorisations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import fx

from ..construction.builder import Values
from ..construction.call import Call
from ..functions import decompositions, matrices, matrix_norms, spectra
from .declaration import (
    Declared,
    choice,
    flag,
    integer,
    integers,
    number,
    optional_integers,
    outputs,
    text,
    unknown,
)

TRANSPOSES = {"transpose_a": flag(False), "transpose_b": flag(False)}
GEMM = {**TRANSPOSES, "alpha": number(1.0), "axis": integer(-2)}
TRIANGULAR = {
    "transpose": flag(False),
    "rightside": flag(False),
    "lower": flag(True),
    "alpha": number(1.0),
}
OFFSET = {"offset": integer(0)}
TRIANGLE = {**OFFSET, "lower": flag(True)}
# without the prefix _linalg_
LINALG = {
    "gemm": Declared(matrices.gemm, 3, {**GEMM, "beta": number(1.0)}),
    "gemm2": Declared(matrices.gemm2, 2, GEMM),
    "potrf": Declared(matrices.cholesky),
    "potri": Declared(matrices.potri),
    "trsm": Declared(matrices.trsm, 2, TRIANGULAR, rank=unknown),
    "trmm": Declared(matrices.trmm, 2, TRIANGULAR, rank=unknown),
    "syrk": Declared(matrices.syrk, 1, {"transpose": flag(False), "alpha": number(1.0)}),
    "gelqf": Declared(matrices.gelqf, outputs=outputs(2)),
    "syevd": Declared(matrices.syevd, rank=unknown, outputs=outputs(2)),
    "sumlogdiag": Declared(matrices.sumlogdiag, numpy_shapes=True, rank=unknown),
    "extractdiag": Declared(matrices.extractdiag, 1, OFFSET, rank=unknown),
    "makediag": Declared(matrices.makediag, 1, OFFSET, rank=unknown),
    "extracttrian": Declared(matrices.extracttrian, 1, TRIANGLE, rank=unknown),
    "maketrian": Declared(matrices.maketrian, 1, TRIANGLE, rank=unknown),
    "inverse": Declared(matrices.inverse),
    "det": Declared(matrices.det, numpy_shapes=True, rank=unknown),
    "slogdet": Declared(matrices.slogdet, numpy_shapes=True, rank=unknown, outputs=outputs(2)),
}


def norm(call: Call) -> fx.Node | Values:
    """The norm of vectors along one axis, of matrices along two, or of all values."""
    attributes = call.attributes
    kind = int(attributes.choice("flag", "-1", ["-2", "-1", "0", "1", "2"]))
    axis, ord = optional_integers(attributes, "axis"), attributes.any_number("ord", 2.0)
    count = call.rank(0) if axis is None else len(axis)
    of_vectors = kind != matrix_norms.FLATTENED and count in (0, 1)
    if axis is not None and (len(axis) not in (1, 2) or kind == matrix_norms.FLATTENED):
        raise attributes.unsupported("axis")
    if of_vectors and kind == matrix_norms.NUCLEAR:
        raise attributes.unsupported("flag")
    if of_vectors and math.isinf(ord):
        raise attributes.unsupported("ord")
    given = {"axis": optional_integers, "ord": number(2.0), "keepdims": flag(False)}
    return Declared(matrix_norms.numpy_norm, 1, given, {"flag": kind}, ("flag",), rank=unknown)(
        call
    )


UPLO = {"UPLO": choice("L", "L", "U")}
# of mxnet.numpy
NUMPY: dict[str, Callable[[Call], Any]] = {
    "_np_dot": Declared(decompositions.numpy_dot, 2, rank=unknown),
    "_npi_matmul": Declared(decompositions.matmul, 2, rank=unknown),
    "_npi_tensordot": Declared(
        decompositions.tensordot,
        2,
        {"a_axes_summed": integers(), "b_axes_summed": integers()},
        rank=unknown,
    ),
    "_npi_tensordot_int_axes": Declared(
        decompositions.tensordot_last, 2, {"axes": integer()}, rank=unknown
    ),
    "_npi_einsum": Declared(
        decompositions.einsum, None, {"subscripts": text()}, ignored=("optimize",), rank=unknown
    ),
    "_npi_cholesky": Declared(matrices.cholesky),
    "_npi_eigh": Declared(matrices.eigh, 1, UPLO, rank=unknown, outputs=outputs(2)),
    "_npi_eigvalsh": Declared(decompositions.eigvalsh, 1, UPLO, rank=unknown),
    "_npi_eig": Declared(spectra.eig, rank=unknown, outputs=outputs(2)),
    "_npi_eigvals": Declared(spectra.eigvals, rank=unknown),
    "_npi_norm": norm,
    "_npi_svd": Declared(decompositions.svd, rank=unknown, outputs=outputs(3)),
    "_npi_solve": Declared(decompositions.solve, 2, rank=unknown),
    "_npi_pinv": Declared(decompositions.pinv, 2, {"hermitian": flag(False)}),
    "_npi_pinv_scalar_rcond": Declared(
        decompositions.pinv, 1, {"rcond": number(1e-15), "hermitian": flag(False)}
    ),
    "_npi_tensorinv": Declared(decompositions.tensorinv, 1, {"ind": integer(2)}),
    "_npi_tensorsolve": Declared(
        decompositions.tensorsolve, 2, {"a_axes": integers(())}, rank=unknown
    ),
}
OPERATORS: dict[str, Callable[[Call], Any]] = {
    **{f"_linalg_{name}": operator for name, operator in LINALG.items()},
    "dot": Declared(matrices.dot, 2, TRANSPOSES, ignored=("forward_stype",), rank=unknown),
    "khatri_rao": Declared(matrices.khatri_rao, None),
    **NUMPY,
}
