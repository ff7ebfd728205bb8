"""Element-wise functions of `mxnet.numpy`, with its rules for data types.

Inputs of two data types become the common one; comparisons give truth values.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .elementwise import LOGIC, binary, filled, with_number

TESTS: dict[str, Callable[[Tensor], Tensor]] = {
    "logical_not": torch.logical_not,
    **{name: getattr(torch, name) for name in ("isnan", "isinf", "isfinite")},
    **{name: getattr(torch, name) for name in ("isposinf", "isneginf")},
}


def truth_test(x: Tensor, name: str) -> Tensor:
    """A function of TESTS, whose results are truth values."""
    return TESTS[name](x)


def promoted_binary(x: Tensor, y: Tensor, name: str) -> Tensor:
    """A function of two inputs: one of ARITHMETIC or LOGIC, or `true_divide`."""
    kind = torch.promote_types(x.dtype, y.dtype)
    if name == "true_divide" and not kind.is_floating_point:
        kind = torch.float32
    x, y = x.to(kind), y.to(kind)
    if name in LOGIC:
        return LOGIC[name](x, y)
    return x / y if name == "true_divide" else binary(x, y, name)


def promoted_scalar(x: Tensor, scalar: float, is_int: bool, name: str, reverse: bool) -> Tensor:
    """A function as in `promoted_binary` of an input and a number, which `reverse` puts first.

    The number is converted to the input's data type. If it is not marked as an integer, integers
    become float64. `true_divide` converts integers to float32.
    """
    if name == "true_divide":
        x = x if x.is_floating_point() else x.float()
        number = filled(x, (), scalar, x.dtype)
    elif x.dtype == torch.bool and (name in LOGIC or name.startswith("bitwise")):
        number = filled(x, (), scalar, x.dtype)
    else:
        x, number = with_number(x, scalar, is_int)
    return promoted_binary(number, x, name) if reverse else promoted_binary(x, number, name)


def around(x: Tensor, decimals: int) -> Tensor:
    """Round to a number of decimals; integers are truncated to tens, hundreds …"""
    if x.is_floating_point():
        return torch.round(x, decimals=decimals)
    if decimals >= 0:
        return x
    unit = 10**-decimals
    return torch.div(x, unit, rounding_mode="trunc").mul(unit)


def nan_to_num(data: Tensor, nan: float, posinf: float | None, neginf: float | None) -> Tensor:
    """Replace NaN and infinities, the latter by default with the largest numbers."""
    return torch.nan_to_num(data, nan, posinf, neginf) if data.is_floating_point() else data


def broadcast_where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Values of x where the condition is not 0, else of y."""
    return torch.where(condition != 0, x, y)


def where_left(condition: Tensor, x: Tensor, scalar: float) -> Tensor:
    """A number where the condition is not 0, else values of x."""
    return torch.where(condition != 0, filled(x, (), scalar, x.dtype), x)


def where_right(condition: Tensor, x: Tensor, scalar: float) -> Tensor:
    """Values of x where the condition is not 0, else a number."""
    return torch.where(condition != 0, x, filled(x, (), scalar, x.dtype))


def where_numbers(condition: Tensor, x: float, y: float) -> Tensor:
    """One number where the condition is not 0, else the other, in float32."""
    one, other = (filled(condition, (), value, torch.float32) for value in (x, y))
    return torch.where(condition != 0, one, other)


def polyval(p: Tensor, x: Tensor) -> Tensor:
    """The polynomial with coefficients p, that of the highest power first."""
    result = torch.zeros_like(x)
    for coefficient in p:
        result = result * x + coefficient
    return result
