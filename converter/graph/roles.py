"""Classification of a graph's variables: inputs, labels, or arrays of the `.params` file."""

from __future__ import annotations

from dataclasses import dataclass

from .symbol import VARIABLE, Graph, Node

# operator -> number of its first input that is an array
_ARRAYS_FROM = {
    "Convolution": 1,
    "Deconvolution": 1,
    "FullyConnected": 1,
    "BatchNorm": 1,
    "_contrib_SyncBatchNorm": 1,
    "InstanceNorm": 1,
    "LayerNorm": 1,
    "LeakyReLU": 1,
    "_contrib_DeformableConvolution": 2,
    "_contrib_ModulatedDeformableConvolution": 3,
}
# operators whose second input is a label, which only training uses
WITH_LABELS = frozenset(
    {"SoftmaxOutput", "Softmax"}
    | {f"{kind}RegressionOutput" for kind in ("Linear", "MAE", "Logistic")}
)
# attributes that Gluon writes for parameters but not for inputs
_MARKS = ("__lr_mult__", "__init__")


@dataclass(frozen=True)
class Roles:
    """Names of a graph's variables by role, each in MXNet's order."""

    inputs: tuple[str, ...]
    labels: tuple[str, ...]
    arrays: tuple[str, ...]


def is_marked(node: Node) -> bool:
    """Whether Gluon has marked a variable as a parameter."""
    return any(mark in node.attributes for mark in _MARKS)


def roles(graph: Graph) -> Roles:
    """Classify a graph's variables, as far as the graph alone shows.

    A variable is an array if Gluon has marked it or a layer uses it as one, and a label if only an
    output layer of training uses it.
    """
    arrays = {node.name for node in graph.nodes if node.op == VARIABLE and is_marked(node)}
    labels: set[str] = set()
    for node in graph.nodes:
        sources = [graph.nodes[source] for source, _ in node.inputs]
        first = _ARRAYS_FROM.get(node.op, len(sources))
        arrays.update(source.name for source in sources[first:] if source.op == VARIABLE)
        if node.op in WITH_LABELS:
            labels.update(source.name for source in sources[1:] if source.op == VARIABLE)
    names = [node.name for node in graph.variables()]
    return Roles(
        inputs=tuple(name for name in names if name not in arrays | labels),
        labels=tuple(name for name in names if name in labels - arrays),
        arrays=tuple(name for name in names if name in arrays),
    )
