"""The precision of MXNet's own results, which limits what a comparison can show."""

from __future__ import annotations

from collections.abc import Iterator

from .attributes import Attributes
from .float64_operators import CROP, RESIZE, SLOPED, SOFTMAX, is_replaced, slope_kind
from .fusion import is_quantized
from .symbol import VARIABLE, Graph, Node

EXACT, ROUNDED = 1e-12, 1e-5
QUANTIZED = 1e-6  # integers are equal, and everything else is computed in float32
# measured on MXNet 1.9.1: these compute in float32 whatever the dtype of the data
_IN_FLOAT32 = frozenset({RESIZE, "Pooling_v1"})
# … and these do not accept float64
_WITHOUT_FLOAT64 = frozenset(
    {
        "LRN",
        "InstanceNorm",
        SOFTMAX,
        "IdentityAttachKLSparseReg",
        CROP,
        "_contrib_BatchNormWithReLU",
        "BatchNorm_v1",
    }
    | {f"_contrib_interleaved_matmul_{part}" for part in ("selfatt_qk", "selfatt_valatt")}
    | {f"_contrib_interleaved_matmul_{part}" for part in ("encdec_qk", "encdec_valatt")}
    | {"CTCLoss"}
    | {f"_contrib_MultiBox{name}" for name in ("Prior", "Target", "Detection")}
    | {"_contrib_Proposal", "_contrib_MultiProposal", "GridGenerator", "_image_to_tensor"}
)


def limits(graph: Graph) -> dict[str, float]:
    """The largest allowed difference between MXNet's and torch's outputs, by dtype.

    The difference is relative to the largest output. float64 comes first; it is missing if MXNet
    cannot compute the graph in float64, with some operators replaced (float64_operators.py).
    """
    if any(is_quantized(node) for node in graph.operators()):
        return {"float32": QUANTIZED}
    if without_float64(graph):
        return {"float32": ROUNDED}
    rounded = any(map(_is_in_float32, _as_they_are(graph)))
    return {"float64": ROUNDED if rounded else EXACT, "float32": ROUNDED}


def without_float64(graph: Graph) -> tuple[str, ...]:
    """The operators of a graph that MXNet cannot compute in float64, or only wrongly, sorted."""
    found = {
        node.op
        for node in _as_they_are(graph)
        if node.op in _WITHOUT_FLOAT64 or _is_wrong_in_float64(node) or _is_float32_state(node)
    }
    return tuple(sorted(found))


def _as_they_are(graph: Graph) -> Iterator[Node]:
    """The nodes that are not replaced; those in the bodies of loops are not."""
    for node in graph.nodes:
        if node.op != VARIABLE and not is_replaced(node.op, node.attributes):
            yield node
        for body in node.subgraphs:
            yield from body.operators()


def _is_in_float32(node: Node) -> bool:
    """Whether MXNet computes it in float32 whatever the dtype of the data."""
    if node.op == "RNN":
        return node.attributes.get("mode") == "rnn_relu"
    if node.op == SLOPED:
        return slope_kind(node.attributes) != "elu"
    return node.op in _IN_FLOAT32


def _is_wrong_in_float64(node: Node) -> bool:
    """Whether it is a Deconvolution with stride and dilation, which is right in float32 alone."""
    if node.op != "Deconvolution":
        return False
    attributes = Attributes(node)
    return all(max(attributes.integers(name, (1,)), default=1) > 1 for name in ("stride", "dilate"))


def _is_float32_state(node: Node) -> bool:
    """Whether it is an initial state of a recurrent cell, whose data type the graph fixes."""
    if node.op != "_zeros" or node.attributes.get("dtype", "float32") != "float32":
        return False
    return 0 in Attributes(node).integers("shape", ())
