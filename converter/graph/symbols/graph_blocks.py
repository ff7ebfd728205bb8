"""The blocks of a graph: chains of nodes, parts with branches, and repetitions of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .symbol import VARIABLE, Graph

LONGEST_REPEAT = 4  # blocks that are repeated together
_ATTACHED = frozenset({"relu", "Activation", "LeakyReLU", "Dropout", "sigmoid", "tanh", "clip"})
Signature = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Block:
    """Consecutive nodes of a graph.

    Attributes:
        nodes: Their numbers. A chain's are computed one from the other.
        branches: Whether there are branches; all of them are joined at its end.
    """

    nodes: tuple[int, ...]
    branches: bool


@dataclass(frozen=True)
class Repeat:
    """Blocks that occur one or several times in a row, with the same operators.

    Attributes:
        blocks: The blocks of the first occurrence.
        nodes: The numbers of all nodes, of each occurrence.
    """

    blocks: tuple[Block, ...]
    nodes: tuple[tuple[int, ...], ...]


def find_repeats(graph: Graph, shown: Sequence[int]) -> list[Repeat]:
    """Divide a graph into blocks, and find their repetitions.

    Args:
        graph: The graph.
        shown: Numbers of the nodes that count, in order; others, such as arrays, are left out.
    """
    blocks = list(_blocks(graph, shown))
    signatures = [_signature(graph, block) for block in blocks]
    found: list[Repeat] = []
    place = 0
    while place < len(blocks):
        length, count = _repetition(blocks, signatures, place)
        end = place + length * count
        parts = [blocks[start : start + length] for start in range(place, end, length)]
        nodes = tuple(tuple(n for block in part for n in block.nodes) for part in parts)
        found.append(Repeat(tuple(parts[0]), nodes))
        place = end
    return found


def _blocks(graph: Graph, shown: Sequence[int]) -> Iterator[Block]:
    """Chains, and parts between two nodes whose values alone the rest depends on."""
    chain: list[int] = []
    for part in _parts(graph, shown):
        if len(part) == 1:
            chain.append(part[0])
            continue
        if chain:
            yield Block(tuple(chain), branches=False)
        chain = []
        yield Block(tuple(part), branches=True)
    if chain:
        yield Block(tuple(chain), branches=False)


def _parts(graph: Graph, shown: Sequence[int]) -> list[list[int]]:
    places = {number: place for place, number in enumerate(shown)}
    last = dict.fromkeys(shown, -1)  # place of a node's last user
    for number in shown:
        for source, _ in graph.nodes[number].inputs:
            if source in places:
                last[source] = places[number]
    parts: list[list[int]] = []
    part: list[int] = []
    live: set[int] = set()
    for place, number in enumerate(shown):
        part.append(number)
        live = {each for each in (*live, number) if last[each] > place}
        if live <= {number}:
            # an activation belongs to the part that it ends
            if len(part) == 1 and parts and len(parts[-1]) > 1 and _is_attached(graph, part[0]):
                parts[-1] += part
            else:
                parts.append(part)
            part = []
    return [*parts, part] if part else parts


def _is_attached(graph: Graph, number: int) -> bool:
    return graph.nodes[number].op in _ATTACHED


def _signature(graph: Graph, block: Block) -> Signature:
    """The operators of a block and how they are connected, whatever their sizes and names."""
    places = {number: place for place, number in enumerate(block.nodes)}
    return tuple(
        (
            graph.nodes[number].op,
            tuple(places.get(source, -1) for source, _ in graph.nodes[number].inputs),
        )
        for number in block.nodes
    )


def _repetition(
    blocks: Sequence[Block], signatures: Sequence[Signature], place: int
) -> tuple[int, int]:
    """Number of blocks that are repeated from a place on, and how often; the most blocks win."""
    best = (1, 1)
    for length in range(1, LONGEST_REPEAT + 1):
        first, count = signatures[place : place + length], 1
        if len(first) < length or not any(b.branches for b in blocks[place : place + length]):
            continue
        while signatures[place + count * length : place + (count + 1) * length] == first:
            count += 1
        if count > 1 and count * length > best[0] * best[1]:
            best = (length, count)
    return best


def layers_of(nodes: Sequence[int], inputs: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """Nodes by their longest distance from the first ones, for a drawing from top to bottom.

    Args:
        nodes: Numbers of the nodes, in order.
        inputs: For each, the numbers that it is computed from; others than `nodes` do not count.
    """
    level: dict[int, int] = {}
    for number in nodes:
        level[number] = 1 + max((level[s] for s in inputs[number] if s in level), default=-1)
    layers: list[list[int]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for number in nodes:
        layers[level[number]].append(number)
    return layers


def shown_nodes(graph: Graph, hidden: set[str]) -> list[int]:
    """Numbers of the operators, and of the variables that are not hidden."""
    return [
        number
        for number, node in enumerate(graph.nodes)
        if node.op != VARIABLE or node.name not in hidden
    ]
