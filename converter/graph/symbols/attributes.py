"""Parser of a node's attributes, which the file stores as strings."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from ...errors import GraphError
from ...sources.arrays import MAX_NDIM
from .symbol import Node

T = TypeVar("T")
MOST_VALUES = 256  # of a tuple
_INFINITE = frozenset({"inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}L?")  # Python 2 appended an L to long integers
_PAIR = r"[(\[]\s*[0-9]{1,9}\s*,\s*[0-9]{1,9}\s*[)\]]"
_PAIRS = re.compile(rf"[(\[]\s*{_PAIR}(\s*,\s*{_PAIR}){{0,31}}\s*,?\s*[)\]]")
_DECIMAL = re.compile(r"([+-]?)([0-9]{0,40})(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,2}))?")
FRACTION_DIGITS = 19  # MXNet's parser ignores further ones
_FLAGS = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}


class Attributes:
    """A node's attributes as typed values.

    The methods take an attribute's name and the operator's default, which is returned where the
    node does not have the attribute or its value is None. They raise GraphError if the value is
    invalid, or missing without a default.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._texts: Mapping[str, str] = node.attributes

    def error(self, problem: str) -> GraphError:
        """An error whose message starts with the node."""
        return GraphError(f"{self._node}: {problem}")

    def unsupported(self, name: str) -> GraphError:
        """The error for an attribute value that MXNet accepts and this importer does not."""
        return self.error(f"{name}={self._texts.get(name)!r} is not supported")

    def has(self, name: str) -> bool:
        """Whether the attribute is present and not None."""
        return self._texts.get(name, "None") not in ("None", "")

    def is_given(self, name: str) -> bool:
        """Whether the attribute is present; it may be None."""
        return name in self._texts

    def expect(self, names: Collection[str]) -> None:
        """Require that no attributes but these are set, and those that MXNet hides (`__x__`).

        Raises:
            GraphError: If there are further ones, which are not None.
        """
        for name in self._texts:
            if name not in names and self.has(name) and not name.startswith("__"):
                raise self.unsupported(name)

    def integer(self, name: str, default: int | None = None) -> int:
        """An integer."""
        if not self.has(name):
            return self._default(name, default)
        text = self._texts[name].strip()
        if not _INTEGER.fullmatch(text):
            raise self.error(f"{name}={text!r} is not an integer")
        return int(text.rstrip("L"))

    def count(self, name: str, default: int | None = None) -> int:
        """An integer of at least 1."""
        value = self.integer(name, default)
        if value < 1:
            raise self.error(f"{name}={value} is less than 1")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number, in double precision."""
        if not self.has(name):
            return self._default(name, default)
        try:
            value = float(self._texts[name])
        except ValueError as error:
            raise self.error(f"{name}={self._texts[name]!r} is not a number") from error
        if not math.isfinite(value):
            raise self.error(f"{name}={self._texts[name]!r} is not finite")
        return value

    def any_number(self, name: str, default: float | None = None) -> float:
        """A number or infinity, in double precision."""
        if self.has(name) and self._texts[name].strip().lower() in _INFINITE:
            return float(self._texts[name])
        return self.number(name, default)

    def numbers(self, name: str) -> tuple[float, ...]:
        """A tuple of finite numbers, written `(0, 0.5)`; empty if the attribute is missing."""
        text = self._texts.get(name, "") if self.has(name) else ""
        parts = [part.strip() for part in text.strip("()[]").split(",") if part.strip()]
        try:
            values = tuple(float(part) for part in parts)
        except ValueError as error:
            raise self.error(f"{name}={text[:80]!r} is not a list of numbers") from error
        if not all(math.isfinite(value) for value in values):
            raise self.error(f"{name}={text[:80]!r} is not finite")
        return values

    def single(self, name: str, default: float | None = None) -> float:
        """A parameter of type `float`, with the last bit that MXNet's own parser gives it."""
        value = self.number(name, default)
        try:
            return _parsed_single(self._texts[name]) if self.has(name) else rounded_single(value)
        except OverflowError as error:
            raise self.error(f"{name}={value} is too large for float32") from error

    def any_single(self, name: str, default: float | None = None) -> float:
        """A parameter of type `float`, which may be infinite."""
        return self.any_number(name) if self.is_infinite(name) else self.single(name, default)

    def is_infinite(self, name: str) -> bool:
        """Whether a parameter is an infinite number, as `mx.np.clip` writes a missing bound."""
        return self._texts.get(name, "").strip().lstrip("+-").lower() in ("inf", "infinity")

    def singles(self, name: str, default: Sequence[float] | None = None) -> tuple[float, ...]:
        """A tuple of numbers rounded to float32, written `(0.1, 2)`, `[0.1,2]` or `0.1`."""
        if not self.has(name):
            return tuple(rounded_single(value) for value in self._default(name, default))
        parts = self._texts[name].strip().strip("()[]").split(",")
        try:
            values = [rounded_single(float(part)) for part in parts if part.strip()]
        except (ValueError, OverflowError) as error:
            raise self.error(
                f"{name}={self._texts[name][:80]!r} is not a list of numbers"
            ) from error
        if len(values) > MOST_VALUES or not all(math.isfinite(value) for value in values):
            raise self.error(f"{name}={self._texts[name][:80]!r} is not a list of finite numbers")
        return tuple(values)

    def flag(self, name: str, default: bool) -> bool:
        """A boolean."""
        if not self.has(name):
            return default
        if (text := self._texts[name]) not in _FLAGS:
            raise self.error(f"{name}={text!r} is neither True nor False")
        return _FLAGS[text]

    def text(self, name: str, default: str | None = None) -> str:
        """Any text."""
        return self._texts[name] if self.has(name) else self._default(name, default)

    def flat_pairs(self, name: str) -> tuple[int, ...]:
        """Pairs of integers, written `((0, 1), (2, 3))`, one after the other."""
        text = self.text(name)
        values = re.findall(r"[0-9]{1,9}", text)
        if not _PAIRS.fullmatch(text.strip()):
            raise self.error(f"{name}={text[:80]!r} is not a list of pairs of integers")
        return tuple(int(value) for value in values)

    def choice(self, name: str, default: str | None, choices: Sequence[str]) -> str:
        """One of the supported keywords, `choices`."""
        text = self._texts[name] if self.has(name) else self._default(name, default)
        if text not in choices:
            raise self.error(f"{name}={text!r} is not supported; supported: {', '.join(choices)}")
        return text

    def integers(
        self, name: str, default: Sequence[int] | None = None, most: int = MAX_NDIM
    ) -> tuple[int, ...]:
        """A tuple of integers, written `(3, 3)`, `[3,3]` or `3`.

        Args:
            name: Name of the attribute.
            default: Its default; None if it is required.
            most: How many there may be; shapes and axes are as many as dimensions.
        """
        if not self.has(name):
            return tuple(self._default(name, default))
        values = self.integers_or_none(name, most)
        if None in values:
            raise self.error(f"{name}={self._texts[name]!r} contains None")
        return tuple(value for value in values if value is not None)

    def integers_or_none(self, name: str, most: int = MAX_NDIM) -> tuple[int | None, ...]:
        """A tuple of integers or None, written `(None, 3)`; empty if the attribute is missing."""
        text = self._texts.get(name, "()").strip()
        parts = [part.strip() for part in text.strip("()[]").split(",") if part.strip()]
        if not all(part == "None" or _INTEGER.fullmatch(part) for part in parts):
            raise self.error(f"{name}={text[:80]!r} is not a list of integers")
        if len(parts) > most:
            raise self.error(f"{name}={text[:80]!r} has {len(parts)} values; at most {most}")
        return tuple(None if part == "None" else int(part.rstrip("L")) for part in parts)

    def _default(self, name: str, default: T | None) -> T:
        if default is None:
            raise self.error(f"{name} is missing")
        return default


def rounded_single(value: float) -> float:
    """A number rounded to float32.

    Raises:
        OverflowError: If it is too large.
    """
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def _parsed_single(text: str) -> float:
    """Parse a number as MXNet does for parameters of type `float`.

    Its parser (`dmlc/strtonum.h`) computes in float32 and adds the fraction to the integer part, so
    that the result may be the second nearest float32: 1.736 is read as 1.7360001.
    """
    found = _DECIMAL.fullmatch(text.strip())
    if not found:
        return rounded_single(float(text))
    sign, whole, fraction, exponent = found.groups()
    value = rounded_single(int(whole or 0))
    if fraction:
        digits = fraction[:FRACTION_DIGITS]
        value = rounded_single(value + rounded_single(int(digits) / 10 ** len(digits)))
    power, scale = int(exponent or 0), 1.0
    for factor in (1e8,) * (abs(power) // 8) + (10.0,) * (abs(power) % 8):
        scale = rounded_single(scale * factor)
    value = rounded_single(value / scale) if power < 0 else rounded_single(value * scale)
    return -value if sign == "-" else value
