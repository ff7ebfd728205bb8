"""Element-wise arithmetic, arithmetic with scalars, and reductions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from ..call import UNKNOWN, Call
from ..functions.elementwise import unary
from .declaration import Declared
from .logic import with_number

BINARY: dict[Callable[..., Any], tuple[str, ...]] = {
    operator.add: ("elemwise_add", "broadcast_add", "broadcast_plus", "_plus", "_Plus", "_add"),
    operator.sub: ("elemwise_sub", "broadcast_sub", "broadcast_minus", "_minus", "_Minus", "_sub"),
    operator.mul: ("elemwise_mul", "broadcast_mul", "_mul", "_Mul"),
    torch.maximum: ("broadcast_maximum", "_maximum", "_Maximum"),
    torch.minimum: ("broadcast_minimum", "_minimum", "_Minimum"),
}
# function of `elementwise` → operators whose right operand is a number
SCALAR = {
    "add": ("_plus_scalar", "_PlusScalar"),
    "subtract": ("_minus_scalar", "_MinusScalar"),
    "multiply": ("_mul_scalar", "_MulScalar"),
    "divide": ("_div_scalar", "_DivScalar"),
    "maximum": ("_maximum_scalar", "_MaximumScalar"),
    "minimum": ("_minimum_scalar", "_MinimumScalar"),
}
# … and whose left operand is
REVERSED = {
    "subtract": ("_rminus_scalar", "_RMinusScalar"),
    "divide": ("_rdiv_scalar", "_RDivScalar"),
}
UNARY = ("abs", "exp", "log", "sqrt", "rsqrt", "square", "reciprocal", "negative")
LIKE = {torch.ones_like: "ones_like", torch.zeros_like: "zeros_like"}
REDUCTIONS: dict[Callable[..., Any], tuple[str, ...]] = {
    torch.sum: ("sum", "sum_axis"),
    torch.mean: ("mean",),
    torch.amax: ("max", "max_axis"),
    torch.amin: ("min", "min_axis"),
}
IDENTITY = ("_copy", "identity", "BlockGrad", "stop_gradient", "MakeLoss", "make_loss")

Operator = Callable[[Call], fx.Node]


def _binary(function: Callable[..., Any]) -> Operator:
    def binary(call: Call) -> fx.Node:
        ranks = [call.rank(0), call.rank(1)]
        rank = None if None in ranks else max(rank for rank in ranks if rank is not None)
        return call.function(function, call.value(0), call.value(1), rank=rank)

    return binary


def _like(function: Callable[..., Any]) -> Operator:
    def like(call: Call) -> fx.Node:
        return call.function(function, call.value(0))

    return like


def _reduction(function: Callable[..., Any]) -> Operator:
    def reduction(call: Call) -> fx.Node:
        """Reduce some axes, by default all; over all axes, MXNet's result has shape (1,)."""
        attributes, rank = call.attributes, call.rank(0)
        axes, keep = attributes.integers("axis", ()), attributes.flag("keepdims", False)
        if attributes.flag("exclude", False):
            given = {axis % call.known_rank() for axis in axes}
            axes = tuple(axis for axis in range(call.known_rank()) if axis not in given)
            if not axes:
                return identity(call)
        if not axes:  # all axes
            axes = tuple(range(call.known_rank()))
        if keep:
            return call.function(function, call.value(0), axes, True, rank=rank)
        left = UNKNOWN if rank is None else rank - len(axes)
        result = call.function(function, call.value(0), axes, False, rank=left)
        if left > 0:
            return result
        return call.function(torch.atleast_1d, result, rank=UNKNOWN if left < 0 else 1)

    return reduction


def add_n(call: Call) -> fx.Node:
    """The sum of any number of inputs, from left to right."""
    total, *others = call.values()
    for other in others:
        total = call.function(operator.add, total, other)
    return total if others else call.module(nn.Identity(), total)


def identity(call: Call) -> fx.Node:
    """The unchanged input."""
    return call.module(nn.Identity(), call.value(0))


def batch_dot(call: Call) -> fx.Node:
    """Batched matrix product."""
    one, other = call.value(0), call.value(1)
    if call.attributes.flag("transpose_a", False):
        one = call.function(torch.transpose, one, -1, -2)
    if call.attributes.flag("transpose_b", False):
        other = call.function(torch.transpose, other, -1, -2)
    return call.function(torch.matmul, one, other)


OPERATORS: dict[str, Callable[[Call], Any]] = {
    **{name: _binary(function) for function, names in BINARY.items() for name in names},
    **{op: with_number(name) for name, operators in SCALAR.items() for op in operators},
    **{
        op: with_number(name, reverse=True)
        for name, operators in REVERSED.items()
        for op in operators
    },
    **{name: Declared(unary, given={"name": name}) for name in UNARY},
    **{name: _like(function) for function, name in LIKE.items()},
    **{name: _reduction(function) for function, names in REDUCTIONS.items() for name in names},
    **dict.fromkeys(IDENTITY, identity),
    **dict.fromkeys(("add_n", "ElementWiseSum"), add_n),
    "batch_dot": batch_dot,
}
