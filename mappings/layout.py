"""Layouts: the state_dict keys of other libraries, from mappings/layouts/<library>.yaml."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ..errors import UnknownModelError
from .catalog import Entry
from .choices import OURS
from .key_map import LAYER, IndexTable, Rule, parse_index, parse_rule
from .schema import Row
from .yaml_table import read_row, read_table


class LibraryNetwork(Row, frozen=True):
    """A library's version of one network.

    Attributes:
        build: Code that builds it, with placeholders for the network's properties.
        fix: A line of code that makes the library's network equal to Gluon's; None if not needed.
        note: A caveat for users of the library's network.
    """

    build: str
    fix: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Renaming:
    """Rules that rename one network's keys, from the left pattern to the right."""

    where: str
    rules: tuple[Rule, ...]

    def reversed(self) -> Renaming:
        """Return the inverse renaming."""
        return Renaming(self.where, tuple(rule.reversed() for rule in self.rules))


@dataclass(frozen=True)
class Layout:
    """The state_dict keys of one library.

    Attributes:
        title: The library's name.
        snippet: Code that builds a network in the library and loads its weights, with placeholders
            for the network's properties.
        families: Rules of each family, our keys → the library's; None if its keys are ours.
        networks: Networks that the library has, by GluonCV's name.
    """

    name: str
    title: str
    snippet: str
    families: Mapping[str, Renaming] | None
    networks: Mapping[str, LibraryNetwork]

    @property
    def renames(self) -> bool:
        """Whether any key differs from ours."""
        tables = (self.families or {}).values()
        return any(rule.source != rule.target for table in tables for rule in table.rules)

    def row(self, entry: Entry) -> LibraryNetwork:
        """Return the library's version of a network.

        Raises:
            UnknownModelError: The library has no equal network.
        """
        if entry.name not in self.networks:
            raise UnknownModelError(
                f"{self.title} has no network equal to {entry.name}, only to "
                f"{', '.join(self.networks)}; gluon2torch loads it with `--layout {OURS}`"
            )
        return self.networks[entry.name]


class _LayoutTable(Row, frozen=True):
    title: str
    snippet: str
    networks: dict[str, Any]
    index: IndexTable = msgspec.field(default_factory=dict)
    rules: dict[str, dict[str, str]] | None = None
    families: dict[str, list[str]] = msgspec.field(default_factory=dict)


@functools.cache
def load_layout(name: str) -> Layout:
    """Load mappings/layouts/<name>.yaml; the result is cached.

    Raises:
        TableError: The table is invalid.
    """
    where = f"mappings/layouts/{name}.yaml"
    table = read_row(read_table(f"layouts/{name}.yaml"), _LayoutTable, where)
    networks = {
        network: read_row(row, LibraryNetwork, f"{where}: {network}")
        for network, row in table.networks.items()
    }
    families = None
    if table.rules is not None:
        index = parse_index(table.index)
        groups = {
            group: tuple(
                parse_rule(LAYER, ours, theirs, index, where) for ours, theirs in rows.items()
            )
            for group, rows in table.rules.items()
        }
        families = {
            family: Renaming(where, tuple(rule for each in names for rule in groups[each]))
            for family, names in table.families.items()
        }
    return Layout(name, table.title, table.snippet, families, networks)
