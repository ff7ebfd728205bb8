"""Calls of functions as texts, with places for their inputs and arguments."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..functions.axes import repeat
from ..functions.elementwise import (
    ARITHMETIC,
    LOGIC,
    UNARY,
    binary,
    clipped,
    unary,
    with_scalar,
)
from ..functions.reductions import reduce
from .operations import Operation, Slot

INFIX: dict[Any, str] = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.neg: "-",
}
SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}
COMPARISONS = {
    "equal": "==",
    "not_equal": "!=",
    "greater": ">",
    "greater_equal": ">=",
    "lesser": "<",
    "lesser_equal": "<=",
}
# functions of torch that are written as methods, with the names of their arguments
METHODS: dict[Any, tuple[str, tuple[str, ...]]] = {
    torch.flatten: ("flatten", ("start_dim",)),
    torch.permute: ("permute", ("dims",)),
    torch.transpose: ("transpose", ("dim0", "dim1")),
    torch.unsqueeze: ("unsqueeze", ("dim",)),
    torch.chunk: ("chunk", ("chunks", "dim")),
    torch.unbind: ("unbind", ("dim",)),
    torch.tile: ("tile", ("dims",)),
    torch.clamp: ("clamp", ("min", "max")),
    torch.Tensor.to: ("to", ("dtype",)),
    torch.Tensor.reshape_as: ("reshape_as", ()),
}
NAMES: dict[Any, tuple[str, ...]] = {
    torch.cat: ("dim",),
    torch.stack: ("dim",),
    nn.functional.pad: ("pad", "mode", "value"),
}


class CallText:
    """The text of one call, and what it takes."""

    def __init__(self, node: fx.Node, values: Callable[[fx.Node], Any]) -> None:
        """Start the text of a node.

        Args:
            node: The node.
            values: Returns an example of a node's value.
        """
        self.node, self._values = node, values
        self.inputs: list[fx.Node] = []
        self.slots: list[Slot] = []

    def input(self, node: fx.Node) -> str:
        """A place for an input."""
        if node not in self.inputs:
            self.inputs.append(node)
        return f"{{{self.inputs.index(node)}}}"

    def argument(self, name: str, value: Any) -> str:
        """A place for an argument: an input, a list of inputs, or a literal."""
        if isinstance(value, fx.Node):
            return self.input(value)
        if isinstance(value, (list, tuple)) and any(isinstance(each, fx.Node) for each in value):
            return f"[{', '.join(self.argument(name, each) for each in value)}]"
        used = {slot.name for slot in self.slots}
        unique, count = name, 2
        while unique in used:
            unique, count = f"{name}{count}", count + 1
        self.slots.append(Slot(unique, value))
        return f"{{{unique}}}"

    def example(self, node: Any) -> Any:
        """An example of a node's value; a literal is itself."""
        return self._values(node) if isinstance(node, fx.Node) else node

    def operation(self, text: str, *support: Any) -> Operation:
        """The operation of the text."""
        return Operation(text, self.node.name, self.slots, is_layer=False, support=support)


def call_operation(call: CallText) -> Operation:
    """The operation of a node that calls a function."""
    node, function = call.node, call.node.target
    special = _SPECIAL.get(function)
    if special is not None and (found := special(call, *node.args, **node.kwargs)) is not None:
        return found
    if function in METHODS:
        method, names = METHODS[function]
        subject, *others = node.args
        texts = [call.argument(*each) for each in zip(names, others, strict=False)]
        texts += [call.argument("", each) for each in others[len(names) :]]
        texts += [f"{key}={call.argument(key, value)}" for key, value in node.kwargs.items()]
        return call.operation(f"{call.argument('', subject)}.{method}({', '.join(texts)})")
    names = NAMES.get(function, ())
    if not names and isinstance(function, FunctionType) and _is_own(function):
        names = function.__code__.co_varnames
    texts = [
        call.argument(_name_at(names, node.args, place), value)
        for place, value in enumerate(node.args)
    ]
    texts += [f"{key}={call.argument(key, value)}" for key, value in node.kwargs.items()]
    called, support = function_name(function)
    return call.operation(f"{called}({', '.join(texts)})", *support)


def function_name(function: Any) -> tuple[str, tuple[Any, ...]]:
    """How a source names a function, and what it must carry for it."""
    name = function.__name__
    if _is_own(function):
        return name, (function,)
    if getattr(torch, name, None) is function:
        return f"torch.{name}", ()
    if getattr(nn.functional, name, None) is function:
        return f"F.{name}", ()
    if getattr(torch.Tensor, name, None) is function:
        return f"Tensor.{name}", ()
    return f"{function.__module__}.{name}", ()


def _is_own(function: Any) -> bool:
    module = str(getattr(function, "__module__", ""))
    return module.split(".")[0] == __name__.split(".")[0]


def _name_at(names: Sequence[str], args: Sequence[Any], place: int) -> str:
    """The name of an argument; those of torch's functions are named from the first literal on."""
    first = next((at for at, each in enumerate(args) if not isinstance(each, (fx.Node, list))), 0)
    at = place - first if len(names) < len(args) else place
    return names[at] if 0 <= at < len(names) else f"argument{place}"


def _infix(call: CallText, *args: Any) -> Operation:
    symbol = INFIX[call.node.target]
    texts = [call.argument("number", each) for each in args]
    return call.operation(f"{texts[0]} {symbol} {texts[1]}" if len(texts) == 2 else f"-{texts[0]}")


def _getitem(call: CallText, value: fx.Node, index: Any) -> Operation:
    text = call.input(value)
    parts = index if isinstance(index, tuple) else (index,)
    texts = []
    for place, part in enumerate(parts):
        if isinstance(part, slice):
            ends = [
                "" if end is None else call.argument(f"{name}{place}", end)
                for name, end in (("start", part.start), ("stop", part.stop), ("step", part.step))
            ]
            texts.append(":".join(ends[:2]) + (f":{ends[2]}" if ends[2] else ""))
        else:
            texts.append("..." if part is Ellipsis else call.argument("index", part))
    return call.operation(f"{text}[{', '.join(texts)}]")


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _with_scalar(
    call: CallText, x: fx.Node, scalar: float, is_int: bool, name: str, reverse: bool
) -> Operation | None:
    if not _is_float(call.example(x)):
        return None
    whole = abs(scalar) < 1 << 53 and scalar == int(scalar)
    number = call.argument("number", int(scalar) if whole else scalar)
    texts = [number, call.input(x)] if reverse else [call.input(x), number]
    if name in SYMBOLS:
        return call.operation(f"{texts[0]} {SYMBOLS[name]} {texts[1]}")
    if name in COMPARISONS:
        compared = f"({texts[0]} {COMPARISONS[name]} {texts[1]})"
        return call.operation(f"{compared}.to({call.input(x)}.dtype)")
    call.slots.clear()
    return None


def _clipped(call: CallText, x: fx.Node, low: float | None, high: float | None) -> Operation | None:
    if not _is_float(call.example(x)):
        return None
    bounds = ", ".join(call.argument(*each) for each in (("min", low), ("max", high)))
    return call.operation(f"{call.input(x)}.clamp({bounds})")


def _unary(call: CallText, x: fx.Node, name: str) -> Operation | None:
    function = UNARY[name]
    if not _is_float(call.example(x)) or getattr(torch, function.__name__, None) is not function:
        return None
    return call.operation(f"torch.{function.__name__}({call.input(x)})")


def _binary(call: CallText, x: Any, y: Any, name: str) -> Operation | None:
    if not _is_float(call.example(x)) or not _is_float(call.example(y)):
        return None
    one, other = call.argument("", x), call.argument("", y)
    if name in SYMBOLS:
        return call.operation(f"{one} {SYMBOLS[name]} {other}")
    if name in COMPARISONS:
        return call.operation(f"({one} {COMPARISONS[name]} {other}).to({one}.dtype)")
    function: Any = (ARITHMETIC | LOGIC)[name]
    own = str(getattr(function, "__name__", ""))
    if getattr(torch, own, None) is not function:
        return None
    text = f"torch.{own}({one}, {other})"
    return call.operation(f"{text}.to({one}.dtype)" if name in LOGIC else text)


REDUCTIONS = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin"}


def _reduce(
    call: CallText, x: fx.Node, name: str, axis: Any, keepdims: bool, exclude: bool
) -> Operation | None:
    if name not in REDUCTIONS or not _is_float(call.example(x)) or exclude or not axis:
        return None
    if not keepdims and call.example(x).dim() == len(axis):
        return None
    dim = call.argument("dim", axis[0] if len(axis) == 1 else tuple(axis))
    keep = ", keepdim=True" if keepdims else ""
    return call.operation(f"{call.input(x)}.{REDUCTIONS[name]}({dim}{keep})")


def _repeat(call: CallText, x: fx.Node, repeats: int, axis: int | None) -> Operation | None:
    if axis is None:
        return None
    counts = f"{call.argument('repeats', repeats)}, {call.argument('dim', axis)}"
    return call.operation(f"{call.input(x)}.repeat_interleave({counts})")


_SPECIAL: dict[Any, Callable[..., Operation | None]] = {
    **dict.fromkeys(INFIX, _infix),
    operator.getitem: _getitem,
    with_scalar: _with_scalar,
    clipped: _clipped,
    unary: _unary,
    binary: _binary,
    reduce: _reduce,
    repeat: _repeat,
}
