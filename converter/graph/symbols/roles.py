"""Classification of a graph's variables: inputs, labels, or arrays of the `.params` file."""

from __future__ import annotations

from dataclasses import dataclass

from .labels import label_names, without_labels
from .symbol import INIT, VARIABLE, Graph, Node

# operator -> its inputs that are arrays; by default none
_ARRAYS = {
    **dict.fromkeys(
        (
            *("Convolution", "Convolution_v1", "Deconvolution", "FullyConnected"),
            *("Embedding", "_contrib_SparseEmbedding"),
            *("BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm", "_contrib_SyncBatchNorm"),
            *("InstanceNorm", "LayerNorm", "GroupNorm", "LeakyReLU"),
            *("_contrib_quantized_conv", "_contrib_quantized_fully_connected"),
            *("_contrib_quantized_batch_norm", "_contrib_quantized_embedding"),
            *("_sg_mkldnn_conv", "_sg_mkldnn_fully_connected"),
            "IdentityAttachKLSparseReg",
        ),
        slice(1, None),
    ),
    "RNN": slice(1, 2),
    "_rnn_param_concat": slice(None),
    "_contrib_DeformableConvolution": slice(2, None),
    "_contrib_ModulatedDeformableConvolution": slice(3, None),
}
# operator -> its inputs that are auxiliary states, which training changes but gradients do not
_AUXILIARY = {
    **dict.fromkeys(
        (
            *("BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm", "_contrib_SyncBatchNorm"),
            "_contrib_BatchNormWithReLU",
        ),
        slice(3, 5),
    ),
    "IdentityAttachKLSparseReg": slice(1, 2),
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


def gluon_constants(graph: Graph) -> list[str]:
    """The names of the arrays that Gluon's `get_constant` made, which are not trained."""
    return [
        node.name
        for node in graph.nodes
        if node.op == VARIABLE and node.attributes.get(INIT, "").startswith("Constant_")
    ]


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
        for subgraph in node.subgraphs:  # the variables of loops' bodies have the same names
            inner = set(roles(subgraph).arrays)
            arrays.update(s.name for s in sources if s.op == VARIABLE and s.name in inner)
        taken = sources[_ARRAYS.get(node.op, slice(0))]
        arrays.update(source.name for source in taken if source.op == VARIABLE)
    names = list(dict.fromkeys(node.name for node in needed.variables()))
    return Roles(
        inputs=tuple(name for name in names if name not in arrays),
        labels=tuple(label_names(graph)),
        arrays=tuple(name for name in names if name in arrays),
    )


def auxiliary_names(graph: Graph) -> set[str]:
    """Names of the arrays that MXNet calls auxiliary states: BatchNorm's running statistics."""
    return {
        graph.nodes[number].name
        for node in graph.nodes
        for number, _ in node.inputs[_AUXILIARY.get(node.op, slice(0))]
    } | {
        name for node in graph.nodes for inner in node.subgraphs for name in auxiliary_names(inner)
    }


def optional_inputs(graph: Graph) -> frozenset[int]:
    """Numbers of the variables that are only initial states of recurrent layers.

    Such an input is zeros by default. Variables that are followed by another input do not count,
    since an argument with a default cannot be followed by one without.
    """
    states: set[int] = set()
    others = {head for head, _ in graph.heads}
    for node in graph.nodes:
        for place, (source, _) in enumerate(node.inputs):
            (states if place in state_places(node) else others).add(source)
    inputs, found = set(roles(graph).inputs), set()
    for number in reversed(range(len(graph.nodes))):
        node = graph.nodes[number]
        if node.op != VARIABLE or node.name not in inputs:
            continue
        if number in others or number not in states:
            break
        found.add(number)
    return frozenset(found)


def state_places(node: Node) -> range:
    """Which inputs of a fused recurrent layer are initial states: hidden, and an LSTM's cell."""
    if node.op != "RNN":
        return range(0)
    return range(2, 4 if node.attributes.get("mode") == "lstm" else 3)
