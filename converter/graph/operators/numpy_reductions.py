"""Reductions of `mxnet.numpy`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import fx

from ..construction.builder import Values
from ..construction.call import Call
from ..functions import statistics
from .declaration import (
    Declared,
    choice,
    flag,
    integer,
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
        statistics.weighted_average,
        2 if weighted else 1,
        {"axis": optional_integers},
        {} if weighted else {"weights": None},
        ignored=("weighted", "returned"),
        rank=unknown,
        outputs=outputs(2),
    )(call)


def percentile(call: Call) -> fx.Node | Values:
    """Percentiles, which the attribute `q_scalar` or a second input has."""
    kinds = choice("linear", "linear", "lower", "higher", "midpoint", "nearest")
    attributes = {**AXES, "interpolation": kinds, "q_scalar": optional_number}
    scalar = call.attributes.has("q_scalar")
    inputs, given = (1, {"q": None}) if scalar else (2, {})
    return Declared(statistics.percentile, inputs, attributes, given, rank=unknown)(call)


def bincount(call: Call) -> fx.Node | Values:
    """Counts of each number, or the sums of the weights that a second input has."""
    weighted = call.attributes.flag("has_weights", False)
    return Declared(
        statistics.bincount,
        2 if weighted else 1,
        {"minlength": integer(0)},
        {} if weighted else {"weights": None},
        ignored=("has_weights",),
        rank=one,
    )(call)


OPERATORS: dict[str, Callable[[Call], Any]] = {
    **_reductions(statistics.numpy_total, ("_np_sum", "_np_prod"), WITH_DTYPE),
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
