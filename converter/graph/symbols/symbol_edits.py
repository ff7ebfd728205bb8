"""Changes of a graph in MXNet's format, with which MXNet runs it on any batch and data type."""

from __future__ import annotations

import json

from .labels import WITH_LABELS
from .node_replacement import NewNodes, Row, replace_nodes
from .symbol import VARIABLE

# operators that give float32 unless their attribute `dtype` names another data type
CONSTANTS = frozenset({"_zeros", "_ones"})
OTHER_CONSTANTS = frozenset({"_full", "_arange", "_eye", "_linspace"})
ONE_HOT = "one_hot"
ROI_ALIGN = "_contrib_ROIAlign"
SYNC_BATCH_NORM = "_contrib_SyncBatchNorm"
OF_INDICES = frozenset({"argsort", "topk"})


def with_own_labels(text: str) -> str:
    """Give each output layer of training a label of its own, in place of the graph's.

    The outputs of these layers do not depend on labels. MXNet infers the shape of a label only
    where it is the layer's input itself, and has no attribute with the shape of a training batch.

    Args:
        text: The graph as MXNet writes it.

    Returns:
        The changed graph; the same text if it has no such layer.
    """
    table = json.loads(text)
    layers = [node for node in table["nodes"] if node["op"] in WITH_LABELS]
    if not layers:
        return text
    # the labels come first, so that all other numbers of nodes shift
    for edge in [edge for node in table["nodes"] for edge in node["inputs"]] + table["heads"]:
        edge[0] += len(layers)
    labels = [{"op": VARIABLE, "name": f"new label {n}", "inputs": []} for n in range(len(layers))]
    for number, layer in enumerate(layers):
        layer["inputs"][1:] = [[number, 0, 0]]
    table["nodes"] = nodes = labels + table["nodes"]
    table["arg_nodes"] = [n for n, node in enumerate(nodes) if node["op"] == VARIABLE]
    del table["node_row_ptr"]
    return json.dumps(table)


def with_masked_regions(text: str) -> str:
    """Let ROIAlign pool all boxes, and set those of batch index −1 to 0 afterwards.

    GluonCV's feature pyramids mark the boxes of other levels so. The kernel of MXNet 1.9.1 for
    CPUs leaves their results unwritten, and sets an element of another box to 0.

    Args:
        text: The graph as MXNet writes it.

    Returns:
        The changed graph; the same text if it has no ROIAlign.
    """
    return replace_nodes(text, _mask_regions)


def _mask_regions(new: NewNodes, align: Row, _: int) -> bool:
    """Replace a ROIAlign by one of all boxes, and the nodes around it."""
    if align["op"] != ROI_ALIGN:
        return False
    data, boxes = align["inputs"]
    index = new.add("slice_axis", boxes, axis=1, begin=0, end=1)
    corners = new.add("slice_axis", boxes, axis=1, begin=1, end=None)
    first = new.add("_maximum_scalar", index, scalar=0)
    every = new.add("Concat", first, corners, dim=1, num_args=2)
    pooled = new.add(ROI_ALIGN, data, every, **align.get("attrs", {}))
    chosen = new.add("_greater_equal_scalar", index, scalar=0)
    mask = new.add("Reshape", chosen, shape=(-1, 1, 1, 1))
    new.add("broadcast_mul", pooled, mask)
    return True


def with_local_norms(text: str) -> str:
    """Replace SyncBatchNorm by BatchNorm, which computes the same in inference, in float64, too.

    Args:
        text: The graph as MXNet writes it.

    Returns:
        The changed graph; the same text if it has no SyncBatchNorm.
    """
    table, changed = json.loads(text), False
    for node in table["nodes"]:
        if node["op"] == SYNC_BATCH_NORM:
            given = node.get("attrs", {})
            node["attrs"] = {k: v for k, v in given.items() if k not in ("ndev", "key")}
            node["op"], changed = "BatchNorm", True
    return json.dumps(table) if changed else text


def with_dtype(text: str, dtype: str, *, everywhere: bool) -> str:
    """Let MXNet compute a graph in a data type where the graph itself fixes another.

    Zeros and ones in float32 would refuse other values in float64, and MXNet has no layers with
    weights in float16 on CPUs.

    Args:
        text: The graph as MXNet writes it.
        dtype: `float32` or `float64`.
        everywhere: Whether float32 is replaced in casts, other constants, indices and
            `one_hot`, too.

    Returns:
        The changed graph; the same text if it fixes no data type.
    """
    single = CONSTANTS | OTHER_CONSTANTS | OF_INDICES | {ONE_HOT} if everywhere else CONSTANTS
    casts = {"Cast", "cast"} if everywhere else set()
    table, changed = json.loads(text), False
    for node in table["nodes"]:
        given = node.get("attrs", {}).get("dtype", "float32" if node["op"] in single else None)
        if given == "float16" or (given == "float32" and node["op"] in single | casts):
            node.setdefault("attrs", {})["dtype"] = dtype
            changed = True
    return json.dumps(table) if changed else text
