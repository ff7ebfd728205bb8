"""Operators that users add: `Custom` operators, and those of changed versions of MXNet."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from ..errors import GraphError
from .construction.call import Call
from .operators import OPERATORS, Operator
from .symbols.aliases import FIRST_NAMES
from .symbols.symbol import Graph, Node

CUSTOM = "Custom"
_registered: dict[tuple[str, str | None], Operator] = {}


def register_operator(name: str, *, op_type: str | None = None) -> Callable[[Operator], Operator]:
    """Register a function that imports an operator of MXNet's graphs as torch, as a decorator.

    The function is given the node as a `Call` and returns its value, or a tuple of its values:

    - `call.value(0)` is an input as a value of the torch graph, `call.array(1)` an array of the
      `.params` file as a tensor, which becomes a parameter where it is set to one;
    - `call.attributes` reads attributes, which are strings in the file: `number("scale", 1.0)`,
      `integer("axis")`, `integers("shape")`, `flag("no_bias", False)`, `text("mode", "sum")`;
    - `call.function(f, *values)` calls a function on values, and `call.module(layer, *values)` a
      torch.nn.Module; `call.fill(layer, weight=1)` first sets its parameters to arrays, by the
      numbers of the inputs. `rank=` is the number of dimensions of the result, if it is not that
      of the first value;
    - `raise call.error("…")` refuses the node.

    Functions and classes at the top level of a module can be pickled; lambdas cannot.

    >>> import torch
    >>> from gluon2torch.graph import register_operator
    >>> def scaled_tanh(data, scale):
    ...     return scale * torch.tanh(data)
    >>> @register_operator("Custom", op_type="scaled_tanh")
    ... def import_scaled_tanh(call):
    ...     return call.function(scaled_tanh, call.value(0), call.attributes.number("scale", 1.0))

    Args:
        name: Name of the operator in graphs, such as `QConvolution` or `Custom`.
        op_type: For `Custom`, the name under which the operator was registered in MXNet; by default
            the function imports all that have no function of their own. An attribute of MXNet's
            operator stands beside `op_type` in the graph.

    Raises:
        ValueError: If the operator is one of those that are imported already, or was registered
            before; or `op_type` is given for another than `Custom`.
    """
    first = FIRST_NAMES.get(name, name)
    if first in OPERATORS:
        raise ValueError(f"the operator {name!r} is imported already")
    if op_type is not None and first != CUSTOM:
        raise ValueError(f"op_type is for {CUSTOM}, not for {name!r}")
    if (first, op_type) in _registered:
        raise ValueError(f"the operator {_text(name, op_type)} was registered before")

    def register(function: Operator) -> Operator:
        _registered[first, op_type] = _guarded(function)
        return function

    return register


def find_operator(node: Node) -> Operator | None:
    """The function that imports a node; None if its operator is not supported."""
    if (known := OPERATORS.get(node.op)) is not None:
        return known
    kind = node.attributes.get("op_type") if node.op == CUSTOM else None
    return _registered.get((node.op, kind)) or _registered.get((node.op, None))


def is_unknown(node: Node) -> bool:
    """Whether a node's operator is not supported, or one in the graphs that it contains."""
    if find_operator(node) is None:
        return True
    return any(
        find_operator(each) is None for inner in node.subgraphs for each in inner.operators()
    )


def arrays_of_registered(graph: Graph) -> set[str]:
    """Names of the variables that registered operators take, whose content only they know."""
    return {
        graph.nodes[number].name
        for node in graph.nodes
        if node.op not in OPERATORS and find_operator(node) is not None
        for number, _ in node.inputs
    }


def _text(name: str, op_type: str | None) -> str:
    return repr(name) if op_type is None else f"{name!r} with op_type {op_type!r}"


def _guarded(function: Operator) -> Operator:
    """A function whose errors name the node, and the file and line that raised them."""

    @wraps(function)
    def guarded(call: Call) -> Any:
        try:
            return function(call)
        except GraphError:
            raise
        except Exception as error:  # of a user's code, which can raise anything
            file = function.__code__.co_filename if hasattr(function, "__code__") else None
            raise call.error(f"its function failed at {place(error, file)}") from error

    return guarded


def place(error: BaseException, file: str | None = None) -> str:
    """File and line of an exception, with its type and message, in one line.

    Args:
        error: The exception.
        file: The file whose last line before the exception counts; by default any.
    """
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if file in (None, frame.filename)] or frames
    text = " ".join(str(error).split())
    return f"{last[-1].filename}, line {last[-1].lineno}: {type(error).__name__}: {text}"


def forget(names: Iterable[tuple[str, str | None]]) -> None:
    """Forget registered operators, by name and `op_type`."""
    for each in names:
        _registered.pop(each, None)


def registered() -> set[tuple[str, str | None]]:
    """Names and `op_type` of the registered operators."""
    return set(_registered)
