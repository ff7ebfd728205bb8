"""Classification of a graph's variables: inputs, labels, or arrays of the `.params` file."""

from __future__ import annotations

from dataclasses import dataclass

from .labels import label_names, without_labels
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
}
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

    A variable is an array if Gluon has marked it or a layer uses it as one, and a label if the
    heads depend on it only as on a label (labels.py). Variables that no head depends on have no
    role.
    """
    needed = without_labels(graph)
    arrays = {node.name for node in needed.nodes if node.op == VARIABLE and is_marked(node)}
    for node in needed.nodes:
        sources = [needed.nodes[source] for source, _ in node.inputs]
        first = _ARRAYS_FROM.get(node.op, len(sources))
        arrays.update(source.name for source in sources[first:] if source.op == VARIABLE)
    names = list(dict.fromkeys(node.name for node in needed.variables()))
    return Roles(
        inputs=tuple(name for name in names if name not in arrays),
        labels=tuple(label_names(graph)),
        arrays=tuple(name for name in names if name in arrays),
    )
