"""What the functions of operators refuse, read from their code.

A function that is one declared call is asked for each keyword of MXNet's attributes. Of the others,
the syntax tree is read, with those of the functions of the same folder that they call: which
keywords they take (`choice`), which attributes have values that they refuse (`unsupported`), and
the messages of further refusals (`error`).
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gluon2torch.errors import GraphError
from gluon2torch.graph.operators.declaration import Declared
from gluon2torch.graph.symbols.attributes import Attributes
from gluon2torch.graph.symbols.symbol import Node

from .markdown_text import codes

PACKAGE = "gluon2torch.graph.operators"
GAP = "…"  # for what a message takes from the node
# of these, a message is about a limit and not about a damaged file
_LIMIT = ("support", "MXNet", "calibrate", "differ by", "unknown")
Bindings = Mapping[str, Sequence[str]]


@dataclass
class Limits:
    """What an operator's function refuses.

    Attributes:
        keywords: Attributes → the keywords that it takes.
        undecided: Attributes whose keywords it takes depending on the node.
        values: Names of attributes that have values which it refuses.
        messages: Further refusals.
    """

    keywords: dict[str, set[str]] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)

    def lines(self, known: Mapping[str, Sequence[str]]) -> list[str]:
        """The limits as text.

        Args:
            known: The keywords of MXNet's attributes.
        """
        found = []
        for name, keywords in known.items():
            taken = keywords if name in self.undecided else self.keywords.get(name, keywords)
            refused = [each for each in keywords if each not in taken]
            if refused:
                found.append(f"`{name}`: {codes(refused)}")
        if self.values:
            found.append(f"some values of {codes(sorted(self.values))}")
        return [*found, *dict.fromkeys(self.messages)]


def limits_of(
    name: str, function: Callable[..., Any], known: Mapping[str, Sequence[str]]
) -> Limits:
    """The limits of an operator.

    Args:
        name: Its name.
        function: The function that imports it.
        known: The keywords of MXNet's attributes.
    """
    if isinstance(function, Declared):
        return Limits({each: _taken(name, function, each, words) for each, words in known.items()})
    limits = Limits()
    _read(function, {}, limits, set())
    return limits


def _taken(name: str, declared: Declared, attribute: str, keywords: Sequence[str]) -> set[str]:
    """The keywords of an attribute that a declared call takes."""
    reader = declared.attributes.get(attribute)
    if reader is None:
        return set(keywords) if attribute in declared.ignored else set()
    return {word for word in keywords if _is_taken(reader, name, attribute, word)}


def _is_taken(reader: Any, name: str, attribute: str, word: str) -> bool:
    node = Node(op=name, name=name, attributes={attribute: word}, inputs=())
    try:
        reader(Attributes(node), attribute)
    except GraphError:
        return False
    return True


def _read(function: Any, bindings: Bindings, limits: Limits, seen: set[Any]) -> None:
    """Add what a function refuses, and the functions that it calls."""
    if function in seen:
        return
    seen.add(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    scope = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    names = {**bindings, **_loops(tree)}
    local = dict(_assigned(tree, scope))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute):
            _read_method(call, names, {**scope, **local}, limits)
        elif isinstance(call.func, ast.Name):
            callee = scope.get(call.func.id)
            if inspect.isfunction(callee) and callee.__module__.startswith(PACKAGE):
                _read(callee, _passed(call, callee, names), limits, seen)


def _read_method(call: ast.Call, names: Bindings, scope: Mapping[str, Any], limits: Limits) -> None:
    """Add what one call of `choice`, `unsupported` or `error` refuses."""
    assert isinstance(call.func, ast.Attribute)
    method, arguments = call.func.attr, call.args
    if method == "choice" and len(arguments) == 3:
        keywords = _value(arguments[2], scope)
        for name in _names(arguments[0], names):
            if keywords is None:
                limits.undecided.add(name)
            else:
                limits.keywords.setdefault(name, set()).update(keywords)
    elif method == "unsupported":
        limits.values.update(_names(arguments[0], names))
    elif method == "error" and any(word in (text := _text(arguments[0])) for word in _LIMIT):
        limits.messages.append(text)


def _names(argument: ast.expr, names: Bindings) -> Sequence[str]:
    """The names of attributes that an argument can be."""
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    return names.get(argument.id, ()) if isinstance(argument, ast.Name) else ()


def _value(expression: ast.expr, scope: Mapping[str, Any]) -> Any:
    """The value of an expression; None if it depends on the node."""
    try:
        return eval(compile(ast.Expression(expression), "<limit>", "eval"), dict(scope))
    except (NameError, TypeError, KeyError):
        return None


def _assigned(tree: ast.AST, scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The names that are assigned lists of constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, _value(node.value, scope)


def _loops(tree: ast.AST) -> dict[str, list[str]]:
    """The texts that the variables of loops over constants can be."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Tuple):
            targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
            for item in node.iter.elts:
                values = item.elts if isinstance(item, ast.Tuple) else [item]
                for target, value in zip(targets, values, strict=False):
                    if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                        found.setdefault(target.id, []).append(str(value.value))
    return found


def _passed(call: ast.Call, callee: Any, names: Bindings) -> dict[str, Sequence[str]]:
    """The texts that a call passes, by the callee's parameter."""
    parameters = list(inspect.signature(callee).parameters)
    pairs = [
        *zip(parameters, call.args, strict=False),
        *((keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg),
    ]
    return {name: found for name, value in pairs if (found := _names(value, names))}


def _text(expression: ast.expr) -> str:
    """The text of a message, with gaps where it depends on the node."""
    if isinstance(expression, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else GAP for part in expression.values
        )
    return str(expression.value) if isinstance(expression, ast.Constant) else GAP
