"""How many dimensions a graph's inputs have, which the graph does not say."""

from __future__ import annotations

from ..errors import GraphError
from .attributes import Attributes
from .symbol import VARIABLE, Graph

# what a window of so many dimensions runs over has two more: images and channels
_WINDOWS = frozenset({"Convolution", "Deconvolution", "Pooling"})
# what leaves the number of dimensions as it is, and stands before the first layer of real networks
KEEPING = frozenset(
    {"BatchNorm", "Activation", "Dropout", "LeakyReLU", "Pad", "Cast", "_copy", "identity"}
    | {f"_{name}_scalar" for name in ("plus", "minus", "mul", "div")}
    | {f"_{name}Scalar" for name in ("Plus", "Minus", "Mul", "Div")}
    | {f"{kind}_{name}" for kind in ("elemwise", "broadcast") for name in ("add", "sub", "mul")}
)


def input_ranks(graph: Graph) -> dict[int, int]:
    """Variables, by number, whose number of dimensions follows from what takes them."""
    known: dict[int, int] = {}
    for number in reversed(range(len(graph.nodes))):
        node = graph.nodes[number]
        if not node.inputs:
            continue
        if node.op in _WINDOWS:
            try:
                kernel = Attributes(node).integers("kernel", ())
            except GraphError:
                continue  # told when the node itself is imported
            if kernel:
                known[node.inputs[0][0]] = len(kernel) + 2
        elif node.op in KEEPING and number in known:
            known[node.inputs[0][0]] = known[number]
    return {number: rank for number, rank in known.items() if graph.nodes[number].op == VARIABLE}
