"""Element-wise operators of `mxnet.numpy`."""

from __future__ import annotations

import torch

from ..functions import elementwise, promotion
from .declaration import SCALAR, Declared, integer, largest, number, optional_number

# operator without its prefix -> function
UNARY = {
    "absolute": "abs",
    **{
        name: name
        for name in (
            *("arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil"),
            *("cos", "cosh", "degrees", "exp", "expm1", "fix", "floor", "log", "log10", "log1p"),
            *("log2", "negative", "radians", "reciprocal", "rint", "sign", "sin", "sinh", "sqrt"),
            *("square", "tan", "tanh", "trunc"),
        )
    },
}
BINARY = {
    **{name: name for name in ("add", "subtract", "multiply", "true_divide", "mod", "power")},
    **{name: name for name in ("hypot", "arctan2", "copysign", "ldexp", "lcm")},
    **{f"bitwise_{name}": f"bitwise_{name}" for name in ("and", "or", "xor")},
    **{name: name for name in ("equal", "not_equal", "greater", "greater_equal")},
    "less": "lesser",
    "less_equal": "lesser_equal",
}
# hypot's is MXNet's own
SCALARS = {name: function for name, function in BINARY.items() if name != "hypot"}
REVERSED = ("subtract", "true_divide", "mod", "power", "arctan2", "copysign", "ldexp")


def _scalar(name: str, *, reverse: bool = False) -> Declared:
    given = {"name": name, "reverse": reverse}
    return Declared(promotion.promoted_scalar, 1, SCALAR, given)


OPERATORS = {
    **{
        f"_npi_{name}": Declared(elementwise.unary, given={"name": function})
        for name, function in UNARY.items()
    },
    **{
        f"_npx_{name}": Declared(elementwise.unary, given={"name": name})
        for name in ("relu", "sigmoid")
    },
    **{
        f"_npi_{name}": Declared(promotion.truth_test, given={"name": name})
        for name in promotion.TESTS
    },
    "_npi_bitwise_not": Declared(torch.bitwise_not),
    **{
        f"_npi_{name}": Declared(
            promotion.promoted_binary, 2, given={"name": function}, rank=largest
        )
        for name, function in BINARY.items()
    },
    **{f"_npi_{name}_scalar": _scalar(function) for name, function in SCALARS.items()},
    **{f"_npi_r{name}_scalar": _scalar(name, reverse=True) for name in REVERSED},
    "_npi_around": Declared(promotion.around, 1, {"decimals": integer(0)}),
    "_npi_nan_to_num": Declared(
        promotion.nan_to_num,
        1,
        {"nan": number(0.0), "posinf": optional_number, "neginf": optional_number},
        ignored=("copy",),
    ),
    "_npi_where": Declared(promotion.broadcast_where, 3, rank=largest),
    "_npi_where_lscalar": Declared(promotion.where_left, 2, {"scalar": number(0.0)}, rank=largest),
    "_npi_where_rscalar": Declared(promotion.where_right, 2, {"scalar": number(0.0)}, rank=largest),
    "_npi_where_scalar2": Declared(
        promotion.where_numbers, 1, {"x": number(0.0), "y": number(0.0)}
    ),
    "_npi_polyval": Declared(promotion.polyval, 2, rank=largest),
}
