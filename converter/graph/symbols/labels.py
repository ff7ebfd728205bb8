"""Removal of labels, which only training uses, and of the nodes that lead from them to a head."""

from __future__ import annotations

from dataclasses import replace

from .symbol import VARIABLE, Graph, Node

# operators whose second input is a label, which their outputs do not depend on
WITH_LABELS = frozenset(
    {"SoftmaxOutput", "SVMOutput", "WarpCTC"}
    | {f"{kind}RegressionOutput" for kind in ("Linear", "MAE", "Logistic")}
)


def without_labels(graph: Graph) -> Graph:
    """The part of a graph that its heads depend on in inference.

    A label, and nodes such as `Reshape` or `slice` between it and the output layer, are left out,
    unless a head depends on them otherwise. So are nodes that no head depends on at all.
    """
    kept = sorted(_needed(graph, with_labels=False))
    numbers = {old: new for new, old in enumerate(kept)}

    def moved(edges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((numbers[source], output) for source, output in edges)

    nodes = (replace(graph.nodes[old], inputs=moved(_inputs(graph.nodes[old]))) for old in kept)
    return replace(graph, nodes=tuple(nodes), heads=moved(graph.heads))


def label_nodes(graph: Graph) -> list[Node]:
    """The labels, and the nodes that only lead from them to an output layer, in order."""
    numbers = _needed(graph, with_labels=True) - _needed(graph, with_labels=False)
    return [graph.nodes[number] for number in sorted(numbers)]


def label_names(graph: Graph) -> list[str]:
    """The names of the variables that `without_labels` leaves out as labels."""
    return [node.name for node in label_nodes(graph) if node.op == VARIABLE]


def _inputs(node: Node) -> tuple[tuple[int, int], ...]:
    """A node's inputs without a label."""
    return node.inputs[:1] if node.op in WITH_LABELS else node.inputs


def _needed(graph: Graph, *, with_labels: bool) -> set[int]:
    """The numbers of the nodes that the heads depend on."""
    needed = {number for number, _ in graph.heads}
    for number in reversed(range(len(graph.nodes))):
        if number in needed:
            node = graph.nodes[number]
            edges = node.inputs if with_labels else _inputs(node)
            needed.update(source for source, _ in edges)
    return needed
