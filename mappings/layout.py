"""Other libraries' keys, read from mappings/layouts/<library>.yaml."""

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
    """What a library calls one network.

    Attributes:
        build: the code that builds it there, with places for a network's facts.
        fix: a line that makes the library's network equal to Gluon's, where it is not.
        note: what to mind there.
    """

    build: str
    fix: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Renaming:
    """The rules of one network's keys, read from left to right."""

    where: str
    rules: tuple[Rule, ...]

    def reversed(self) -> Renaming:
        """The same from right to left."""
        return Renaming(self.where, tuple(rule.reversed() for rule in self.rules))


@dataclass(frozen=True)
class Layout:
    """One library's keys.

    Attributes:
        title: the library's name.
        snippet: code that builds and fills a network there, with places for a network's facts.
        families: the rules of each family, our keys → theirs; None where the keys are ours.
        networks: the networks that the library has, by GluonCV's name.
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
        """What the library calls a network.

        Raises:
            UnknownModelError: it has none that is equal.
        """
        if entry.name not in self.networks:
            raise UnknownModelError(
                f"{self.title} has no network like {entry.name}; it has those like "
                f"{', '.join(self.networks)}. Ours loads it with `--layout {OURS}`"
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
    """The layout of mappings/layouts/<name>.yaml.

    Raises:
        TableError: the table is wrong.
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
