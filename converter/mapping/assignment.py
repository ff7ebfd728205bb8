"""Strict checks of names, shapes and dtypes against a key map and a network.

No array values are read, so neither NumPy nor torch is needed. All problems are reported together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import KeyMapError, counted
from ..mappings.key_map import ALL_KINDS, MADE_UP, KeyMap, Rule

WEIGHT_DTYPES = ("float16", "float32", "float64")


@dataclass(frozen=True)
class ArraySpec:
    """Shape and dtype name (such as `float32`) of an array."""

    shape: tuple[int, ...]
    dtype: str


def array_specs(arrays: Mapping[str, Any]) -> dict[str, ArraySpec]:
    """Return the shapes and dtypes of arrays, dense or sparse; None gets `()` and `none`."""
    return {
        name: ArraySpec((), "none") if array is None else ArraySpec(array.shape, array.dtype.name)
        for name, array in arrays.items()
    }


@dataclass(frozen=True)
class Assignment:
    """The source array of one target tensor, and the rule that matched it.

    `fill_ones` replaces its values by 1; `as_conv` appends two dimensions of size 1.
    """

    source: str
    target: str
    rule: str
    fill_ones: bool = False
    as_conv: bool = False

    def shape(self, source: tuple[int, ...]) -> tuple[int, ...]:
        """Return the target's shape for a source array of shape `source`."""
        return (*source, 1, 1) if self.as_conv else source


class Rules(Protocol):
    """A key map or a layout: its rules, and its file for error messages."""

    @property
    def rules(self) -> tuple[Rule, ...]: ...

    @property
    def where(self) -> str: ...


def rename(table: Rules, names: Iterable[str]) -> tuple[list[Assignment], list[str]]:
    """Rename by the rules of a table.

    A problem is a name that no rule matches, that several rules match, or whose target another
    name has too; and a rule that matches no name.

    Returns:
        The assignments, and the problems, one line each.
    """
    assignments, problems = [], []
    used_rules: set[str] = set()
    for name in names:
        layer, _, parameter = name.rpartition(".")
        matches = [
            (rule, target)
            for rule in table.rules
            if parameter in ALL_KINDS[rule.kind].parameters
            and (target := rule.ours(layer)) is not None
        ]
        used_rules.update(str(rule) for rule, _ in matches)
        if len(matches) == 1:
            rule, target = matches[0]
            kind = ALL_KINDS[rule.kind]
            ours = kind.parameters[parameter]
            assignments.append(
                Assignment(name, f"{target}.{ours}", str(rule), ours in kind.ones, kind.as_conv)
            )
        elif matches:
            rules = " and ".join(f"`{rule}`" for rule, _ in matches)
            problems.append(f"{name}: two rules of {table.where} match it: {rules}")
        else:
            problems.append(f"{name}: no rule of {table.where} matches it")
    problems += [
        f"rule `{rule}` of {table.where}: no array has a matching name"
        for rule in table.rules
        if str(rule) not in used_rules
    ]
    counts = Counter(assignment.target for assignment in assignments)
    problems += [
        f"{assignment.target}: assigned more than once, here from {assignment.source}"
        for assignment in assignments
        if counts[assignment.target] > 1
    ]
    return assignments, problems


def check(
    assignments: Collection[Assignment],
    sources: Mapping[str, ArraySpec],
    targets: Mapping[str, ArraySpec],
) -> list[str]:
    """Return the differences from the network's state_dict after renaming, one line each."""
    problems = []
    by_target = {assignment.target: assignment for assignment in assignments}
    for target, assignment in by_target.items():
        source, spec = assignment.source, sources[assignment.source]
        if target not in targets:
            problems.append(f"{source}: maps to {target}, which the network does not have")
        elif assignment.shape(spec.shape) != targets[target].shape:
            problems.append(
                f"{source}: has shape {spec.shape}; {target} needs {targets[target].shape}"
            )
        if spec.dtype not in WEIGHT_DTYPES:
            supported = ", ".join(WEIGHT_DTYPES)
            problems.append(f"{source}: has dtype {spec.dtype}; supported are {supported}")
    problems += [
        f"{target}: no array maps to it"
        for target in targets
        if target not in by_target and not target.endswith(f".{MADE_UP}")
    ]
    return problems


def differences(built: Mapping[str, ArraySpec], known: Mapping[str, ArraySpec]) -> list[str]:
    """Return where a network that was built differs from its known description, one line each."""
    return [
        f"{name}: is {_text(built.get(name))}, not {_text(known.get(name))}"
        for name in {**known, **built}
        if built.get(name) != known.get(name)
    ]


def _text(spec: ArraySpec | None) -> str:
    return "missing" if spec is None else f"{spec.dtype} of shape {spec.shape}"


def gluon_names(keymap: KeyMap, targets: Iterable[str]) -> list[tuple[str, str]]:
    """Translate our state_dict's names to Gluon's structural ones, in the same order.

    Names that no rule produces are left out.

    Returns:
        Pairs of the structural name and the kind of its layer.
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
    """Report all problems together, if there are any.

    Raises:
        KeyMapError: There are problems; it has the summary and all of them.
    """
    if problems:
        raise KeyMapError(f"{summary} ({counted(problems)}):", sorted(problems))
