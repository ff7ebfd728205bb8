"""Inference of the number of dimensions of a graph's inputs, which the file does not store."""

from __future__ import annotations

from ...errors import GraphError
from ..symbols.attributes import Attributes
from ..symbols.fusion import layer_of
from ..symbols.symbol import VARIABLE, Graph

# the input has two dimensions more than the kernel: batch and channels
_WINDOWS = frozenset({"Convolution", "Deconvolution", "Pooling"})
_WINDOWS |= {"_contrib_DeformableConvolution", "_contrib_ModulatedDeformableConvolution"}
_WINDOWS |= {"_contrib_quantized_conv", "_contrib_quantized_pooling"}
# keep the number of dimensions, and occur before the first layer of real networks
KEEPING = frozenset(
    {"BatchNorm", "Activation", "Dropout", "LeakyReLU", "Pad", "Cast", "_copy"}
    | {"_contrib_quantize_v2", "_contrib_quantize", "_contrib_dequantize"}
    | {f"_{name}_scalar" for name in ("plus", "minus", "mul", "div")}
    | {
        f"{kind}_{name}"
        for kind in ("elemwise", "broadcast")
        for name in ("add", "sub", "mul", "div")
    }
)


def input_ranks(graph: Graph) -> dict[int, int]:
    """The number of dimensions of a graph's variables, as far as it follows from their users.

    Returns:
        Number of the variable's node → number of dimensions.
    """
    known: dict[int, int] = {}
    for number in reversed(range(len(graph.nodes))):
        node = graph.nodes[number]
        if not node.inputs:
            continue
        layer = layer_of(node)
        if layer.op in _WINDOWS:
            try:
                kernel = Attributes(layer).integers("kernel", ())
            except GraphError:
                continue  # reported when the node is imported
            if kernel:
                known[node.inputs[0][0]] = len(kernel) + 2
        elif node.op in KEEPING and number in known:
            known[node.inputs[0][0]] = known[number]
    return {number: rank for number, rank in known.items() if graph.nodes[number].op == VARIABLE}
