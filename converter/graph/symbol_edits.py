"""Changes of a graph in MXNet's format, with which MXNet runs it on any batch and data type."""

from __future__ import annotations

import json

from .labels import WITH_LABELS
from .symbol import VARIABLE

CONSTANTS = frozenset({"_zeros", "_ones"})


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


def with_dtype(text: str, dtype: str) -> str:
    """Let MXNet compute a graph in a data type where the graph itself fixes another.

    Zeros and ones in float32 would refuse other values in float64, and MXNet has no layers with
    weights in float16 on CPUs.

    Args:
        text: The graph as MXNet writes it.
        dtype: `float32` or `float64`.

    Returns:
        The changed graph; the same text if it fixes no data type.
    """
    table, changed = json.loads(text), False
    for node in table["nodes"]:
        given = node.get("attrs", {}).get("dtype", "float32" if node["op"] in CONSTANTS else None)
        if given == "float16" or (given == "float32" and node["op"] in CONSTANTS):
            node.setdefault("attrs", {})["dtype"] = dtype
            changed = True
    return json.dumps(table) if changed else text
