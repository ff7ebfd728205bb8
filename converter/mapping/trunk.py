"""The classification trunk in GluonCV's segmentation, detection and pose networks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import KeyMapError
from ..mappings.schema import Row
from ..mappings.yaml_table import read_row, read_table


class _TrunkRow(Row, frozen=True):
    trunk: dict[str, str]
    left_out: list[str]


@dataclass(frozen=True)
class Trunk:
    """The arrays of a file that belong to the classification network.

    Attributes:
        kind: The kind of the file's network, a row of mappings/backbones.yaml.
        names: Name in the file → name in the classification network.
        left_out: The file's other names, by the rule that excludes them.
    """

    kind: str
    names: dict[str, str]
    left_out: dict[str, tuple[str, ...]]


def trunk_kind(names: Iterable[str]) -> str | None:
    """Return the kind of network whose trunk could be taken; None if it is none of them."""
    try:
        return take_trunk(names).kind
    except KeyMapError:
        return None


def take_trunk(names: Iterable[str]) -> Trunk:
    """Find the trunk in a file's names.

    Raises:
        KeyMapError: No kind in the table has these names; it lists the names that do not fit the
            nearest kind.
    """
    names = list(names)
    trunks: list[Trunk] = []
    misfits: dict[str, list[str]] = {}
    for kind, value in read_table("backbones.yaml").items():
        row = read_row(value, _TrunkRow, f"mappings/backbones.yaml: {kind}")
        found: dict[str, str] = {}
        left_out: dict[str, list[str]] = {rule: [] for rule in row.left_out}
        misfits[kind] = []
        used = set()
        for name in names:
            start = next((start for start in row.trunk if name.startswith(start)), None)
            rule = next((rule for rule in left_out if name.startswith(rule)), None)
            if start is not None:
                found[name] = row.trunk[start] + name.removeprefix(start)
                used.add(start)
            elif rule is not None:
                left_out[rule].append(name)
            else:
                misfits[kind].append(name)
        if not misfits[kind] and used == set(row.trunk):
            kept = {rule: tuple(each) for rule, each in left_out.items() if each}
            trunks.append(Trunk(kind, found, kept))
    if len(trunks) != 1:
        kind, others = min(misfits.items(), key=lambda item: len(item[1]))
        raise KeyMapError(
            f"no network with a backbone has these names; the nearest kind is {kind}, "
            f"which does not have these names ({len(others)} in all):",
            others,
        )
    return trunks[0]
