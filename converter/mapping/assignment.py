"""The strict engine: names, shapes and dtypes held against a key map and a network.

It knows no arrays, and needs neither NumPy nor torch. Every problem is told, and all together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import KeyMapError
from ..mappings.key_map import ALL_KINDS, MADE_UP, KeyMap, Rule

WEIGHT_DTYPES = ("float16", "float32", "float64")


@dataclass(frozen=True)
class ArraySpec:
    """What the engine knows of an array: its shape, and its dtype by name (`float32`)."""

    shape: tuple[int, ...]
    dtype: str


def array_specs(arrays: Mapping[str, Any]) -> dict[str, ArraySpec]:
    """Shapes and dtypes by name, of sparse arrays too; None, which is no array, has no shape."""
    return {
        name: ArraySpec((), "none") if array is None else ArraySpec(array.shape, array.dtype.name)
        for name, array in arrays.items()
    }


@dataclass(frozen=True)
class Assignment:
    """One source array becomes one target tensor, by a rule of the map.

    `fill_ones` puts 1 in place of its values; `as_conv` gives it two further dimensions of 1.
    """

    source: str
    target: str
    rule: str
    fill_ones: bool = False
    as_conv: bool = False

    def shape(self, source: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that an array of `source`'s shape becomes."""
        return (*source, 1, 1) if self.as_conv else source


class Rules(Protocol):
    """The lines of a table, a key map or a layout, and where it stands."""

    @property
    def rules(self) -> tuple[Rule, ...]: ...

    @property
    def where(self) -> str: ...


def rename(table: Rules, names: Iterable[str]) -> tuple[list[Assignment], list[str]]:
    """Names → assignments to the other side's, and what is wrong, a line each.

    A name that no rule takes, that two rules take, or whose target another name has too, is a
    problem; so is a rule that takes no name.
    """
    assignments, problems = [], []
    fired: set[str] = set()
    for name in names:
        layer, _, parameter = name.rpartition(".")
        takers = [
            (rule, target)
            for rule in table.rules
            if parameter in ALL_KINDS[rule.kind].parameters
            and (target := rule.ours(layer)) is not None
        ]
        fired.update(str(rule) for rule, _ in takers)
        if len(takers) == 1:
            rule, target = takers[0]
            kind = ALL_KINDS[rule.kind]
            ours = kind.parameters[parameter]
            assignments.append(
                Assignment(name, f"{target}.{ours}", str(rule), ours in kind.ones, kind.as_conv)
            )
        elif takers:
            rules = " and ".join(f"`{rule}`" for rule, _ in takers)
            problems.append(f"{name}: two rules of {table.where} take it: {rules}")
        else:
            problems.append(f"{name}: no rule of {table.where} takes it")
    problems += [
        f"rule `{rule}` of {table.where}: no array has such a name"
        for rule in table.rules
        if str(rule) not in fired
    ]
    times = Counter(assignment.target for assignment in assignments)
    problems += [
        f"{assignment.target}: made twice, here from {assignment.source}"
        for assignment in assignments
        if times[assignment.target] > 1
    ]
    return assignments, problems


def check(
    assignments: Collection[Assignment],
    sources: Mapping[str, ArraySpec],
    targets: Mapping[str, ArraySpec],
) -> list[str]:
    """What keeps the renamed arrays from being the network's state_dict, a line each."""
    problems = []
    made = {assignment.target: assignment for assignment in assignments}
    for target, assignment in made.items():
        source, spec = assignment.source, sources[assignment.source]
        if target not in targets:
            problems.append(f"{source}: becomes {target}, which the network does not have")
        elif assignment.shape(spec.shape) != targets[target].shape:
            problems.append(
                f"{source}: has shape {spec.shape}; {target} takes {targets[target].shape}"
            )
        if spec.dtype not in WEIGHT_DTYPES:
            problems.append(f"{source}: is {spec.dtype}; weights are {', '.join(WEIGHT_DTYPES)}")
    problems += [
        f"{target}: no array becomes it"
        for target in targets
        if target not in made and not target.endswith(f".{MADE_UP}")
    ]
    return problems


def gluon_names(keymap: KeyMap, targets: Iterable[str]) -> list[tuple[str, str]]:
    """Our state_dict's names → Gluon's structural ones with their layer's kind, in that order.

    Names that no rule makes are left out.
    """
    names = []
    for target in targets:
        layer, _, parameter = target.rpartition(".")
        for rule in keymap.rules:
            theirs = {ours: gluon for gluon, ours in ALL_KINDS[rule.kind].parameters.items()}
            if parameter in theirs and (source := rule.gluons(layer)) is not None:
                names.append((f"{source}.{theirs[parameter]}", rule.kind))
    return names


def refuse(summary: str, problems: Collection[str]) -> None:
    """Raise all problems at once, if there are any.

    Raises:
        KeyMapError: with the summary and every problem.
    """
    if problems:
        raise KeyMapError(f"{summary} ({len(problems)} problems):", sorted(problems))
