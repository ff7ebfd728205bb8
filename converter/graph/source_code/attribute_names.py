"""Names of a class's attributes, derived from those of the graph."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from torch import nn

from .name_groups import NameGroups
from .operations import Body, Chain, Operation

Place = tuple[int, int]
"""The number of a chain, and that of an operation in it."""
LEAST_RUN = 2
LEAST_LAYERS = 4  # of a block that is a part of a network
MOST_OF_BLOCK = 0.7
MOST_OF_ALL = 0.6  # a group with more of the network than this is not one of its parts


@dataclass(frozen=True)
class Run:
    """Layers that follow one another and are stored as one nn.Sequential.

    Attributes:
        name: Name of the attribute.
        chain: Number of the chain.
        start: Number of the first operation.
        end: Number of the one behind the last.
    """

    name: str
    chain: int
    start: int
    end: int


@dataclass(frozen=True)
class Attributes:
    """Names of attributes.

    Attributes:
        names: The name of each operation, by its place. Within a run it is the run's name and a
            number.
        runs: The runs, by the place of their first operation.
    """

    names: dict[Place, str]
    runs: dict[Place, Run]


class AttributeNames:
    """Unique names of attributes of one class."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def unique(self, name: str) -> str:
        """A name that is an identifier, and no other attribute's."""
        name = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "layer"
        if (
            name[0].isdigit()
            or keyword.iskeyword(name)
            or hasattr(nn.Sequential, name)
            or name == "training"
        ):
            name = f"layer_{name}"
        result, number = name, 2
        while result in self._used:
            result, number = f"{name}_{number}", number + 1
        self._used.add(result)
        return result


def leaves(operation: Operation) -> Iterator[Operation]:
    """The operations that an instance of a block stands for."""
    if operation.part is None:
        yield operation
        return
    for each in operation.part.operations():
        yield from leaves(each)


def block_attributes(body: Body, optional: int | None) -> Attributes:
    """Names in a block's class: the last part of the graph's names, numbered where it repeats.

    Args:
        body: A part with all operations.
        optional: Number of the chain that some parts lack.
    """
    unique = AttributeNames()
    runs: dict[Place, Run] = {}
    names: dict[Place, str] = {}
    kept = [
        (place, operation)
        for place, operation in _operations(body)
        if _is_stored(operation, in_sequence=is_sequence(body))
    ]
    if optional is not None:
        places = [place for place, _ in kept if place[0] == optional]
        name = unique.unique("shortcut")
        if len(body.chains[optional].items) > 1:
            runs[optional, 0] = Run(name, optional, 0, len(body.chains[optional].items))
            names |= {(optional, i): f"{name}.{i}" for i in range(len(body.chains[optional].items))}
        else:
            names |= dict.fromkeys(places, name)
        kept = [each for each in kept if each[0][0] != optional]
    for run in _block_runs(body, optional):
        name = unique.unique("blocks")
        runs[run.chain, run.start] = Run(name, run.chain, run.start, run.end)
        for index in range(run.start, run.end):
            names[run.chain, index] = f"{name}.{index - run.start}"
    kept = [each for each in kept if each[0] not in names]
    bases = [base_name(operation) for _, operation in kept]
    counts, seen = Counter(bases), Counter[str]()
    for (place, _), base in zip(kept, bases, strict=True):
        seen[base] += 1
        names[place] = unique.unique(f"{base}{seen[base]}" if counts[base] > 1 else base)
    return Attributes(names, runs)


def network_attributes(body: Body, groups: NameGroups) -> Attributes:
    """Names in the network's class: those of the graph; parts such as stages are runs."""
    prefix = _common_prefix(body, groups)
    unique = AttributeNames()
    names: dict[Place, str] = {}
    runs: dict[Place, Run] = {}
    known: dict[tuple[str, ...] | None, str] = {}  # attributes of shared arrays
    for number, chain in enumerate(body.chains):
        for name, start, end in _parts(chain, groups, prefix):
            if name is not None:
                run = Run(unique.unique(name), number, start, end)
                runs[number, start] = run
                names |= {(number, i): f"{run.name}.{i - start}" for i in range(start, end)}
                continue
            for index in range(start, end):
                operation = chain.items[index]
                assert isinstance(operation, Operation)
                if not _is_stored(operation, in_sequence=False):
                    continue
                shared = tuple(operation.keys.values()) if operation.pinned is not None else None
                if shared is None or shared not in known:
                    known[shared] = unique.unique(_own_name(operation, groups, prefix))
                names[number, index] = known[shared]
    return Attributes(names, runs)


def _parts(
    chain: Chain, groups: NameGroups, prefix: tuple[str, ...]
) -> Iterator[tuple[str | None, int, int]]:
    """Spans of a chain: stages by their names, runs of blocks, and the rest without a name."""
    operations = [item for item in chain.items if isinstance(item, Operation)]

    def stage(index: int) -> str | None:
        operation = operations[index]
        if not operation.is_layer or operation.pinned is not None:
            return None
        path = path_of(operation, groups)[len(prefix) :]
        return path[0] if path else None

    stages: list[str | None] = []
    for name, span in groupby(range(len(operations)), stage):
        count = len(list(span))
        stages += [name if count >= LEAST_RUN else None] * count
    for name, span in groupby(range(len(operations)), stages.__getitem__):
        indices = list(span)
        if name is not None:
            yield name, indices[0], indices[-1] + 1
            continue
        for is_run, each in groupby(indices, lambda i: is_large(operations[i])):
            found = list(each)
            words = {re.sub(r"\d+$", "", stage(i) or "block") for i in found}
            long = is_run and len(found) >= LEAST_RUN
            name = f"{words.pop()}s" if len(words) == 1 else "blocks"
            yield name if long else None, found[0], found[-1] + 1


def is_large(operation: Operation) -> bool:
    """Whether an operation is a block with more than a layer, its norm and its activation."""
    return operation.block is not None and sum(1 for _ in leaves(operation)) >= LEAST_LAYERS


def _block_runs(body: Body, optional: int | None) -> Iterator[Run]:
    for number, chain in enumerate(body.chains):
        if number == optional:
            continue
        forms = [item.form if isinstance(item, Operation) else "" for item in chain.items]
        operations = [item for item in chain.items if isinstance(item, Operation)]
        for _, span in groupby(range(len(forms)), forms.__getitem__):
            indices = list(span)
            if len(indices) > LEAST_RUN and operations[indices[0]].block is not None:
                yield Run("", number, indices[0], indices[-1] + 1)


def _common_prefix(body: Body, groups: NameGroups) -> tuple[str, ...]:
    """The levels of names that most of the network has in common."""
    paths = [path_of(operation, groups) for _, operation in _operations(body)]
    prefix: tuple[str, ...] = ()
    while True:
        following = Counter(
            path[: len(prefix) + 1]
            for path in paths
            if path[: len(prefix)] == prefix and len(path) > len(prefix)
        )
        if not following:
            return prefix
        best, count = following.most_common(1)[0]
        if count <= MOST_OF_ALL * len(paths):
            return prefix
        prefix = best


def path_of(operation: Operation, groups: NameGroups) -> tuple[str, ...]:
    """The levels of names that most operations of a block have in common."""
    paths = [groups.path(each.name) for each in leaves(operation)]
    common: tuple[str, ...] = ()
    while True:
        longer = Counter(
            p[: len(common) + 1]
            for p in paths
            if len(p) > len(common) and p[: len(common)] == common
        )
        best, count = longer.most_common(1)[0] if longer else ((), 0)
        if count < MOST_OF_BLOCK * len(paths):
            return common
        common = best


def _own_name(operation: Operation, groups: NameGroups, prefix: tuple[str, ...]) -> str:
    path = list(path_of(operation, groups))[len(prefix) :]
    if operation.block is not None and path:
        return "_".join(path)
    parts = _main_layer(operation).name.split("_")
    parts = (
        parts[len(prefix) :]
        if tuple(each.lower() for each in parts[: len(prefix)]) == prefix
        else parts
    )
    return "_".join(parts)


def _operations(body: Body) -> list[tuple[Place, Operation]]:
    return [
        ((number, index), item)
        for number, chain in enumerate(body.chains)
        for index, item in enumerate(chain.items)
        if isinstance(item, Operation)
    ]


def is_sequence(body: Body) -> bool:
    """Whether a body is a sequence of layers."""
    return len(body.chains) == 1 and all(each.is_layer for each in body.operations())


def _is_stored(operation: Operation, *, in_sequence: bool) -> bool:
    """Whether an operation has an attribute: a layer that is not written as a call, or arrays."""
    if not operation.is_layer:
        return bool(operation.arrays)
    return operation.call is None or in_sequence


def _main_layer(operation: Operation) -> Operation:
    """The layer that a short block is named after."""
    layers = list(leaves(operation))
    return next(
        (each for each in layers if each.form.startswith(("nn.Conv", "nn.Linear"))), layers[0]
    )


_KINDS = {"nn.Conv": "conv", "nn.BatchNorm": "norm", "nn.Linear": "linear"}


def base_name(operation: Operation) -> str:
    """The last part of an operation's name without its number."""
    layers = list(leaves(operation))
    if len(layers) >= LEAST_LAYERS and operation.form.isidentifier():
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation.form).lower()
    first = _main_layer(operation)
    base = re.sub(r"\d+$", "", first.name.split("_")[-1]).lower()
    if re.fullmatch(r"[a-z]\w+", base) and not keyword.iskeyword(base):
        return base
    return next((name for kind, name in _KINDS.items() if first.form.startswith(kind)), "layer")
