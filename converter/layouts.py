"""Other libraries' keys: our state_dict renamed to theirs, and theirs to ours.

A layout is a table, mappings/layouts/<name>.yaml, that the key maps' engine applies. What it does
not know it refuses.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .catalog import Entry, load_catalog
from .choices import LAYOUTS, OURS
from .errors import KeyMapError, UnknownModelError
from .keymap import LAYER, Rule, load_keymap, parse_index, parse_rule
from .matching import refuse, rename
from .tables import check_keys, read_table

if TYPE_CHECKING:
    from .record import Record
    from .state_dict import Tensors

_WEIGHTS = {
    ".pth": "torch.load({file!r}, weights_only=True)",
    ".safetensors": "load_file({file!r})",
}


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
        families: the rules of each family; None where the keys are ours.
        networks: what the library calls each network that it has: `build`, and where its network
            differs, `fix`, a line that sets it right, and `note`, which tells.
    """

    name: str
    title: str
    snippet: str
    families: Mapping[str, Renaming] | None
    networks: Mapping[str, Mapping[str, str]]

    @property
    def renames(self) -> bool:
        """Whether any key is another than ours."""
        tables = (self.families or {}).values()
        return any(rule.source != rule.target for table in tables for rule in table.rules)

    def row(self, entry: Entry) -> Mapping[str, str]:
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

    def theirs(self, entry: Entry, names: Iterable[str]) -> dict[str, str]:
        """Our keys → theirs, in the order given.

        Raises:
            UnknownModelError: the library has no such network.
            KeyMapError: the table does not make one key of each.
        """
        if self.families is None:
            return {name: name for name in names}
        names = list(names)
        return _rename(self._rules(entry, names), names, f"{entry.name} in {self.title}'s keys")

    def ours(self, entry: Entry, names: Iterable[str]) -> dict[str, str]:
        """Their keys → ours.

        Raises:
            UnknownModelError: the library has no such network.
            KeyMapError: these are not the keys of it.
        """
        if self.families is None:
            return {name: name for name in names}
        names = list(names)
        table = self._rules(entry, names).reversed()
        return _rename(table, names, f"these are not {self.title}'s keys of {entry.name}")

    def _rules(self, entry: Entry, names: Collection[str]) -> Renaming:
        """The network's rules; a trunk, which has no classifier, has no rule for it."""
        self.row(entry)
        assert self.families is not None, "layouts without rules are not asked"
        table = self.families[entry.family]
        classifier = load_keymap(entry.family).classifier

        def has(rule: Rule) -> bool:
            return any(f"{layer}.weight" in names for layer in (rule.source, rule.target))

        rules = tuple(rule for rule in table.rules if rule.source != classifier or has(rule))
        return Renaming(table.where, rules)


def _rename(table: Renaming, names: Iterable[str], summary: str) -> dict[str, str]:
    assignments, problems = rename(table, names)
    refuse(summary, problems)
    return {assignment.source: assignment.target for assignment in assignments}


@functools.cache
def load_layout(name: str) -> Layout:
    """The layout of mappings/layouts/<name>.yaml.

    Raises:
        TableError: the table is wrong.
    """
    where = f"mappings/layouts/{name}.yaml"
    table = read_table(f"layouts/{name}.yaml")
    check_keys(
        table,
        where,
        required=["title", "snippet", "networks"],
        optional=["index", "rules", "families"],
    )
    for network, row in table["networks"].items():
        check_keys(row, f"{where}: {network}", required=["build"], optional=["fix", "note"])
    families = None
    if "rules" in table:
        index = parse_index(table["index"])
        groups = {
            group: tuple(
                parse_rule(LAYER, ours, theirs, index, where) for ours, theirs in rows.items()
            )
            for group, rows in table["rules"].items()
        }
        families = {
            family: Renaming(where, tuple(rule for each in names for rule in groups[each]))
            for family, names in table["families"].items()
        }
    return Layout(name, table["title"], table["snippet"], families, table["networks"])


def to_layout(name: str, entry: Entry, tensors: Tensors) -> Tensors:
    """A state_dict of ours under a library's keys, in the same order; the tensors are shared.

    Raises:
        UnknownModelError: the library has no such network.
    """
    keys = load_layout(name).theirs(entry, tensors)
    return {keys[key]: tensor for key, tensor in tensors.items()}


def find_layout(entry: Entry, names: Iterable[str], wanted: Iterable[str]) -> dict[str, str]:
    """Keys of any layout → ours, for a network whose own are `wanted`.

    Raises:
        KeyMapError: they are of no layout; with what keeps them from being ours.
    """
    names, wanted = list(names), set(wanted)
    for name in LAYOUTS:
        layout = load_layout(name)
        if layout.families is not None and entry.name not in layout.networks:
            continue
        try:
            keys = layout.ours(entry, names)
        except KeyMapError:
            continue
        if wanted.issuperset(keys.values()):
            return keys
    problems = [f"{name}: {entry.name} has no such key" for name in names if name not in wanted]
    raise KeyMapError(f"these are not the keys of {entry.name} in any layout", problems)


def snippet(name: str, record: Record, file: str) -> str | None:
    """Code that builds a record's network in a layout's library, and fills it from a file.

    None where the library has no such network or none with these classes and channels, or where
    the file is no state_dict.
    """
    layout, entry = load_layout(name), load_catalog()[record.model]
    row = layout.networks.get(entry.name)
    weights = next((code for suffix, code in _WEIGHTS.items() if file.endswith(suffix)), None)
    if row is None or weights is None:
        return None
    # their builders make a classifier, and for images of three channels if they are not asked
    if name != OURS and not record.num_classes:
        return None
    if record.in_chans != 3 and "{in_chans}" not in layout.snippet:
        return None
    facts = {
        **asdict(record),
        "mean_255": [round(255 * value, 3) for value in entry.dataset.mean],
        "std_255": [round(255 * value, 3) for value in entry.dataset.std],
        "weights": weights.format(file=file),
    }
    text = layout.snippet.format(**{**facts, "build": row["build"].format(**facts)})
    imports = "from safetensors.torch import load_file\n" if "load_file(" in text else ""
    return imports + text + (f"{row['fix']}\n" if "fix" in row else "")
