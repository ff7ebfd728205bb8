"""Reductions and linear algebra of `mxnet.numpy`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import fx

from ..builder import Values
from ..call import Call
from ..functions import decompositions, matrix_norms, spectra, statistics
from .declaration import (
    Declared,
    choice,
    flag,
    integer,
    integers,
    number,
    one,
    optional_dtype,
    optional_integer,
    optional_integers,
    optional_number,
    outputs,
    text,
    unknown,
)

AXES = {"axis": optional_integers, "keepdims": flag(False)}
WITH_DTYPE = {**AXES, "dtype": optional_dtype}
PLACE = {"offset": integer(0), "axis1": integer(0), "axis2": integer(1)}
UPLO = {"UPLO": choice("L", "L", "U")}


def _reductions(
    function: Any, names: tuple[str, ...], attributes: Mapping[str, Any]
) -> dict[str, Declared]:
    return {
        name: Declared(function, 1, attributes, {"name": name.rpartition("_")[2]}, rank=unknown)
        for name in names
    }


def average(call: Call) -> fx.Node | Values:
    """The mean, weighted by a second input, and the sum of the weights."""
    weighted = call.attributes.flag("weighted", True)
    return Declared(
        statistics.average,
        2 if weighted else 1,
        {"axis": optional_integers},
        ignored=("weighted", "returned"),
        rank=unknown,
        outputs=outputs(2),
    )(call)


def percentile(call: Call) -> fx.Node | Values:
    """Percentiles, which the attribute `q_scalar` or a second input has."""
    kinds = choice("linear", "linear", "lower", "higher", "midpoint", "nearest")
    attributes = {**AXES, "interpolation": kinds, "q_scalar": optional_number}
    scalar = call.attributes.has("q_scalar")
    return Declared(statistics.percentile, 1 if scalar else 2, attributes, rank=unknown)(call)


def bincount(call: Call) -> fx.Node | Values:
    """Counts of each number, or the sums of the weights that a second input has."""
    weighted = call.attributes.flag("has_weights", False)
    return Declared(
        statistics.bincount,
        2 if weighted else 1,
        {"minlength": integer(0)},
        ignored=("has_weights",),
        rank=one,
    )(call)


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


STATISTICS: dict[str, Callable[[Call], Any]] = {
    **_reductions(statistics.total, ("_np_sum", "_np_prod"), WITH_DTYPE),
    **_reductions(statistics.extremum, ("_np_max", "_np_min"), AXES),
    **_reductions(statistics.truth, ("_np_any", "_np_all"), AXES),
    **_reductions(
        statistics.variance, ("_npi_std", "_npi_var"), {**WITH_DTYPE, "ddof": integer(0)}
    ),
    **_reductions(
        statistics.index_of,
        ("_npi_argmax", "_npi_argmin"),
        {"axis": optional_integer(), "keepdims": flag(False)},
    ),
    "_npi_mean": Declared(statistics.mean, 1, WITH_DTYPE, rank=unknown),
    "_npi_average": average,
    "_np_trace": Declared(statistics.trace, 1, PLACE, rank=unknown),
    "_npi_percentile": percentile,
    "_npi_bincount": bincount,
    "_npx_constraint_check": Declared(
        statistics.constraint_check, 1, {"msg": text("Constraint violated.")}, rank=unknown
    ),
}
LINEAR_ALGEBRA: dict[str, Callable[[Call], Any]] = {
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
    "_npi_cholesky": Declared(decompositions.cholesky),
    "_npi_eigh": Declared(decompositions.eigh, 1, UPLO, rank=unknown, outputs=outputs(2)),
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
OPERATORS = {**STATISTICS, **LINEAR_ALGEBRA}
