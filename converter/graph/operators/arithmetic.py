"""Element-wise arithmetic, also with numbers, and operators that change nothing."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from ..construction.call import Call
from ..functions import matrices
from ..functions.elementwise import unary
from ..functions.gradients import loss
from .declaration import Declared, flag, largest, with_number

# operator -> function
BINARY: dict[str, Callable[..., Any]] = {
    **{f"{kind}_add": operator.add for kind in ("elemwise", "broadcast")},
    **{f"{kind}_sub": operator.sub for kind in ("elemwise", "broadcast")},
    **{f"{kind}_mul": operator.mul for kind in ("elemwise", "broadcast")},
    **dict.fromkeys(("_maximum", "broadcast_maximum"), torch.maximum),
    **dict.fromkeys(("_minimum", "broadcast_minimum"), torch.minimum),
}
# operator whose right operand is a number -> function of `elementwise`
SCALAR = {
    "_plus_scalar": "add",
    "_minus_scalar": "subtract",
    "_mul_scalar": "multiply",
    "_div_scalar": "divide",
    "_maximum_scalar": "maximum",
    "_minimum_scalar": "minimum",
}
# … and whose left operand is
REVERSED = {"_rminus_scalar": "subtract", "_rdiv_scalar": "divide"}
UNARY = ("abs", "exp", "log", "sqrt", "rsqrt", "square", "reciprocal", "negative")
IDENTITY = ("_copy", "make_loss")


def add_n(call: Call) -> fx.Node:
    """The sum of any number of inputs, from left to right."""
    total, *others = call.values()
    for other in others:
        total = call.function(operator.add, total, other)
    return total if others else call.module(nn.Identity(), total)


def identity(call: Call) -> fx.Node:
    """The unchanged input."""
    return call.module(nn.Identity(), call.value(0))


def block_gradient(call: Call) -> fx.Node:
    """The unchanged input, to which no gradient flows back."""
    return call.function(torch.detach, call.value(0))


def make_loss(call: Call) -> fx.Node:
    """The unchanged input; its gradient is that of a loss, scaled and normalized."""
    scale = call.attributes.single("grad_scale", 1.0)
    normalization = call.attributes.choice("normalization", "null", ("null", "batch", "valid"))
    if (scale, normalization) == (1, "null"):
        return identity(call)
    valid_thresh = call.attributes.single("valid_thresh", 0.0)
    return call.function(loss, call.value(0), scale, normalization, valid_thresh)


OPERATORS: dict[str, Callable[[Call], Any]] = {
    **{op: Declared(function, 2, rank=largest) for op, function in BINARY.items()},
    **{op: with_number(name) for op, name in SCALAR.items()},
    **{op: with_number(name, reverse=True) for op, name in REVERSED.items()},
    **{name: Declared(unary, given={"name": name}) for name in UNARY},
    # MXNet ignores a data type
    "ones_like": Declared(torch.ones_like, ignored=("dtype",)),
    "zeros_like": Declared(torch.zeros_like, ignored=("dtype",)),
    **dict.fromkeys(IDENTITY, identity),
    "BlockGrad": block_gradient,
    "MakeLoss": make_loss,
    "add_n": add_n,
    "batch_dot": Declared(
        matrices.batch_dot,
        2,
        {"transpose_a": flag(False), "transpose_b": flag(False)},
        ignored=("forward_stype",),
    ),
}
