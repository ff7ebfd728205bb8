"""The chains and regions of a module's operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .fx_operations import Flow
from .operations import Body, Chain, Item, Operation, Region, Value

_NONE = -1


def body_of(flow: Flow) -> Body:
    """Arrange a module's operations as a body.

    A chain goes on as long as the next operation takes nothing but the result before it. Where that
    result is taken by several operations, and all paths from it meet in one that depends on nothing
    else, these are a region.
    """
    return _Arrangement(flow).body(
        list(range(len(flow.inputs), len(flow.inputs) + len(flow.operations))),
        list(range(len(flow.inputs))),
        flow.outputs,
    )


class _Arrangement:
    def __init__(self, flow: Flow) -> None:
        self._first = len(flow.inputs)
        self._operations = [operation for operation, _ in flow.operations]
        self._shapes: list[tuple[int, ...] | None] = [
            *flow.inputs.values(),
            *(operation.shape for operation in self._operations),
        ]
        count = self._first + len(self._operations)
        self._inputs: list[tuple[int, ...]] = [()] * self._first
        self._inputs += [inputs for _, inputs in flow.operations]
        users: list[list[int]] = [[] for _ in range(count)]
        for value, inputs in enumerate(self._inputs):
            for each in inputs:
                users[each].append(value)
        self._users = users
        source, sink = _NONE, count
        self._free = _free(self._inputs, self._first)
        self._before = _nearest(
            range(count),
            lambda value: [e for e in self._inputs[value] if e not in self._free] or (source,),
            source,
        )
        returned = set(flow.outputs)
        self._after = _nearest(
            reversed(range(count)),
            lambda value: [
                *users[value],
                *([sink] if value in returned or not users[value] else []),
            ],
            sink,
        )

    def body(self, values: list[int], inputs: list[int], outputs: Sequence[int]) -> Body:
        """The body that computes outputs from inputs by the operations of the given values."""
        known = {value: Value(True, number) for number, value in enumerate(inputs)}
        own, done = set(values), set[int]()
        chains: list[Chain] = []
        for value in values:
            if value in done:
                continue
            items: list[Item] = [self._operation(value)]
            done.add(value)
            last = value
            while (following := self._following(last, own)) is not None:
                item, covered = following
                items.append(item)
                done |= covered
                last = max(covered)
            chains.append(Chain(tuple(known[each] for each in self._inputs[value]), items))
            known[last] = Value(False, len(chains) - 1)
        shapes = [self._shapes[value] for value in inputs]
        return Body(shapes, chains, tuple(known[value] for value in outputs))

    def _following(self, value: int, own: set[int]) -> tuple[Item, set[int]] | None:
        """The item behind a value, and the values that it computes."""
        meeting = self._after[value]
        if meeting not in own or not self._depends_on(meeting, value):
            return None
        if self._inputs[meeting] == (value,):
            return self._operation(meeting), {meeting}
        between = sorted(self._between(value, meeting))
        if not between:
            return self._operation(meeting), {meeting}
        if self._shapes[value] is None:  # several values
            return None
        body = self.body([*between, meeting], [value], (meeting,))
        return Region(body), {*between, meeting}

    def _depends_on(self, value: int, on: int) -> bool:
        """Whether all paths to a value lead through another."""
        while value > on:
            value = self._before[value]
        return value == on

    def _between(self, start: int, end: int) -> Iterable[int]:
        """The values on the paths between two, with those of arrays alone that only they take."""
        found: set[int] = set()
        left = [each for each in self._users[start] if each != end]
        while left:
            if (value := left.pop()) not in found:
                found.add(value)
                left += [each for each in self._users[value] if each != end]
        for value in sorted(self._free, reverse=True):
            if all(user in found or user == end for user in self._users[value]):
                found.add(value)
        return found

    def _operation(self, value: int) -> Operation:
        return self._operations[value - self._first]


def _free(inputs: Sequence[tuple[int, ...]], first: int) -> set[int]:
    """The values that depend on arrays alone."""
    found: set[int] = set()
    for value in range(first, len(inputs)):
        if all(each in found for each in inputs[value]):
            found.add(value)
    return found


def _nearest(
    order: Iterable[int], neighbours: Callable[[int], Sequence[int]], root: int
) -> dict[int, int]:
    """For each value, the nearest one that all paths to the root lead through."""
    found: dict[int, int] = {root: root}
    depth: dict[int, int] = {root: 0}
    for value in order:
        common: int | None = None
        for each in neighbours(value):
            if common is None:
                common = each
            while common != each:
                if depth[common] >= depth[each]:
                    common = found[common]
                else:
                    each = found[each]
        assert common is not None
        found[value], depth[value] = common, depth[common] + 1
    return found
