"""Strict reader of the project's YAML tables."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from ..errors import TableError
from .schema import T, structure

_FOLDER = Path(__file__).resolve().parent

_Base: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Base):  # type: ignore[misc]
    """YAML's safe loader, which also rejects duplicate keys in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"the key {key!r} appears twice; keep one of the two",
                    key_node.start_mark,
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def parse_table(text: str, where: str) -> dict[str, Any]:
    """Parse YAML text whose top level is a mapping.

    Args:
        text: The YAML.
        where: Name of the text in error messages.

    Raises:
        TableError: Invalid YAML, a duplicate key, or no mapping at the top level.
    """
    try:
        table = yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise TableError(f"{where}{line}: {getattr(error, 'problem', error)}") from error
    if not isinstance(table, dict):
        raise TableError(f"{where}: a mapping is expected at the top level")
    return table


def mapping_file(name: str) -> Path:
    """Return the path of `mappings/<name>`."""
    return _FOLDER / name


@functools.cache
def read_table(name: str) -> dict[str, Any]:
    """Load the table `mappings/<name>`; it is cached, so the caller must not modify it.

    Raises:
        TableError: There is no such table, or it is invalid as in `parse_table`.
    """
    return parse_table(read_text(name), f"mappings/{name}")


def read_row(value: Any, type_: type[T], where: str) -> T:
    """Convert a part of a table to a row of its schema.

    Args:
        where: The file and the location in it, for error messages.

    Raises:
        TableError: A key is missing or unknown, or a value has the wrong type.
    """
    try:
        return structure(value, type_)
    except ValueError as error:
        raise TableError(f"{where}: {error}") from error


def read_text(name: str) -> str:
    """Read the text of `mappings/<name>`.

    Raises:
        TableError: There is no such table.
    """
    try:
        return mapping_file(name).read_text(encoding="utf-8")
    except OSError as error:
        raise TableError(
            f"mappings/{name} cannot be read ({error}); reinstall gluon2torch"
        ) from error
