"""Names of arrays with the prefixes of Gluon's blocks, as `save_params` and `export` write them.

A block's operator and its arrays have the block's prefix: `conv0_fwd` computes with `conv0_weight`,
whose structural name is `features.0.weight`. So a stored graph, which has structural names of
arrays and Gluon's names of operators, determines the others. The prefix of the whole network, such
as `mobilenet0_`, is not in the graph, and its number differs from process to process.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...mappings.zoo import Shape
from ...sources.arrays import bare_name
from ..symbols.symbol import VARIABLE, Node
from .zoo_graph import ZooGraph


def prefixed_names(stored: ZooGraph) -> dict[str, str]:
    """The names with prefixes of a network's trained arrays, each with its structural name.

    Names that two arrays have without the network's prefix are left out.
    """
    trained = stored.shapes.keys() - stored.constants.keys()
    names: dict[str, set[str]] = {}
    for node in stored.graph.nodes:
        for number, _ in node.inputs:
            array = stored.graph.nodes[number]
            if array.op == VARIABLE and array.name in trained:
                names.setdefault(_prefixed(node, array.name), set()).add(array.name)
    return {name: min(found) for name, found in names.items() if len(found) == 1}


def _prefixed(node: Node, array: str) -> str:
    """The name with prefixes of an array that a node uses."""
    last, prefix = array.rpartition(".")[2], _prefix(node)
    # layers that GluonCV takes from a traced network have their names with prefixes in any file
    return last if last.startswith(f"{prefix}_") else f"{prefix}_{last}"


def _prefix(node: Node) -> str:
    """The prefix of the block that a node belongs to."""
    return re.sub(rf"_(fwd|{re.escape(node.op)}\d+)$", "", node.name)


def structural_names(stored: ZooGraph, shapes: Mapping[str, Shape]) -> dict[str, str] | None:
    """The structural names of a file's arrays whose names have prefixes.

    Args:
        stored: The graph of the network.
        shapes: Shapes of the arrays, by their names in the file.

    Returns:
        The structural name of each array by its name in the file; None if the names are not those
        of the network, or not in one way only. Arrays that are not trained may be missing.
    """
    known = prefixed_names(stored)
    if len(known) != len(stored.shapes) - len(stored.constants):
        return None
    blocks = list(_constants(stored))
    found: dict[tuple[tuple[str, str], ...], None] = {}
    for prefix in _prefixes(shapes):
        names = {name: known.get(_without(bare_name(name), prefix, known)) for name in shapes}
        given = {name: structural for name, structural in names.items() if structural is not None}
        if Counter(given.values()) != Counter(known.values()):
            continue
        rest = [name for name in shapes if name not in given]
        for name in rest:
            short = bare_name(name).removeprefix(prefix)
            for block, constant in blocks:
                if short.startswith(block) and shapes[name] == stored.shapes[constant]:
                    given[name] = constant
        if all(name in given for name in rest) and len({*given.values()}) == len(given):
            found[tuple(given.items())] = None
    return dict(next(iter(found))) if len(found) == 1 else None


def _prefixes(names: Iterable[str]) -> set[str]:
    """The prefixes that the network may have: none, or the first one or two parts of a name."""
    parts = [bare_name(name).split("_") for name in names]
    return {"", *(f"{'_'.join(each[:count])}_" for each in parts for count in (1, 2))}


def _without(name: str, prefix: str, known: Mapping[str, Any]) -> str:
    return name if name in known else name.removeprefix(prefix)


def _constants(stored: ZooGraph) -> Iterator[tuple[str, str]]:
    """The structural name of each array that is not trained, such as anchors, behind its prefix.

    Its own name is another one in the file: `anchor_0` for `anchors`.
    """
    for node in stored.graph.nodes:
        for number, _ in node.inputs:
            if (name := stored.graph.nodes[number].name) in stored.constants:
                yield f"{_prefix(node)}_", name
