"""Names of a source's classes."""

from __future__ import annotations

import os.path
import re
from collections import Counter

from .attribute_names import leaves
from .name_groups import NameGroups
from .operations import Body, Operation, Region
from .repeated_regions import Block

GENERIC = frozenset({"stage", "unit", "block", "layer", "layers", "features", "feature", "group"})
NOUNS = (
    ("nn.Conv", "Conv"),
    ("nn.BatchNorm", "Norm"),
    ("nn.InstanceNorm", "Norm"),
    ("nn.Linear", "Linear"),
    ("nn.Max", "Pool"),
    ("nn.Avg", "Pool"),
    ("nn.Adaptive", "Pool"),
)
MOST_NOUNS = 4
LEAST_LETTERS = 3  # of a name that says something
MOST_OF_GROUP = 0.8


class ClassNames:
    """Unique names of classes."""

    def __init__(self, groups: NameGroups, taken: set[str]) -> None:
        self._groups, self._used = groups, set(taken)

    def unique(self, name: str) -> str:
        """A name that no other class has."""
        result, number = name, 2
        while result in self._used:
            result, number = f"{name}{number}", number + 1
        self._used.add(result)
        return result

    def name(self, block: Block) -> str:
        """The name of a block's class: that of the groups it is, or else what it consists of."""
        word = self._word(block)
        kind = _kind(block)
        if word is None:
            return self.unique(kind)
        name = camel_case(word)
        if len(word) < LEAST_LETTERS or word.lower() in GENERIC or name in self._used:
            return self.unique(f"{kind.removesuffix('Block')}{name}")
        return self.unique(name)

    def _word(self, block: Block) -> str | None:
        """The name, without its number, of the groups of names that the parts are."""
        words, seen = Counter[str](), Counter[tuple[str, ...]]()
        for use in block.uses:
            names = [each.name for each in leaves(use)]
            paths = [list(self._groups.path(name)) for name in names]
            path = tuple(os.path.commonprefix(paths))  # noqa: RUF071 (of sequences)
            if not path or len(names) < MOST_OF_GROUP * self._groups.size(path):
                return None
            seen[path] += 1
            words[re.sub(r"\d+$", "", path[-1])] += 1
        if len(words) != 1 or max(seen.values()) > 1:
            return None
        (word,) = words
        return word if word.isidentifier() else None


def camel_case(name: str) -> str:
    """A name as that of a class."""
    parts = re.split(r"\W|_", name, flags=re.ASCII)
    text = ""
    for part in parts:
        between = "_" if text[-1:].isdigit() and part[:1].isdigit() else ""
        text += between + part[:1].upper() + part[1:]
    return text if text[:1].isalpha() else f"Network{text}"


def _kind(block: Block) -> str:
    """What a block consists of."""
    body = max(block.bodies, key=lambda each: sum(1 for _ in each.operations()))
    operations = list(body.operations())
    if len(body.chains) == 1 and not any(isinstance(i, Region) for i in body.chains[0].items):
        nouns = [_noun(each) for each in operations]
        return "".join(nouns) if len(nouns) <= MOST_NOUNS else "Layers"
    joins = [each.form for each in operations if not each.is_layer]
    takes_input = any(v.is_input for chain in body.chains[1:] for v in chain.inputs)
    last = joins[-1] if joins else ""
    if last == "{0} + {1}":
        return "ResidualBlock" if block.optional is not None or takes_input else "SumBlock"
    if last.startswith("torch.cat"):
        return "DenseLayer" if _takes_input_last(body) else "Branches"
    if last == "{0} * {1}":
        return "Gate"
    return "Block"


def _takes_input_last(body: Body) -> bool:
    return any(value.is_input for value in body.chains[-1].inputs)


def _noun(operation: Operation) -> str:
    if operation.block is not None:
        return operation.form if operation.form.isidentifier() else "Block"
    for start, noun in NOUNS:
        if operation.form.startswith(start):
            return noun
    if operation.is_layer:
        return operation.form.split(".")[-1]
    return camel_case(
        re.split(r"\W", re.sub(r"\{.*?\}|torch\.|F\.", "", operation.form).strip(". "))[0] or "Call"
    )
