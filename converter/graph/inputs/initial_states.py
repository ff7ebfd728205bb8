"""Initial states of recurrent layers: zeros, with the batch of the graph's input.

MXNet infers the batch of a state backwards, from its users. Here, it is read from the first input
that is a sequence, as far as the graph shows it, and otherwise from the first.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import replace

from ...errors import GraphError
from ..symbols.attributes import Attributes
from ..symbols.roles import roles, state_places
from ..symbols.symbol import VARIABLE, Graph, Node
from .ranks import KEEPING

ZEROS = "_zeros"
BATCH_AXIS = "__batch_axis__"
"""Attribute of zeros whose unknown size is that of their input along an axis."""
_BEGIN_STATE = re.compile(r"(.*_)?begin_state_[0-9]+")
_MOST = 1 << 20
# operators after which the batch and the time are still on their axes
_AXES_STAY = KEEPING | {
    *("Embedding", "LayerNorm", "softmax", "log_softmax", "clip", "relu", "sigmoid", "tanh"),
    *("exp", "log", "sqrt", "rsqrt", "square", "abs", "negative", "erf", "BlockGrad"),
    "L2Normalization",
}


def state_names(graph: Graph) -> list[str]:
    """The names of the inputs that are zeros by default.

    These are variables that are only initial states of fused layers, and those that cells have
    created (`…begin_state_0`) with a shape whose batch is unknown.
    """
    return [graph.nodes[number].name for number in sorted(_states(graph))]


def batch_axis(graph: Graph, name: str) -> int:
    """The axis of an input that is the batch, as far as the graph shows it; by default the first.

    Args:
        graph: The graph.
        name: Name of the input.
    """
    number = next(n for n, node in enumerate(graph.nodes) if node.name == name)
    states = _states(graph)
    return states[number].index(0) if number in states else _batch_axis(graph, number) or 0


def is_state(node: Node) -> bool:
    """Whether a cell has created a node as a state: it has a layout, or the name."""
    return "__layout__" in node.attributes or _BEGIN_STATE.fullmatch(node.name) is not None


def with_zero_states(graph: Graph, given: Container[str], batch: int | None = None) -> Graph:
    """A graph with zeros in place of the initial states that are not given.

    Args:
        graph: A graph without labels.
        given: Names of states that remain inputs.
        batch: The training batch, which some graphs contain in place of an unknown size.
    """
    shapes = {n: s for n, s in _states(graph).items() if graph.nodes[n].name not in given}
    nodes = list(graph.nodes)
    for number, node in enumerate(nodes):
        floating = node.attributes.get("dtype", "float32").startswith("float")
        if node.op == ZEROS and floating and (shape := _shape(node, "shape", batch)):
            shapes[number] = shape
    if not shapes:
        return graph
    skipped = {nodes[number].name for number in shapes}
    inputs = [name for name in roles(graph).inputs if name not in skipped]
    if not inputs:
        return graph
    numbers = {node.name: number for number, node in enumerate(nodes)}
    axes = {numbers[name]: _batch_axis(graph, numbers[name]) for name in inputs}
    source = next((number for number, axis in axes.items() if axis is not None), numbers[inputs[0]])
    axis = axes[source] or 0
    for number, shape in shapes.items():
        attributes = {"shape": str(shape), BATCH_AXIS: str(axis)}
        nodes[number] = Node(ZEROS, nodes[number].name, attributes, ((source, 0),))
    return _moved_to_front(replace(graph, nodes=tuple(nodes)), source)


def _states(graph: Graph) -> dict[int, tuple[int, ...]]:
    """The numbers and shapes of the variables that are initial states; the batch is 0."""
    inputs, fused = set(roles(graph).inputs), _fused_states(graph)
    found = {}
    for number, node in enumerate(graph.nodes):
        if node.op != VARIABLE or node.name not in inputs:
            continue
        if number in fused:
            found[number] = fused[number]
        elif _BEGIN_STATE.fullmatch(node.name) and (shape := _shape(node, "__shape__", None)):
            found[number] = shape
    return found


def _fused_states(graph: Graph) -> dict[int, tuple[int, ...]]:
    """The nodes that are only states of fused layers, with the shapes of these."""
    shapes: dict[int, tuple[int, ...]] = {}
    others = {head for head, _ in graph.heads}
    for node in graph.nodes:
        for place, (source, _) in enumerate(node.inputs):
            if place not in state_places(node):
                others.add(source)
                continue
            try:
                shapes[source] = _state_shape(node, place)
            except GraphError:
                others.add(source)  # the layer is refused when it is imported
    return {number: shape for number, shape in shapes.items() if number not in others}


def _state_shape(layer: Node, place: int) -> tuple[int, ...]:
    attributes = Attributes(layer)
    size = attributes.count("state_size")
    if place == 2 and attributes.has("projection_size"):
        size = attributes.count("projection_size")
    directions = 1 + attributes.flag("bidirectional", False)
    return (attributes.count("num_layers") * directions, 0, size)


def _shape(node: Node, name: str, batch: int | None) -> tuple[int, ...] | None:
    """A shape with one unknown size, 0; None if it has none, or several."""
    try:
        sizes = tuple(size or 0 for size in Attributes(node).integers_or_none(name))
    except GraphError:
        return None
    axis = node.attributes.get("__layout__", "N").find("N")
    if is_state(node) and axis >= 0 and sizes[axis : axis + 1] == (batch,):
        sizes = (*sizes[:axis], 0, *sizes[axis + 1 :])
    return sizes if sizes.count(0) == 1 and min(sizes) >= 0 and max(sizes) <= _MOST else None


def _batch_axis(graph: Graph, source: int) -> int | None:
    """The axis of an input that is the batch: 1 if the first is time, and otherwise 0.

    A fused layer has the time first, and so has a loop; one that was unrolled splits its axis.

    Returns:
        The axis; None if the graph does not show it.
    """
    swapped = {source: False}  # the value → whether its first two axes are swapped
    for number, node in enumerate(graph.nodes):
        # an operator of several values of one shape, such as a sum, has the axes of each
        traced = node.inputs if node.op in KEEPING else node.inputs[:1]
        first = next((source for source, _ in traced if source in swapped), None)
        if first is None:
            continue
        attributes, is_swapped = Attributes(node), swapped[first]
        try:
            if node.op in ("RNN", "_foreach"):
                return 0 if is_swapped else 1
            if node.op == "SliceChannel" and attributes.flag("squeeze_axis", False):
                time = attributes.integer("axis", 1)
                return int((time == 0) != is_swapped)
            if node.op == "slice_axis" and (time := attributes.integer("axis")) in (0, 1):
                return int((time == 0) != is_swapped)
            if node.op == "SwapAxis":
                axes = {attributes.integer("dim1", 0), attributes.integer("dim2", 0)}
                if axes == {0, 1}:
                    swapped[number] = not is_swapped
            elif node.op == "transpose":
                if attributes.integers("axes", ())[:2] == (1, 0):
                    swapped[number] = not is_swapped
            elif _keeps_axes(node, attributes):
                swapped[number] = is_swapped
        except GraphError:
            continue  # reported when the node is imported
    return None


def _keeps_axes(node: Node, attributes: Attributes) -> bool:
    """Whether the batch and the time are still on their axes after an operator."""
    if node.op == "FullyConnected":
        return not attributes.flag("flatten", True)
    if node.op == "Concat":
        return attributes.integer("dim", 1) not in (0, 1)
    if node.op == "slice_axis":
        return True  # of another axis
    return node.op in _AXES_STAY


def _moved_to_front(graph: Graph, number: int) -> Graph:
    """The graph with a variable before all operators, so that they can use it.

    Those that come before it are, too: inputs keep their order.
    """
    front = [n for n, node in enumerate(graph.nodes[: number + 1]) if node.op == VARIABLE]
    behind = sorted({*range(len(graph.nodes))} - {*front})
    order = [*front, *behind]
    places = {old: new for new, old in enumerate(order)}
    nodes = (
        replace(node, inputs=tuple((places[old], output) for old, output in node.inputs))
        for node in (graph.nodes[old] for old in order)
    )
    heads = tuple((places[old], output) for old, output in graph.heads)
    return replace(graph, nodes=tuple(nodes), heads=heads)
