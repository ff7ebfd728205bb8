"""Element-wise functions with MXNet's rules for data types.

Measured on MXNet 1.9.1: integers stay integers. It computes them as floating point numbers and
drops the fraction; float16 is computed in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Unary = Callable[[Tensor], Tensor]
Binary = Callable[[Tensor, Tensor], Tensor]


# MXNet computes these in float32, also for numbers in float64
DEGREES = float(np.float32(180) / np.float32(math.pi))
RADIANS = float(np.float32(math.pi) / np.float32(180))


def round_half_away(x: Tensor) -> Tensor:
    """Round to the nearest integer, and halves away from zero."""
    whole = x.trunc()
    return torch.where((x - whole).abs() >= 0.5, whole + x.sign(), whole)


def round_half_down(x: Tensor) -> Tensor:
    """Round to the nearest integer, and halves to the lower one: MXNet's `rint`."""
    low = x.floor()
    return torch.where(x - low <= 0.5, low, x.ceil())


def gamma(x: Tensor) -> Tensor:
    """The gamma function, by reflection for numbers below 0.5; NaN at negative integers."""
    wide = x.double()
    low = wide < 0.5
    value = torch.where(low, 1 - wide, wide).lgamma().exp()
    whole = wide.round()
    sine = torch.sin(math.pi * (wide - whole)) * (1 - 2 * whole.remainder(2))  # of π · x
    value = torch.where(low, math.pi / (sine * value), value)
    pole = (wide < 0) & (wide == wide.floor())
    value = torch.where(wide == 0, 1 / wide, value)  # infinite, with the sign of the zero
    return torch.where(pole, torch.nan, value).to(x.dtype)


def cube_root(x: Tensor) -> Tensor:
    """The real cube root, also of negative numbers."""
    return torch.copysign(x.abs().pow(1 / 3), x)


def logical_not(x: Tensor) -> Tensor:
    """1 where a number is 0, else 0."""
    return (x == 0).to(x.dtype)


UNARY: dict[str, Unary] = {
    **{name: getattr(torch, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{f"arc{name}": getattr(torch, f"a{name}") for name in ("sin", "cos", "tan")},
    **{f"arc{name}": getattr(torch, f"a{name}") for name in ("sinh", "cosh", "tanh")},
    **{name: getattr(torch, name) for name in ("exp", "expm1", "log", "log1p", "log2", "log10")},
    **{name: getattr(torch, name) for name in ("abs", "sqrt", "rsqrt", "square", "reciprocal")},
    **{name: getattr(torch, name) for name in ("erf", "erfinv", "sign", "floor", "ceil", "trunc")},
    "negative": torch.neg,
    "degrees": lambda x: x * DEGREES,
    "radians": lambda x: x * RADIANS,
    "gammaln": torch.lgamma,
    "gamma": gamma,
    "cbrt": cube_root,
    "rcbrt": lambda x: 1 / cube_root(x),
    "fix": torch.trunc,
    "round": round_half_away,
    "rint": round_half_down,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "logical_not": logical_not,
}
# the same for integers as for floating point numbers
_OF_INTEGERS = frozenset({"abs", "square", "negative", "logical_not", "sign"})


def unary(x: Tensor, name: str) -> Tensor:
    """A function of UNARY; the result has the input's data type."""
    if x.dtype in (torch.float32, torch.float64) or name in _OF_INTEGERS:
        return UNARY[name](x)
    wide = x.float() if x.is_floating_point() else x.double()
    return UNARY[name](wide).to(x.dtype)


def remainder(x: Tensor, y: Tensor) -> Tensor:
    """The remainder with the divisor's sign; 0 where the divisor is 0."""
    zero = y == 0
    return torch.where(zero, torch.zeros_like(x), torch.remainder(x, torch.where(zero, 1, y)))


def divide(x: Tensor, y: Tensor) -> Tensor:
    """The quotient; that of integers is truncated."""
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


def _truncated(function: Binary) -> Binary:
    """A function of floating point numbers, whose results for integers are truncated."""

    def truncated(x: Tensor, y: Tensor) -> Tensor:
        if x.is_floating_point():
            return function(x, y)
        return function(x.double(), y.double()).to(x.dtype)

    return truncated


def power(x: Tensor, y: Tensor) -> Tensor:
    """The power; that of integers is truncated."""
    if x.is_floating_point():
        return torch.pow(x, y)
    # GPUs compute 3¹ as 2.9999999999999996; fractions are ½ at most, which is rounded to 0
    return torch.pow(x.double(), y.double()).round().to(x.dtype)


ARITHMETIC: dict[str, Binary] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": divide,
    "mod": remainder,
    "power": power,
    "hypot": _truncated(torch.hypot),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "arctan2": _truncated(torch.atan2),
    "copysign": _truncated(torch.copysign),
    "ldexp": _truncated(lambda x, y: x * torch.pow(2.0, y)),
    "lcm": lambda x, y: x & y if x.dtype == torch.bool else torch.lcm(x, y),
    "bitwise_and": torch.bitwise_and,
    "bitwise_or": torch.bitwise_or,
    "bitwise_xor": torch.bitwise_xor,
}
LOGIC: dict[str, Binary] = {
    "equal": torch.eq,
    "not_equal": torch.ne,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "lesser": torch.lt,
    "lesser_equal": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
}


def binary(x: Tensor, y: Tensor, name: str) -> Tensor:
    """A function of ARITHMETIC or LOGIC of two inputs of one data type, which the result has."""
    if name in LOGIC:
        return LOGIC[name](x, y).to(x.dtype)
    return ARITHMETIC[name](x, y)


def with_scalar(x: Tensor, scalar: float, is_int: bool, name: str, reverse: bool) -> Tensor:
    """A function of ARITHMETIC or LOGIC of an input and a number, which `reverse` puts first.

    The number is converted to the input's data type. If it is not marked as an integer, integers
    become float64; truth values become int64.
    """
    x, number = with_number(x, scalar, is_int)
    return binary(number, x, name) if reverse else binary(x, number, name)


def with_number(x: Tensor, scalar: float, is_int: bool) -> tuple[Tensor, Tensor]:
    """An input and a number as tensors of the data type in which MXNet combines them."""
    if not x.is_floating_point() and not is_int:
        x = x.double()
    elif x.dtype == torch.bool:
        x = x.long()
    return x, filled(x, (), scalar, x.dtype)


def filled(x: Tensor, shape: tuple[int, ...], value: float, dtype: torch.dtype) -> Tensor:
    """A number as a tensor on the device of an input.

    Integers are truncated and wrap around; what is too large for floating point numbers is
    infinite.
    """
    if dtype.is_floating_point and abs(value) > torch.finfo(dtype).max:
        value = torch.tensor(value, dtype=torch.float64).to(dtype).item()
    if dtype.is_floating_point or dtype == torch.bool:
        return x.new_full(shape, value, dtype=dtype)
    return x.new_full(shape, int(value), dtype=torch.int64).to(dtype)


def clipped(x: Tensor, low: float | None, high: float | None) -> Tensor:
    """Clip to bounds; integers to bounds without fractions, so that they stay integers."""
    if x.is_floating_point():
        return x.clamp(low, high)
    low, high = (None if bound is None else int(bound) for bound in (low, high))
    return x.clamp(low, high)


def smooth_l1(x: Tensor, scalar: float) -> Tensor:
    """(σx)²/2 for |x| < 1/σ², else |x| − 1/(2σ²), where σ is the scalar."""
    square = scalar * scalar
    far = x.abs() - 0.5 / square
    return torch.where(x.abs() > 1 / square, far, 0.5 * x.square() * square)


def quadratic(x: Tensor, a: float, b: float, c: float) -> Tensor:
    """ax² + bx + c; MXNet truncates that of integers."""
    result = a * x.square() + b * x + c
    return result.to(x.dtype)
