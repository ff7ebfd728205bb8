"""The parameters of a block's class: what differs between its instances."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from .operations import ABSENT, REQUIRED

LEAST_INSTANCES = (
    3  # for a sum or a product of parameters, which two instances could have by chance
)
Vector = list[Any]
"""The values of an argument, one for each instance."""


@dataclass(frozen=True)
class Code:
    """An expression in a source, which is written as it is."""

    text: str


@dataclass(eq=False)
class Parameter:
    """A parameter of a class.

    Attributes:
        name: Its name.
        values: Its value in each instance; ABSENT where it does not matter.
        default: Its default.
    """

    name: str
    values: Vector
    default: Any = REQUIRED

    @property
    def annotation(self) -> str:
        """Its type."""
        kinds = {_annotation(value) for value in self.values if value is not ABSENT}
        order = ["int", "float", "bool", "str"]
        known = sorted(kinds - {"None"}, key=lambda k: (order.index(k) if k in order else 9, k))
        return " | ".join([*known, *(["None"] if "None" in kinds else [])])


class Parameters:
    """The parameters of a class, found one argument after the other.

    Attributes:
        items: The parameters.
    """

    def __init__(self, instances: int, taken: Set[str] = frozenset()) -> None:
        """Start without parameters.

        Args:
            instances: The number of instances of the class.
            taken: Names that parameters cannot have.
        """
        self.items: list[Parameter] = []
        self._instances, self._taken = instances, taken

    def expression(self, values: Vector, slot: str, name: str) -> Any:
        """What is written for an argument: a literal, or code with parameters.

        Args:
            values: Its values.
            slot: Its name, which says what it can depend on.
            name: The name of a new parameter.
        """
        known = [value for value in values if value is not ABSENT]
        kind = _kind(slot)
        is_constant = all(_same(value, known[0]) for value in known)
        if is_constant and (len(known) == len(values) or kind in ("kernel_size", "padding")):
            return known[0]
        same_name = [each for each in self.items if each.name == slot]
        for parameter in [*same_name, *reversed(self.items)]:
            if _related(kind, _kind(parameter.name)) and _matches(values, parameter.values):
                _fill(parameter.values, values)
                return Code(parameter.name)
        if is_constant and kind != "channels":
            return known[0]
        if (text := next(self._derived(values, kind), None)) is not None:
            return Code(text)
        if is_constant:
            return known[0]
        parameter = Parameter(self._unique(name), list(values))
        self.items.append(parameter)
        return Code(parameter.name)

    def condition(self, present: list[bool], name: str) -> str:
        """A condition that is true for the given instances; a new parameter if there is none."""
        for text, holds in self._conditions():
            if holds == present:
                return text
        parameter = Parameter(self._unique(name), list(present))
        self.items.append(parameter)
        return parameter.name

    def finish(self) -> None:
        """Give defaults to what most instances have in common, and put these last."""
        for parameter in self.items:
            values = [value for value in parameter.values if value is not ABSENT]
            value, count = Counter(values).most_common(1)[0]
            parameter.values = [value if each is ABSENT else each for each in parameter.values]
            if _kind(parameter.name) != "channels" and 2 * count > len(values):
                parameter.default = value
        self.items.sort(key=lambda parameter: parameter.default is not REQUIRED)

    def _derived(self, values: Vector, kind: str) -> Iterator[str]:
        """Expressions with parameters that have the given values."""
        if not all(value is ABSENT or type(value) is int for value in values):
            return
        for parameter in reversed(self.items):
            own = _kind(parameter.name)
            pairs = _pairs(values, parameter.values)
            if pairs is None:
                continue
            if kind == "padding" and own == "kernel_size" and all(v == p // 2 for v, p in pairs):
                yield f"{parameter.name} // 2"
            if own == "channels" and kind in ("channels", "groups", "size"):
                (value, first), *_ = pairs
                if first and value % first == 0 and all(v * first == p * value for v, p in pairs):
                    yield f"{parameter.name} * {value // first}"
                if value and first % value == 0 and all(v * first == p * value for v, p in pairs):
                    yield f"{parameter.name} // {first // value}"
        if kind == "channels" and self._instances >= LEAST_INSTANCES:
            channels = [each for each in self.items if _kind(each.name) == "channels"]
            for one, other in combinations(channels, 2):
                if all(
                    value is ABSENT or (_integers(p, q) and value == p + q)
                    for value, p, q in zip(values, one.values, other.values, strict=True)
                ):
                    yield f"{one.name} + {other.name}"

    def _conditions(self) -> Iterator[tuple[str, list[bool]]]:
        """Comparisons of parameters, with their truth in each instance."""
        known = [each for each in self.items if ABSENT not in each.values]
        single = [
            (f"{each.name} != {value!r}", [v != value for v in each.values])
            for each in known
            for value in sorted({v for v in each.values if type(v) is int})
            if _kind(each.name) == "stride"
        ]
        channels = [each for each in known if _kind(each.name) == "channels"]
        pairs = [
            (f"{p.name} != {q.name}", [a != b for a, b in zip(p.values, q.values, strict=True)])
            for p, q in combinations(channels, 2)
        ]
        yield from pairs
        yield from single
        for one, other in ((a, b) for a in single for b in pairs):
            yield f"{one[0]} or {other[0]}", [a or b for a, b in zip(one[1], other[1], strict=True)]

    def _unique(self, name: str) -> str:
        used = {*self._taken, *(parameter.name for parameter in self.items)}
        unique, number = name, 2
        while unique in used:
            unique, number = f"{name}{number}", number + 1
        return unique


def _annotation(value: Any) -> str:
    if isinstance(value, tuple):
        kinds = sorted({_annotation(each) for each in value})
        if len(kinds) == 1:
            return f"tuple[{', '.join(kinds * len(value))}]"
        return "tuple[float, ...]"
    return "None" if value is None else type(value).__name__


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _kind(name: str) -> str:
    """Arguments of one kind can be one parameter."""
    plain = re.sub(r"\d+$", "", name)
    if "channels" in plain or "features" in plain or plain.startswith("array"):
        return "channels"
    if plain == "groups":
        return "groups"
    return next(
        (each for each in ("kernel_size", "padding", "stride", "dilation") if plain.endswith(each)),
        plain,
    )


def _related(kind: str, other: str) -> bool:
    return kind == other or (kind, other) in {
        ("groups", "channels"),
        ("size", "channels"),
        ("padding", "dilation"),
        ("dilation", "padding"),
    }


def _matches(values: Vector, known: Vector) -> bool:
    return all(
        value is ABSENT or other is ABSENT or _same(value, other)
        for value, other in zip(values, known, strict=True)
    ) and any(
        value is not ABSENT and other is not ABSENT
        for value, other in zip(values, known, strict=True)
    )


def _fill(known: Vector, values: Vector) -> None:
    for place, value in enumerate(values):
        if known[place] is ABSENT:
            known[place] = value


def _pairs(values: Vector, known: Vector) -> list[tuple[int, int]] | None:
    """The values that are present with a parameter's; None if it lacks one, or has no integer."""
    pairs = [(v, p) for v, p in zip(values, known, strict=True) if v is not ABSENT]
    return pairs if all(_integers(v, p) for v, p in pairs) else None


def _integers(*values: Any) -> bool:
    return all(type(value) is int for value in values)


def text_of(value: Any) -> str:
    """A literal or an expression as it is written."""
    if isinstance(value, Code):
        return value.text
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a graph's texts can have quotes
    if isinstance(value, tuple):
        return f"({', '.join(map(text_of, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def stored_text(value: Any, names: Sequence[str]) -> str:
    """A literal or an expression, with the class's parameters as attributes."""
    if not isinstance(value, Code):
        return text_of(value)
    return re.sub(r"[A-Za-z_]\w*", lambda m: f"self.{m[0]}" if m[0] in names else m[0], value.text)
