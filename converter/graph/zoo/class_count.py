"""Other numbers of classes: a stored graph is rewritten for the arrays of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...errors import GraphError
from ...mappings.heads import LAST_LAYERS, Classes, Head, Number
from ...mappings.key_map import select
from ...mappings.zoo import Shape
from ..symbols.graph_edits import find_nodes, get_number, with_nodes, with_number
from ..symbols.symbol import SHOWN_NAMES, VARIABLE, Graph, Node
from .class_blocks import with_blocks
from .zoo_graph import ZooGraph

SIZES = {"Convolution": "num_filter", "FullyConnected": "num_hidden"}


@dataclass(frozen=True)
class Dependence:
    """How a stored graph depends on the number of classes.

    Attributes:
        count: The number of classes of the graph.
        arrays: Arrays whose first size is a multiple of the number of classes plus a number → this
            number.
        classes: The rules of the table; None if the last layers alone depend on it.
    """

    count: int
    arrays: Mapping[str, int]
    classes: Classes | None

    def resized(self, size: int, plus: int, count: int, what: object) -> int:
        """A size with another number of classes.

        Args:
            what: What has the size, for errors.

        Raises:
            GraphError: If it is no multiple of the graph's number of classes plus `plus`.
        """
        times, rest = divmod(size, self.count + plus)
        if rest:
            raise GraphError(f"{what}: {size} is no multiple of {self.count} classes + {plus}")
        return times * (count + plus)

    def count_of(self, stored: Mapping[str, Shape], shapes: Mapping[str, Shape]) -> int | None:
        """The number of classes of arrays; None if they do not agree on one.

        Args:
            stored: Shapes of the graph's arrays.
            shapes: Shapes of the arrays.
        """
        found: set[int | None] = set()
        for name, plus in self.arrays.items():
            if name not in shapes or not shapes[name]:
                return None
            times = stored[name][0] // (self.count + plus)
            count, rest = divmod(shapes[name][0], times)
            found.add(count - plus if not rest and count > plus else None)
        return found.pop() if len(found) == 1 else None


def dependence(stored: ZooGraph, head: Head) -> Dependence:
    """How a stored graph depends on the number of classes.

    Raises:
        GraphError: If the table does not fit the graph.
    """
    graph, classes = stored.graph, head.classes
    if classes == LAST_LAYERS:
        layers = _last_layers(graph)
        counts = {int(graph.nodes[n].attributes[SIZES[graph.nodes[n].op]]) for n in layers}
        if len(counts) != 1:
            raise GraphError(f"{graph.where}: its last layers have different numbers of channels")
        edges = [edge for n in layers for edge in graph.nodes[n].inputs[1:]]
        return Dependence(counts.pop(), {graph.nodes[n].name: 0 for n, _ in edges}, None)
    assert isinstance(classes, Classes), "the only other value"
    arrays = {
        name: plus
        for pattern, plus in classes.arrays.items()
        for name in select(pattern, stored.shapes)
    }
    first = graph.nodes[find_nodes(graph, classes.count)[0]]
    return Dependence(get_number(first, classes.count) - classes.count.plus, arrays, classes)


def fitted(stored: ZooGraph, head: Head | None, shapes: Mapping[str, Shape]) -> ZooGraph:
    """Rewrite a stored graph for the number of classes of a file.

    Args:
        head: What depends on the number of classes; None if the network has no classes.
        shapes: Shapes of the file's arrays; those that the graph does not have are ignored.

    Returns:
        The graph that MXNet traces of GluonCV's network with that number of classes, with the
        shapes of its arrays; the same object if all shapes are those of the stored graph.

    Raises:
        GraphError: If shapes differ otherwise; names the numbers of classes, or the arrays.
    """
    if not differing(stored.shapes, shapes):
        return stored
    known = dependence(stored, head) if head is not None else None
    count = known.count_of(stored.shapes, shapes) if known is not None else None
    if known is None or count is None:
        raise _misfit(stored, shapes, "")
    found = with_classes(stored, known, count)
    if differing(found.shapes, shapes):
        raise _misfit(found, shapes, f", with {count} classes (GluonCV's has {known.count})")
    return found


def with_classes(stored: ZooGraph, known: Dependence, count: int) -> ZooGraph:
    """The graph and the shapes with another number of classes.

    Args:
        known: How the graph depends on it.
        count: The number of classes.

    Raises:
        GraphError: If the table does not fit the graph.
    """
    graph = stored.graph
    shapes = {
        name: (known.resized(shape[0], known.arrays[name], count, name), *shape[1:])
        if name in known.arrays
        else shape
        for name, shape in stored.shapes.items()
    }
    numbers = list(known.classes.numbers) if known.classes is not None else []
    places = [(n, place) for place in numbers for n in find_nodes(graph, place)]
    for n, node in enumerate(graph.nodes):
        names = [graph.nodes[source].name for source, _ in node.inputs[1:]]
        if node.op in SIZES and names and names[0] in known.arrays:
            places.append((n, Number(attribute=SIZES[node.op], plus=known.arrays[names[0]])))
    changed: dict[int, Node] = {}
    for n, place in places:
        node = changed.get(n, graph.nodes[n])
        size = known.resized(get_number(node, place), place.plus, count, node)
        changed[n] = with_number(node, place, size)
    graph = with_nodes(graph, changed)
    if known.classes is not None and known.classes.blocks is not None:
        graph = with_blocks(graph, find_nodes(graph, known.classes.blocks)[0], count)
    return replace(stored, graph=graph, shapes=shapes)


def differing(stored: Mapping[str, Shape], shapes: Mapping[str, Shape]) -> list[str]:
    """Names of the arrays of a graph that have other shapes, without those that are missing."""
    return [name for name, shape in stored.items() if shapes.get(name, shape) != shape]


def _misfit(expected: ZooGraph, shapes: Mapping[str, Shape], counts: str) -> GraphError:
    names = differing(expected.shapes, shapes)
    return GraphError(
        f"{expected.graph.where}: {len(names)} arrays of the file have other shapes than those of "
        f"this network{counts}:",
        [f"{n}: {shapes[n]}; expected {expected.shapes[n]}" for n in names[:SHOWN_NAMES]],
    )


def _last_layers(graph: Graph) -> list[int]:
    """The layers that compute the outputs: the first with channels, from each output backwards."""
    found = []
    for number, _ in graph.heads:
        while graph.nodes[number].op not in (*SIZES, VARIABLE):
            number = graph.nodes[number].inputs[0][0]
        if graph.nodes[number].op == VARIABLE:
            raise GraphError(f"{graph.where}: an output is computed by no layer")
        found.append(number)
    return sorted(set(found))
