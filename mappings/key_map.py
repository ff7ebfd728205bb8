"""Key maps: YAML tables that rename Gluon's parameters to ours.

A map lists layers; the kind of a layer determines its parameters. mapping/assignment.py applies it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from ..errors import TableError
from .schema import Row
from .yaml_table import parse_table, read_row, read_table


@dataclass(frozen=True)
class Kind:
    """The parameters of one kind of layer.

    Attributes:
        word: Gluon's word for the kind in prefixed names.
        parameters: Gluon's parameter names → ours.
        ones: Our parameters that are set to 1, whatever the file contains.
        as_conv: Reshape weights (out, in) to those of a 1×1 convolution (out, in, 1, 1).
    """

    word: str
    parameters: Mapping[str, str]
    ones: frozenset[str] = frozenset()
    as_conv: bool = False


_AFFINE = {"gamma": "weight", "beta": "bias"}
_STATISTICS = {"running_mean": "running_mean", "running_var": "running_var"}
KINDS = {
    "conv": Kind("conv", {"weight": "weight"}),
    "conv_bias": Kind("conv", {"weight": "weight", "bias": "bias"}),
    "norm": Kind("batchnorm", _AFFINE | _STATISTICS),
    # `scale=False` is MXNet's fix_gamma: the file has a gamma, but MXNet computes with 1
    "norm_fixed_gamma": Kind("batchnorm", _AFFINE | _STATISTICS, ones=frozenset({"weight"})),
    "group_norm": Kind("groupnorm", _AFFINE),
    "dense": Kind("dense", {"weight": "weight", "bias": "bias"}),
    "dense_as_conv": Kind("dense", {"weight": "weight"}, as_conv=True),
}
# the kind of all layers in a layout: the parameters have the same names as ours
LAYER = "layer"
_OURS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
ALL_KINDS = {**KINDS, LAYER: Kind("", {name: name for name in _OURS})}
# PyTorch's norms count batches, MXNet's do not: the only value not taken from the file, set to 0
MADE_UP = "num_batches_tracked"

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


IndexTable = dict[str, Literal["same"] | dict[int, int]]
"""The index section as written in a table: Gluon's numbers → ours, or `same`."""

Index = Mapping[str, Mapping[str, str] | None]
"""For each placeholder, Gluon's numbers → ours; None keeps every number."""


@dataclass(frozen=True)
class _Substitution:
    """Renaming from one pattern to another, which translates the numbers in the names."""

    pattern: re.Pattern[str]
    template: str
    index: Index

    def apply(self, name: str) -> str | None:
        match = self.pattern.fullmatch(name)
        if match is None:
            return None
        numbers = {}
        for placeholder, number in match.groupdict().items():
            table = self.index[placeholder]
            if table is not None and number not in table:
                return None
            numbers[placeholder] = number if table is None else table[number]
        return _PLACEHOLDER.sub(lambda found: numbers[found[1]], self.template)


@dataclass(frozen=True)
class Rule:
    """One line of a map: a kind of layer, Gluon's name pattern and ours."""

    kind: str
    source: str
    target: str
    forward: _Substitution
    backward: _Substitution

    def ours(self, layer: str) -> str | None:
        """Return our name of a Gluon layer, or None if the rule does not match."""
        return self.forward.apply(layer)

    def gluons(self, layer: str) -> str | None:
        """Return Gluon's name of our layer, or None if the rule does not match."""
        return self.backward.apply(layer)

    def reversed(self) -> Rule:
        """Return the inverse rule: our names → Gluon's."""
        return Rule(self.kind, self.target, self.source, self.backward, self.forward)

    def __str__(self) -> str:
        return f"{self.kind}: {self.source} → {self.target}"


@dataclass(frozen=True)
class Stage:
    """A point where the two networks are compared: path of Gluon's block and of our module."""

    name: str
    gluon: str
    torch: str


@dataclass(frozen=True)
class KeyMap:
    """The key map of one family.

    Attributes:
        family: Name of the table, mappings/<family>.yaml.
        source: The GluonCV file that defines the networks.
        rules: One per layer pattern.
        stages: Points where parity is measured, in forward order; the last is the logits.
        first_conv: Our first convolution; its weight's shape gives the number of image channels.
        classifier: Our classifier; its weight's shape gives the number of classes.
        imperative: GluonCV's network runs neither as a graph nor in float64.
        scopes: Patterns of Gluon's blocks → the name scopes of their layers.
        residual_end: For each type of block, the pattern of the Gluon parameter that scales the
            end of each residual branch; `--init random` damps it.
    """

    family: str
    source: str
    rules: tuple[Rule, ...]
    stages: tuple[Stage, ...]
    first_conv: str
    classifier: str
    scopes: tuple[_Substitution, ...]
    residual_end: Mapping[str, str]
    imperative: bool = False

    def headless(self) -> KeyMap:
        """Return the map of the trunk alone, without the classifier and the logits."""
        rules = tuple(rule for rule in self.rules if rule.target != self.classifier)
        return replace(self, rules=rules, stages=self.stages[:-1])

    @property
    def where(self) -> str:
        return f"mappings/{self.family}.yaml"


class _Sections(Row, frozen=True):
    source: str
    index: IndexTable
    stages: dict[str, tuple[str, str]]
    scopes: dict[str, str]
    first_conv: str
    classifier: str
    residual_end: dict[str, str]
    imperative: bool = False


# one section per kind: Gluon's layers → ours
_KeyMapTable = msgspec.defstruct(
    "_KeyMapTable",
    [(kind, dict[str, str], msgspec.field(default_factory=dict)) for kind in KINDS],
    bases=(_Sections,),
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
)


@functools.cache
def load_keymap(family: str) -> KeyMap:
    """Load the key map of a family in the catalogue; it is cached.

    Raises:
        TableError: The table is invalid.
    """
    return parse_keymap(read_table(f"{family}.yaml"), family)


def parse_keymap(table: dict[str, Any] | str, family: str) -> KeyMap:
    """Build a key map from a table or its YAML text.

    Raises:
        TableError: An unknown section or placeholder, a duplicate key …
    """
    where = f"mappings/{family}.yaml"
    if isinstance(table, str):
        table = parse_table(table, where)
    sections: Any = read_row(table, _KeyMapTable, where)
    index = parse_index(sections.index)
    rules = [
        parse_rule(kind, source, target, index, where)
        for kind in KINDS
        for source, target in getattr(sections, kind).items()
    ]
    return KeyMap(
        family=family,
        source=sections.source,
        rules=tuple(rules),
        stages=tuple(Stage(name, *paths) for name, paths in sections.stages.items()),
        first_conv=sections.first_conv,
        classifier=sections.classifier,
        scopes=tuple(
            _Substitution(_compile(block), scope, index) for block, scope in sections.scopes.items()
        ),
        residual_end=sections.residual_end,
        imperative=sections.imperative,
    )


def parse_index(table: IndexTable) -> Index:
    """Parse the index section of a table."""
    return {
        name: None
        if isinstance(numbers, str)
        else {str(old): str(new) for old, new in numbers.items()}
        for name, numbers in table.items()
    }


def parse_rule(kind: str, source: str, target: str, index: Index, where: str) -> Rule:
    """Parse one line of a table.

    Raises:
        TableError: A placeholder is unknown, or does not appear exactly once on each side.
    """
    placeholders, needed = _PLACEHOLDER.findall(source), _PLACEHOLDER.findall(target)
    if unknown := sorted({*placeholders, *needed} - set(index)):
        raise TableError(f"{where}: {source}: {', '.join(unknown)} is not in the index section")
    if sorted(placeholders) != sorted(needed) or len(set(placeholders)) != len(placeholders):
        raise TableError(f"{where}: {source}: each index must appear exactly once on each side")
    inverse = {
        name: None if numbers is None else {new: old for old, new in numbers.items()}
        for name, numbers in index.items()
    }
    return Rule(
        kind,
        source,
        target,
        forward=_Substitution(_compile(source), target, index),
        backward=_Substitution(_compile(target), source, inverse),
    )


def _compile(source: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(source)  # text, placeholder, text …
    return re.compile(
        "".join(
            f"(?P<{part}>[0-9]+)" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
    )


def select(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that match a pattern, such as `layer{stage}.{block}.bn3.gamma`."""
    compiled = _compile(pattern)
    return [name for name in names if compiled.fullmatch(name)]
