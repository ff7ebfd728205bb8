"""The precision of MXNet's own results, which limits what a comparison can show."""

from __future__ import annotations

from .attributes import Attributes
from .fusion import is_quantized
from .symbol import Graph, Node

EXACT, ROUNDED = 1e-12, 1e-5
QUANTIZED = 1e-6  # integers are equal, and everything else is computed in float32
# measured on MXNet 1.9.1: these compute in float32 whatever the dtype of the data
_IN_FLOAT32 = frozenset({"_contrib_BilinearResize2D", "Pooling_v1"})
_SLOPES_IN_FLOAT32 = frozenset({"leaky", "prelu", "rrelu", "selu", "gelu"})  # not elu
# … and these do not accept float64
_WITHOUT_FLOAT64 = frozenset(
    {
        "LRN",
        "InstanceNorm",
        "SoftmaxActivation",
        "IdentityAttachKLSparseReg",
        "Crop",
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
    cannot compute the graph in float64.
    """
    operators = list(graph.operators())
    if any(is_quantized(node) for node in operators):
        return {"float32": QUANTIZED}
    if any(
        node.op in _WITHOUT_FLOAT64 or _is_wrong_in_float64(node) or _is_float32_state(node)
        for node in operators
    ):
        return {"float32": ROUNDED}
    rounded = any(
        node.op in _IN_FLOAT32
        or (node.op == "LeakyReLU" and _slope(node) in _SLOPES_IN_FLOAT32)
        or (node.op == "RNN" and node.attributes.get("mode") == "rnn_relu")
        for node in operators
    )
    return {"float64": ROUNDED if rounded else EXACT, "float32": ROUNDED}


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


def _slope(node: Node) -> str:
    return node.attributes.get("act_type", "leaky")
