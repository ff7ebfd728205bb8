"""Functions of one or two numbers, reductions and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import fx

from ..construction.builder import Values
from ..construction.call import Call
from ..functions import data_types, elementwise, gradients, reductions
from .declaration import (
    Declared,
    as_inputs,
    choice,
    dtype,
    flag,
    integer,
    number,
    numbers,
    of_two,
    one,
    optional_dtype,
    optional_integer,
    optional_integers,
    optional_number,
    outputs,
    reduced,
    single,
    unknown,
    with_number,
)

UNARY = (
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "degrees", "radians"),
    *("sinh", "cosh", "arcsinh", "arccosh", "arctanh"),
    *("expm1", "log1p", "log2", "log10", "cbrt", "rcbrt", "erf", "erfinv", "gamma", "gammaln"),
    *("sign", "floor", "ceil", "trunc", "fix", "round", "rint"),
)
# operator -> function
BINARY = {
    **{f"_{name}": name for name in ("mod", "power", "hypot")},
    **{f"broadcast_{name}": name for name in ("mod", "power", "hypot")},
    **dict.fromkeys(("elemwise_div", "broadcast_div"), "divide"),
    "_grad_add": "add",
    "_scatter_elemwise_div": "divide",
}
SCALARS = {f"_{name}_scalar": name for name in ("mod", "power", "hypot")}
SCALARS |= {"_scatter_plus_scalar": "add", "_scatter_minus_scalar": "subtract"}
REVERSED = {f"_r{name}_scalar": name for name in ("mod", "power")}


def histogram(call: Call) -> fx.Node | Values:
    """Counts of equal intervals, or of those between the edges that the second input has."""
    if len(call) > 1:
        read, given = {}, {"bin_cnt": None, "range": ()}
    elif len(call.attributes.numbers("range")) == 2:
        read, given = {"bin_cnt": integer(), "range": numbers}, {"bins": None}
    else:
        raise call.attributes.unsupported("range")
    inputs = min(len(call), 2)
    return Declared(data_types.histogram, inputs, read, given, rank=one, outputs=outputs(2))(call)


OPERATORS: dict[str, Callable[[Call], Any]] = {
    **{name: Declared(elementwise.unary, given={"name": name}) for name in UNARY},
    **{
        f"_contrib_{name}_ste": Declared(gradients.straight_through, given={"name": name})
        for name in ("round", "sign")
    },
    **{name: of_two(function) for name, function in BINARY.items()},
    **{name: with_number(function) for name, function in SCALARS.items()},
    **{name: with_number(function, reverse=True) for name, function in REVERSED.items()},
    "smooth_l1": Declared(elementwise.smooth_l1, 1, {"scalar": number(1.0)}),
    "_contrib_quadratic": Declared(
        elementwise.quadratic, 1, {name: single(0.0) for name in ("a", "b", "c")}
    ),
    "_contrib_gradientmultiplier": Declared(
        gradients.gradient_multiplier, 1, {"scalar": number(1.0)}, ignored=("is_int",)
    ),
    **{
        name: Declared(
            reductions.reduce,
            1,
            {"axis": optional_integers, "keepdims": flag(False), "exclude": flag(False)},
            {"name": name},
            rank=reduced,
        )
        for name in reductions.REDUCTIONS
    },
    "norm": Declared(
        reductions.norm,
        1,
        {
            "ord": integer(2),
            "axis": optional_integers,
            "keepdims": flag(False),
            "out_dtype": optional_dtype,
        },
        rank=unknown,
    ),
    "moments": Declared(
        reductions.moments,
        1,
        {"axes": optional_integers, "keepdims": flag(False)},
        rank=unknown,
        outputs=outputs(2),
    ),
    "_np_cumsum": Declared(
        reductions.cumsum, 1, {"axis": optional_integer(), "dtype": optional_dtype}, rank=unknown
    ),
    "softmin": Declared(
        reductions.softmin,
        1,
        {"axis": integer(-1), "temperature": optional_number, "dtype": optional_dtype},
        ignored=("use_length",),  # MXNet refuses lengths here, whose input is missing
    ),
    "_contrib_allclose": Declared(
        reductions.allclose,
        2,
        {"rtol": single(1e-5), "atol": single(1e-8), "equal_nan": flag(True)},
        rank=unknown,
    ),
    "amp_cast": Declared(data_types.amp_cast, 1, {"dtype": dtype(None)}),
    "amp_multicast": Declared(
        data_types.amp_multicast,
        None,
        {"cast_narrow": flag(False)},
        ignored=("num_outputs",),
        outputs=as_inputs,
    ),
    "_histogram": histogram,
    "cast_storage": Declared(data_types.dense, 1, {"stype": choice(None, "default")}),
    "softmax_cross_entropy": Declared(reductions.softmax_cross_entropy, 2, rank=one),
    "all_finite": Declared(reductions.all_finite, ignored=("init_output",), rank=one),
    "multi_all_finite": Declared(
        reductions.all_finite, None, ignored=("num_arrays", "init_output"), rank=one
    ),
}
