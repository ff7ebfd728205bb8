"""Plain values, as YAML and JSON give them → typed ones, checked strictly by msgspec."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_PLACE = re.compile(r"(?P<problem>.*?) - at `\$\.?(?P<path>.*)`", re.DOTALL)


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of a table: a field that is missing or unknown is an error."""


def structure(value: Any, type_: type[T], where: str = "") -> T:
    """A value of YAML or JSON as an object of `type_`: a Row, a dataclass, or what these hold.

    Nothing is coerced but a whole number to a float. Fields that a dataclass does not have are left
    out; a Row refuses them.

    Args:
        where: the place of the value, with which the errors' paths begin.

    Raises:
        ValueError: `place: what was expected`.
    """
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        found = _PLACE.fullmatch(str(error))
        problem, path = (found["problem"], found["path"]) if found else (str(error), "")
        place = f"{where}.{path}".strip(".") if not path.startswith("[") else f"{where}{path}"
        problem = problem[0].lower() + problem[1:]
        raise ValueError(f"{place}: {problem}" if place else problem) from error
