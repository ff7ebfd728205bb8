"""Renaming of state_dict keys between ours and other libraries', by mappings/layouts/."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from ..errors import KeyMapError
from ..mappings.catalog import Entry
from ..mappings.choices import LAYOUTS
from ..mappings.key_map import load_keymap
from ..mappings.layout import Layout, Renaming, load_layout
from .assignment import refuse, rename

T = TypeVar("T")


def library_keys(layout: Layout, entry: Entry, names: Iterable[str]) -> dict[str, str]:
    """Map our keys to the library's, in the given order.

    Raises:
        UnknownModelError: The library has no such network.
        KeyMapError: The table does not give each key exactly one name.
    """
    names = list(names)
    if layout.families is None:
        return {name: name for name in names}
    table = _rules(layout, entry, names)
    return _rename(table, names, f"{entry.name} in {layout.title}'s keys")


def our_keys(layout: Layout, entry: Entry, names: Iterable[str]) -> dict[str, str]:
    """Map the library's keys to ours, in the given order.

    Raises:
        UnknownModelError: The library has no such network.
        KeyMapError: The names are not the library's keys of this network.
    """
    names = list(names)
    if layout.families is None:
        return {name: name for name in names}
    table = _rules(layout, entry, names).reversed()
    return _rename(table, names, f"these are not {layout.title}'s keys of {entry.name}")


def to_layout(name: str, entry: Entry, tensors: Mapping[str, T]) -> dict[str, T]:
    """Rename our state_dict to a library's keys, in the same order; the tensors are shared.

    Raises:
        UnknownModelError: The library has no such network.
    """
    keys = library_keys(load_layout(name), entry, tensors)
    return {keys[key]: tensor for key, tensor in tensors.items()}


def find_layout(
    entry: Entry, names: Iterable[str], wanted: Iterable[str], where: object
) -> dict[str, str]:
    """Map keys of any layout to ours.

    Args:
        wanted: The network's own keys.
        where: Path of the file, for errors.

    Raises:
        KeyMapError: The keys belong to no layout; it lists those that are not ours.
    """
    names, wanted = list(names), set(wanted)
    for name in LAYOUTS:
        layout = load_layout(name)
        if layout.families is not None and entry.name not in layout.networks:
            continue
        try:
            keys = our_keys(layout, entry, names)
        except KeyMapError:
            continue
        if wanted.issuperset(keys.values()):
            return keys
    problems = [f"{name}: {entry.name} has no such key" for name in names if name not in wanted]
    raise KeyMapError(f"{where}: these are not the keys of {entry.name} in any layout", problems)


def _rules(layout: Layout, entry: Entry, names: Collection[str]) -> Renaming:
    """Return the network's rules, without the classifier's if the names have none (a trunk)."""
    layout.row(entry)
    assert layout.families is not None, "a layout without rules has nothing to rename"
    table = layout.families[entry.family]
    classifier = load_keymap(entry.family).classifier
    has_one = any(
        f"{layer}.weight" in names
        for rule in table.rules
        if rule.source == classifier
        for layer in (rule.source, rule.target)
    )
    rules = tuple(rule for rule in table.rules if rule.source != classifier or has_one)
    return Renaming(table.where, rules)


def _rename(table: Renaming, names: Iterable[str], summary: str) -> dict[str, str]:
    assignments, problems = rename(table, names)
    refuse(summary, problems)
    return {assignment.source: assignment.target for assignment in assignments}
