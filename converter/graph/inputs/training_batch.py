"""Replacement of a training batch, a number in the graph, by the batch of the input.

Networks for several tasks are often exported with `Reshape(shape=(32, 2, -1))`, where 32 is the
batch that they were trained with. That number is replaced only where the graph shows what it is: it
is the first size in the `__shape__` of an input, or it occurs in nodes of labels, and the reshaped
value has the batch as its first axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ...errors import GraphError
from ..symbols.attributes import Attributes
from ..symbols.labels import label_nodes, without_labels
from ..symbols.roles import roles
from ..symbols.symbol import VARIABLE, Graph, Node
from .initial_states import state_names, with_zero_states
from .ranks import KEEPING

RESHAPING = "Reshape"
# operators of several values, any of which may have the batch
_JOINING = frozenset(
    {
        f"{kind}_{name}"
        for kind in ("elemwise", "broadcast")
        for name in ("add", "sub", "mul", "div")
    }
    | {"Concat", "stack", "add_n"}
)
# operators of which the first axis of each output is that of the input, whatever their attributes
_KEEP_FIRST = KEEPING | frozenset(
    {
        "Convolution",
        "Deconvolution",
        "Pooling",
        "FullyConnected",
        "Flatten",
        "UpSampling",
    }
    | {"InstanceNorm", "LayerNorm", "GroupNorm", "L2Normalization", "LRN", "Embedding", "Crop"}
    | {"SoftmaxOutput", "SoftmaxActivation", "softmax", "log_softmax", "clip"}
    | {f"{kind}RegressionOutput" for kind in ("Linear", "MAE", "Logistic")}
    | {"relu", "sigmoid", "tanh", "softsign", "exp", "log", "sqrt", "square", "abs", "negative"}
    | {"_contrib_AdaptiveAvgPooling2D", "_contrib_BilinearResize2D", "BlockGrad"}
    | _JOINING
) - {"Concat", "stack"}
# … and those where this depends on an axis, which has this name and default
_AXES = {
    "Concat": ("dim", 1),
    "SliceChannel": ("axis", 1),
    **dict.fromkeys(("slice_axis", "expand_dims", "squeeze", "stack"), ("axis", 0)),
    **dict.fromkeys(("sum", "mean", "max", "min", "prod", "norm"), ("axis", 0)),
}


def training_batch(graph: Graph) -> int | None:
    """The batch size that a graph was trained with, or None if it does not show one.

    Sizes of inputs come before those in nodes of labels. Where they differ, there is none.
    """
    inputs = set(roles(graph).inputs) - set(state_names(graph))
    shapes = [n for n in graph.variables() if n.name in inputs]
    for nodes in (shapes, label_nodes(graph)):
        found = {size for node in nodes if (size := _first_size(node)) > 1}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _first_size(node: Node) -> int:
    """The first size that a variable, `Reshape` or `slice` of a label names; 0 if it names none."""
    name = {VARIABLE: "__shape__", "slice": "end", "Reshape": "shape"}.get(node.op)
    if name is None or not node.attributes.get("__layout__", "N").startswith("N"):
        return 0
    try:
        sizes = Attributes(node).integers_or_none(name)
    except GraphError:
        return 0  # reported when the node is imported, if it is
    return (sizes[0] if sizes else None) or 0


def inference_graph(graph: Graph) -> Graph:
    """A graph as it is imported: without labels (labels.py) and without a training batch."""
    return _replaced(graph)[0]


def replaced_batch(graph: Graph) -> int | None:
    """The training batch that is replaced, in states (initial_states.py), too; None if none is."""
    return _replaced(graph)[1]


def _replaced(graph: Graph) -> tuple[Graph, int | None]:
    kept, batch = without_labels(graph), training_batch(graph)
    if batch is None:
        return kept, None
    inputs, nodes = set(roles(graph).inputs), list(kept.nodes)
    changed = with_zero_states(kept, (), batch) != with_zero_states(kept, ())
    with_batch: set[int] = set()  # nodes whose outputs have the batch as their first axis
    for number, node in enumerate(nodes):
        if node.op == VARIABLE:
            has_batch = node.name in inputs
        elif not with_batch.isdisjoint(_read(node)):
            if node.op == RESHAPING and _codes(node)[:1] == (batch,):
                codes = (0, *_codes(node)[1:])
                nodes[number] = node = replace(
                    node, attributes={**node.attributes, "shape": str(codes)}
                )
                changed = True
            has_batch = _keeps_first(node)
        else:
            has_batch = False
        if has_batch:
            with_batch.add(number)
    return replace(kept, nodes=tuple(nodes)), batch if changed else None


def _read(node: Node) -> set[int]:
    """The numbers of the nodes whose values a node computes with; not those of its arrays."""
    edges = node.inputs if node.op in _JOINING else node.inputs[:1]
    return {source for source, _ in edges}


def _codes(node: Node) -> tuple[int, ...]:
    """The sizes of a `Reshape` from the left; none if they are counted from the right."""
    attributes = Attributes(node)
    try:
        return () if attributes.flag("reverse", False) else attributes.integers("shape", ())
    except GraphError:
        return ()  # reported when the node is imported


def _keeps_first(node: Node) -> bool:
    """Whether the first axis of a node's outputs is that of its inputs."""
    if node.op == RESHAPING:
        return _codes(node)[:1] in ((0,), (-2,))
    try:
        return node.op in _KEEP_FIRST or _ALONG.get(node.op, _never)(Attributes(node))
    except GraphError:
        return False


def _never(_attributes: Attributes) -> bool:
    return False


def _along_axis(name: str, default: int) -> Callable[[Attributes], bool]:
    def keeps(attributes: Attributes) -> bool:
        axes = attributes.integers(name, (default,))
        return not attributes.flag("exclude", False) and min(axes, default=0) > 0

    return keeps


def _transposed(attributes: Attributes) -> bool:
    return attributes.integers("axes", ())[:1] == (0,)


def _swapped(attributes: Attributes) -> bool:
    return min(attributes.integer("dim1", 0), attributes.integer("dim2", 0)) > 0


def _sliced(attributes: Attributes) -> bool:
    begin, end = attributes.integers_or_none("begin"), attributes.integers_or_none("end")
    return begin[:1] in ((None,), (0,)) and end[:1] == (None,)


_ALONG: dict[str, Callable[[Attributes], bool]] = {
    **{op: _along_axis(*axis) for op, axis in _AXES.items()},
    "transpose": _transposed,
    "SwapAxis": _swapped,
    "slice": _sliced,
}
