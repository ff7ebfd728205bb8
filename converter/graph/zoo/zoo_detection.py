"""Which network of mappings/zoo/ a file's arrays belong to, by names and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...errors import GraphError
from ...mappings.heads import load_heads
from ...mappings.zoo import Shape, ZooEntry, load_zoo
from .class_count import dependence, differing, fitted
from .zoo_graph import ZooGraph, load_zoo_graph, load_zoo_shapes
from .zoo_names import candidate_families


@dataclass(frozen=True)
class ZooFit:
    """Networks that arrays fit equally.

    Attributes:
        entries: The networks; those of several data sets can have the same arrays.
        num_classes: Number of classes of the arrays; None if the networks have no classes.
    """

    entries: tuple[ZooEntry, ...]
    num_classes: int | None


def detect_zoo(shapes: Mapping[str, Shape]) -> ZooFit | None:
    """Detect the network that arrays belong to.

    Networks that use the most of the arrays come first, and then those whose arrays have exactly
    these shapes, before those that have them with another number of classes.

    Args:
        shapes: Shapes of the arrays, by Gluon's structural names.

    Returns:
        The networks; None if the arrays fit none.
    """
    named = list(_of_these_names(shapes))
    most = max((len(stored) for _, stored in named), default=0)
    named = [(entry, stored) for entry, stored in named if len(stored) == most]
    exact = [entry for entry, stored in named if not differing(stored, shapes)]
    if exact:
        return ZooFit(tuple(exact), count_of(exact[0], load_zoo_graph(exact[0]), shapes))
    counts = [(entry, count_of(entry, load_zoo_graph(entry), shapes)) for entry, _ in named]
    others = [(entry, count) for entry, count in counts if count is not None]
    return ZooFit(tuple(entry for entry, _ in others), others[0][1]) if others else None


def fits(entry: ZooEntry, stored: ZooGraph, shapes: Mapping[str, Shape]) -> bool:
    """Whether arrays are those of a network, with any number of classes.

    Args:
        stored: Its graph.
        shapes: Shapes of the arrays.
    """
    return has_names(entry, stored.shapes, shapes) and (
        not differing(stored.shapes, shapes) or count_of(entry, stored, shapes) is not None
    )


def count_of(entry: ZooEntry, stored: ZooGraph, shapes: Mapping[str, Shape]) -> int | None:
    """The number of classes with which arrays fit a network; None if they do not.

    Args:
        stored: Its graph.
        shapes: Shapes of arrays that have the names of the network's.
    """
    if entry.head is None:
        return None
    head = load_heads()[entry.head]
    try:
        return dependence(fitted(stored, head, shapes), head).count
    except GraphError:
        return None


def has_names(entry: ZooEntry, stored: Mapping[str, Shape], names: Mapping[str, object]) -> bool:
    """Whether arrays have the names of a network's file.

    Args:
        stored: Shapes of the arrays of its graph.
        names: The arrays by name; further ones are allowed as in GluonCV's files.
    """
    return stored.keys() <= names.keys() and all(
        name in stored or name.startswith(entry.left_out) for name in names
    )


def _of_these_names(shapes: Mapping[str, Shape]) -> Iterator[tuple[ZooEntry, dict[str, Shape]]]:
    for family in candidate_families(shapes):
        stored = load_zoo_shapes(family)
        for entry in load_zoo().values():
            if (
                entry.family == family
                and entry.float_name is None
                and has_names(entry, stored[entry.name], shapes)
            ):
                yield entry, stored[entry.name]
