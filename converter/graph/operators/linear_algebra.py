"""Matrix products and factorisations."""

from __future__ import annotations

from ..functions import matrices
from .declaration import Declared, flag, integer, number, outputs, unknown

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
LINALG = {
    "gemm": Declared(matrices.gemm, 3, {**GEMM, "beta": number(1.0)}),
    "gemm2": Declared(matrices.gemm2, 2, GEMM),
    "potrf": Declared(matrices.potrf),
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
OPERATORS = {
    **{f"_linalg_{name}": operator for name, operator in LINALG.items()},
    "dot": Declared(matrices.dot, 2, TRANSPOSES, rank=unknown),
    "khatri_rao": Declared(matrices.khatri_rao, None),
}
