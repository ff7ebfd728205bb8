"""The search for sequences of operations that are repeated in the code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .name_groups import NameGroups
from .operations import Body, Chain, Operation, Region, Value
from .repeated_regions import Block, input_shape

LONGEST = 16
WEIGHTED = "nn.Conv", "nn.Linear"
LEAST_SAVED = 0.5
# lines: of a layer and its call, of a call alone, and of a class besides its layers
LAYER, CALL, HEAD, USE = 1.4, 0.3, 5.0, 1.3


@dataclass(frozen=True)
class _Line:
    """A chain of the code: the same one of all parts that a class is for."""

    places: list[tuple[Body, Chain]]

    @property
    def first(self) -> Chain:
        """One of the chains."""
        return self.places[0][1]


def sequence_blocks(root: Body, blocks: list[Block]) -> Iterator[Block]:
    """Replace repeated sequences of operations by instances of blocks, the longest code first.

    Args:
        root: The network.
        blocks: The blocks that it consists of.
    """
    found = list(blocks)
    groups = NameGroups(operation.name for operation in _all_operations(root))
    while True:
        best = _best(list(_lines([[root], *(block.bodies for block in found)])), groups)
        if best is None:
            return
        length, occurrences = best
        operations = _operations(occurrences[0], length)
        block = Block(is_region=any(map(_is_region, operations)))
        for line, start in occurrences:
            for body, chain in line.places:
                items = chain.items[start : start + length]
                shape = input_shape(body, chain, start)
                part = Body([shape], [Chain((Value(True, 0),), items)], (Value(False, 0),))
                block.add(part)
        uses = iter(reversed(block.uses))
        for line, start in reversed(occurrences):
            for _, chain in reversed(line.places):
                chain.items[start : start + length] = [next(uses)]
        found.append(block)
        yield block


def _lines(code: list[list[Body]]) -> Iterator[_Line]:
    for bodies in code:
        for number in range(len(bodies[0].chains)):
            places = [(body, body.chains[number]) for body in bodies]
            places = [place for place in places if place[1].items]
            yield _Line(places)
            for index, item in enumerate(places[0][1].items):
                if isinstance(item, Region):
                    regions = [chain.items[index] for _, chain in places]
                    yield from _lines(
                        [[region.body for region in regions if isinstance(region, Region)]]
                    )


def _all_operations(body: Body) -> Iterator[Operation]:
    """The operations of a network, with those in blocks."""
    for operation in body.operations():
        if operation.part is None:
            yield operation
        else:
            yield from _all_operations(operation.part)


def _is_region(operation: Operation) -> bool:
    return operation.block is not None and operation.block.is_region


def _best(lines: list[_Line], groups: NameGroups) -> tuple[int, list[tuple[_Line, int]]] | None:
    """The sequence that saves the most lines: its length, and where it is."""
    places: defaultdict[Any, list[tuple[_Line, int]]] = defaultdict(list)
    ends: dict[tuple[int, Any], int] = {}
    order: list[Any] = []
    for line in lines:
        items = line.first.items
        for start in range(len(items)):
            if start == 0 and len(line.first.inputs) != 1:
                continue
            pattern: tuple[Any, ...] = ()
            for item in items[start : start + LONGEST]:
                if not isinstance(item, Operation):
                    break
                pattern = (*pattern, item.signature)
                if len(pattern) == 1 or ends.get((id(line), pattern), 0) > start:
                    continue
                operations = _operations((line, start), len(pattern))
                if sum(map(_is_region, operations)) < 2 and groups.is_whole(
                    [each.name for each in operations]
                ):
                    if pattern not in places:
                        order.append(pattern)
                    places[pattern].append((line, start))
                    ends[id(line), pattern] = start + len(pattern)
    scored = [
        (_saved(places[pattern], len(pattern)), _starts_well(places[pattern][0]), -at, pattern)
        for at, pattern in enumerate(order)
        if len(places[pattern]) > 1
    ]
    if not scored:
        return None
    saved, _, _, pattern = max(scored, key=lambda each: each[:3])
    return (len(pattern), places[pattern]) if saved > LEAST_SAVED else None


def _operations(place: tuple[_Line, int], length: int) -> list[Operation]:
    line, start = place
    items = line.first.items[start : start + length]
    return [item for item in items if isinstance(item, Operation)]


def _saved(places: list[tuple[_Line, int]], length: int) -> float:
    operations = _operations(places[0], length)
    if not any(each.keys or each.block for each in operations):
        return 0.0
    if len({each.form for each in operations}) == 1 and operations[0].block:
        return 0.0  # a run of equal blocks becomes a loop
    weighted = sum(1 for each in operations if _is_weighted(each))
    if weighted > 1 and not any(_is_complete(place, length) for place in places):
        return 0.0
    cost = sum(CALL if each.call or not each.is_layer else LAYER for each in operations)
    return len(places) * (cost - USE) - HEAD - len(operations)


def _is_weighted(operation: Operation) -> bool:
    return operation.block is not None or operation.form.startswith(WEIGHTED)


def _is_complete(place: tuple[_Line, int], length: int) -> bool:
    """Whether a sequence is a whole chain."""
    line, start = place
    return start == 0 and length == len(line.first.items)


def _starts_well(place: tuple[_Line, int]) -> bool:
    (first,) = _operations(place, 1)
    return first.form.startswith(WEIGHTED)
