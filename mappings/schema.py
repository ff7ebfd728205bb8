"""Strict conversion of YAML and JSON values to typed objects, by msgspec."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_PLACE = re.compile(r"(?P<problem>.*?) - at `\$\.?(?P<path>.*)`", re.DOTALL)


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in a table; missing and unknown fields are errors."""


def structure(value: Any, type_: type[T], where: str = "") -> T:
    """Convert a YAML or JSON value to `type_`: a Row, a dataclass, or the type of one of a field.

    Nothing is coerced, except integers to floats. Fields unknown to a dataclass are dropped; a Row
    rejects them.

    Args:
        where: Location of the value, prepended to the path in error messages.

    Raises:
        ValueError: The value does not match; the message is `location: what was expected`.
    """
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        found = _PLACE.fullmatch(str(error))
        problem, path = (found["problem"], found["path"]) if found else (str(error), "")
        place = f"{where}.{path}".strip(".") if not path.startswith("[") else f"{where}{path}"
        problem = problem[0].lower() + problem[1:]
        raise ValueError(f"{place}: {problem}" if place else problem) from error


def plain(value: Any) -> Any:
    """Convert dataclasses, rows and what they contain to dicts, lists and numbers, for JSON."""
    return msgspec.to_builtins(value)
