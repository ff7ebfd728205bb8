"""Writing of graphs as a `-symbol.json`, which MXNet can load."""

from __future__ import annotations

import json
from typing import Any

from .symbol import VARIABLE, Graph


def symbol_json(graph: Graph) -> str:
    """A graph in MXNet's format; graphs that nodes contain are written, too."""
    marks = {"is_np_shape": ["int", 1]} if graph.numpy_shapes else {}
    return json.dumps({**_table(graph), "attrs": {"mxnet_version": ["int", 10901], **marks}})


def _table(graph: Graph) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = []
    for node in graph.nodes:
        row: dict[str, Any] = {"op": node.written_op, "name": node.name}
        row["attrs"] = dict(node.attributes)
        row["inputs"] = [[number, output, 0] for number, output in node.inputs]
        if node.subgraphs:
            row["subgraphs"] = [_table(inner) for inner in node.subgraphs]
        nodes.append(row)
    return {
        "nodes": nodes,
        "arg_nodes": [n for n, node in enumerate(graph.nodes) if node.op == VARIABLE],
        "node_row_ptr": list(range(len(nodes) + 1)),
        "heads": [[number, output, 0] for number, output in graph.heads],
    }
