"""JSON → dataclasses: the way back of `dataclasses.asdict`, strict about types."""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from typing import Any


def parse(type_: Any, value: Any, where: str) -> Any:
    """A value of JSON as an object of `type_`: a dataclass, tuple, dict, union or plain type.

    Keys that the dataclass does not have are left out.

    Raises:
        ValueError: it is none; names the place.
    """
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if is_dataclass(type_) and isinstance(value, dict):
        return _parse_fields(type_, value, where)
    if origin is types.UnionType:
        return _parse_union(arguments, value, where)
    if origin is tuple and isinstance(value, list):
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) == len(value):
            pairs = enumerate(zip(kinds, value, strict=True))
            return tuple(parse(kind, each, f"{where}[{i}]") for i, (kind, each) in pairs)
    if origin is dict and isinstance(value, dict):
        return {key: parse(arguments[1], each, f"{where}.{key}") for key, each in value.items()}
    if type_ is float and type(value) is int:
        return float(value)
    if isinstance(type_, type) and type(value) is type_:
        return value
    raise ValueError(f"{where or 'it'} is {value!r:.60}, which is no {_name(type_)}")


def _parse_fields(type_: Any, value: dict[str, Any], where: str) -> Any:
    hints = typing.get_type_hints(type_)
    values = {}
    for field in fields(type_):
        inside = f"{where}.{field.name}".lstrip(".")
        if field.name in value:
            values[field.name] = parse(hints[field.name], value[field.name], inside)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{inside} is missing")
    return type_(**values)


def _parse_union(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    problem: ValueError | None = None
    for choice in choices:
        try:
            return parse(choice, value, where)
        except ValueError as error:
            problem = problem or error
    assert problem is not None, "a union has members"
    raise problem


def _name(type_: Any) -> str:
    return getattr(type_, "__name__", None) or str(type_)
