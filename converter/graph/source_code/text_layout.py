"""Layout of expressions in lines, as ruff formats them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 100
INDENT = "    "


@dataclass(frozen=True)
class CallExpression:
    """A call whose arguments can stand on lines of their own.

    Attributes:
        head: What stands before the parenthesis.
        arguments: Texts, or calls.
    """

    head: str
    arguments: Sequence[str | CallExpression]


Expression = str | CallExpression


def flat(expression: Expression) -> str:
    """An expression on one line."""
    if isinstance(expression, str):
        return expression
    return f"{expression.head}({', '.join(map(flat, expression.arguments))})"


def lines(expression: Expression, depth: int, before: str = "", after: str = "") -> list[str]:
    """The lines of an expression; its arguments have lines of their own where one is too short.

    Args:
        expression: The expression.
        depth: Level of indentation.
        before: What stands before it on its first line.
        after: What stands behind it on its last line.
    """
    one = INDENT * depth + before + flat(expression) + after
    if len(one) <= WIDTH:
        return [one]
    if isinstance(expression, str):
        if expression.startswith("[") and expression.endswith("]"):
            items = [
                INDENT * (depth + 1) + each + "," for each in split_arguments(expression[1:-1])
            ]
            return [f"{INDENT * depth}{before}[", *items, f"{INDENT * depth}]{after}"]
        parsed = _parsed(expression)
        if parsed is None:
            return [one]
        expression = parsed
    inside = INDENT * (depth + 1) + ", ".join(map(flat, expression.arguments))
    if len(inside) <= WIDTH and expression.head != "nn.Sequential":
        start, end = f"{INDENT * depth}{before}{expression.head}(", f"{INDENT * depth}){after}"
        return [start, inside, end]
    found = [f"{INDENT * depth}{before}{expression.head}("]
    for argument in expression.arguments:
        found += lines(argument, depth + 1, after=",")
    return [*found, f"{INDENT * depth}){after}"]


def _parsed(text: str) -> CallExpression | None:
    """A text that is one call, as such."""
    if not text.endswith(")"):
        return None
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[place], 0)
        if depth == 0:
            head, inside = text[:place], text[place + 1 : -1]
            is_name = head.replace(".", "").replace("_", "").isalnum()
            return CallExpression(head, list(split_arguments(inside))) if is_name else None
    return None


def split_arguments(text: str) -> Iterator[str]:
    """The arguments of a call, at commas outside brackets."""
    depth, start = 0, 0
    for place, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            yield text[start:place].strip()
            start = place + 1
    if text[start:].strip():
        yield text[start:].strip()
