"""Classes of blocks, and the search for regions that are equal up to the values of arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .operations import Body, Chain, Item, Operation, Region, Value

HEAD_LINES = 8  # of a class, besides those of its layers
LARGE = 5  # layers of a region that becomes a class even if it is not repeated


@dataclass(eq=False)
class Block:
    """A class for parts of the network that are equal up to the values of arguments.

    Attributes:
        bodies: The parts.
        uses: The operation that stands for each part.
        optional: Number of the chain that some parts do not have.
        is_region: Whether they are more than a sequence of layers.
    """

    bodies: list[Body] = field(default_factory=list)
    uses: list[Operation] = field(default_factory=list)
    optional: int | None = None
    is_region: bool = False

    def add(self, body: Body) -> Operation:
        """Add a part; returns the operation that stands for it."""
        first, last = next(body.operations()), list(body.operations())[-1]
        form = f"block {id(self)}"  # its name is found later
        use = Operation(form, first.name, block=self, part=body, shape=last.shape)
        self.bodies.append(body)
        self.uses.append(use)
        return use


@dataclass(eq=False)
class _Place:
    """A region of a body.

    Attributes:
        parent: The body that has it.
        chain: The chain.
        index: Its place there.
        is_top: Whether the body is the whole network's.
    """

    parent: Body
    chain: Chain
    index: int
    is_top: bool

    @property
    def body(self) -> Body:
        """The region's body."""
        region = self.chain.items[self.index]
        assert isinstance(region, Region)
        return region.body


def region_blocks(root: Body) -> Iterator[Block]:
    """Replace repeated regions of a network by instances of blocks, the smallest regions first.

    A block that lacks an added branch, as a residual block without a projection does, is one with
    those that have it. Large regions become blocks, too, if there are others.
    """
    repeated = False
    while (group := _best_group(root)) is not None:
        places, optional = group
        repeated = True
        yield _replace(places, optional)
    half = _layers(root) / 2
    large = [
        place
        for place in _places(root)
        if place.is_top
        and LARGE <= _layers(place.body) < half
        and all(each.pinned is None for each in place.body.operations())
    ]
    for place in large if repeated else ():
        yield _replace([place], None, alone=True)


def _places(root: Body) -> list[_Place]:
    return [
        _Place(body, chain, index, body is root)
        for body in root.bodies()
        for chain in body.chains
        for index, item in enumerate(chain.items)
        if isinstance(item, Region)
    ]


def _best_group(root: Body) -> tuple[list[_Place], int | None] | None:
    """The smallest repeated region, and the number of its optional chain."""
    groups: defaultdict[Any, list[_Place]] = defaultdict(list)
    for place in _places(root):
        groups[place.body.signature].append(place)
    # region without a branch -> regions with it
    wider: defaultdict[Any, list[tuple[int, list[_Place]]]] = defaultdict(list)
    for places in groups.values():
        for number in _removable(places[0].body):
            wider[without_chain(places[0].body, number).signature].append((number, places))
    found: list[tuple[int, int, list[_Place], int | None, list[_Place]]] = []
    for signature, places in groups.items():
        options: list[tuple[int | None, list[_Place]]] = [(None, []), *wider.get(signature, [])]
        optional, more = max(options, key=lambda each: len(each[1]))
        count = len(places) + len(more)
        size = _lines((more or places)[0].body)
        if count > 1 and (count - 1) * size > HEAD_LINES + count:
            found.append((_lines(places[0].body), len(found), places, optional, more))
    if not found:
        return None
    _, _, places, optional, more = min(found, key=lambda each: each[:2])
    order = {id(place.body): at for at, place in enumerate(_places(root))}
    return sorted([*places, *more], key=lambda place: order[id(place.body)]), optional


def _layers(body: Body) -> int:
    return sum(each.is_layer for each in body.operations())


def _lines(body: Body) -> int:
    return _layers(body) + sum(len(each.chains) for each in body.bodies())


def _removable(body: Body) -> Iterator[int]:
    """Numbers of the chains that only the last sum takes, and which start at the region's input."""
    *others, last = body.chains
    if (
        len(others) < 2
        or not isinstance(last.items[0], Operation)
        or last.items[0].form != "{0} + {1}"
    ):
        return
    for number, chain in enumerate(others):
        used = [each for other in body.chains for each in other.inputs]
        if (
            chain.inputs == (Value(True, 0),)
            and used.count(Value(False, number)) == 1
            and Value(False, number) in last.inputs
            and all(isinstance(item, Operation) and item.is_layer for item in chain.items)
        ):
            yield number


def without_chain(body: Body, number: int) -> Body:
    """A body in which the input stands for the result of a chain."""
    return _renumbered(body, number, -1, {Value(False, number): Value(True, 0)}, drop=True)


def _with_empty_chain(body: Body, number: int) -> Body:
    """A body with an empty chain, whose result stands for the input in the last sum."""
    result = _renumbered(body, number - 1, 1, {})
    result.chains.insert(number, Chain((Value(True, 0),), []))
    last = result.chains[-1]
    inputs = tuple(Value(False, number) if each == Value(True, 0) else each for each in last.inputs)
    result.chains[-1] = Chain(inputs, last.items)
    return result


def _renumbered(
    body: Body, after: int, by: int, known: dict[Value, Value], drop: bool = False
) -> Body:
    def moved(value: Value) -> Value:
        if value in known:
            return known[value]
        if value.is_input or value.number <= after:
            return value
        return Value(False, value.number + by)

    chains = [
        Chain(tuple(map(moved, chain.inputs)), chain.items)
        for number, chain in enumerate(body.chains)
        if not (drop and number == after)
    ]
    return Body(body.shapes, chains, tuple(map(moved, body.outputs)))


def _replace(places: list[_Place], optional: int | None, *, alone: bool = False) -> Block:
    """Make the block of some regions, with what stands before and behind all of them."""
    block = Block(is_region=True)
    bodies = [place.body for place in places]
    if optional is not None:
        most = max(len(body.chains) for body in bodies)
        bodies = [
            body if len(body.chains) == most else _with_empty_chain(body, optional)
            for body in bodies
        ]
    starts = [place.index for place in places]
    ends = [place.index + 1 for place in places]
    while not alone and _all_equal(
        [_item(place, end) for place, end in zip(places, ends, strict=True)], suffix=True
    ):
        ends = [end + 1 for end in ends]
    while (
        not alone
        and all(place.is_top for place in places)
        and _all_equal(
            [
                _before(place, start, places, ends)
                for place, start in zip(places, starts, strict=True)
            ]
        )
    ):
        starts = [start - 1 for start in starts]
    work = list(zip(places, bodies, starts, ends, strict=True))
    uses = []
    for place, body, start, end in work:
        items = place.chain.items
        prefix, suffix = items[start : place.index], items[place.index + 1 : end]
        uses.append(block.add(_joined(place, body, start, prefix, suffix)))
    block.optional = optional if optional is None or starts[0] == places[0].index else optional + 1
    for (place, _, start, end), use in reversed(list(zip(work, uses, strict=True))):
        place.chain.items[start:end] = [use]
    return block


def _joined(place: _Place, body: Body, start: int, prefix: list[Item], suffix: list[Item]) -> Body:
    """A region's body with the operations before and behind it."""
    shape = input_shape(place.parent, place.chain, start)
    last = body.chains[-1]
    chains = [*body.chains[:-1], Chain(last.inputs, [*last.items, *suffix])]
    body = Body([shape], chains, body.outputs)
    if prefix:
        body = _renumbered(body, -1, 1, {Value(True, 0): Value(False, 0)})
        body.chains.insert(0, Chain((Value(True, 0),), prefix))
    return body


def input_shape(body: Body, chain: Chain, index: int) -> tuple[int, ...] | None:
    """Shape of what the item at a place of a chain takes."""
    if index:
        return result_shape(chain.items[index - 1])
    if not chain.inputs:
        return None
    value = chain.inputs[0]
    if value.is_input:
        return body.shapes[value.number]
    before = body.chains[value.number]
    return result_shape(before.items[-1]) if before.items else body.shapes[0]


def result_shape(item: Item) -> tuple[int, ...] | None:
    """Shape of an item's result."""
    return item.shape if isinstance(item, Operation) else list(item.body.operations())[-1].shape


def _item(place: _Place, index: int) -> Item | None:
    return place.chain.items[index] if 0 <= index < len(place.chain.items) else None


def _before(place: _Place, start: int, places: list[_Place], ends: list[int]) -> Item | None:
    """The item before a start, if it does not belong to another region and takes one value."""
    taken = any(
        other.chain is place.chain and other.index < start <= end
        for other, end in zip(places, ends, strict=True)
    )
    if taken or (start == 1 and len(place.chain.inputs) != 1):
        return None
    return _item(place, start - 1)


def _all_equal(items: list[Item | None], *, suffix: bool = False) -> bool:
    """Whether items are equal operations; those behind a region have no arrays."""
    first = items[0]
    if not isinstance(first, Operation) or first.block is not None:
        return False
    if suffix and (first.keys or (first.is_layer and first.call is None)):
        return False
    return all(isinstance(item, Operation) and item.signature == first.signature for item in items)


def inlined(body: Body) -> Body:
    """A body whose regions are chains of its own."""
    chains: list[Chain] = []
    places: dict[Value, Value] = {}

    def add(inputs: tuple[Value, ...], items: list[Item]) -> Value:
        current: list[Item] = []
        taken = inputs
        for item in items:
            if isinstance(item, Operation):
                current.append(item)
                continue
            if current:
                chains.append(Chain(taken, current))
                taken = (Value(False, len(chains) - 1),)
                current = []
            inner: dict[Value, Value] = {
                Value(True, number): value for number, value in enumerate(taken)
            }
            for number, chain in enumerate(item.body.chains):
                inner[Value(False, number)] = add(
                    tuple(inner[each] for each in chain.inputs), chain.items
                )
            taken = (inner[item.body.outputs[0]],)
        if current or not items:
            chains.append(Chain(taken, current))
            return Value(False, len(chains) - 1)
        return taken[0]

    for number in range(len(body.shapes)):
        places[Value(True, number)] = Value(True, number)
    for number, chain in enumerate(body.chains):
        places[Value(False, number)] = add(
            tuple(places[each] for each in chain.inputs), chain.items
        )
    return Body(body.shapes, chains, tuple(places[each] for each in body.outputs))
