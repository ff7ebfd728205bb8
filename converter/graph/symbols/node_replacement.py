"""Replacement of nodes in a graph in MXNet's format."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .symbol import VARIABLE

Row = dict[str, Any]  # a node as MXNet writes it
Source = list[int]  # an input or a head as MXNet writes it


class NewNodes:
    """The nodes of the changed graph.

    Attributes:
        rows: The nodes so far.
        name: Beginning of the names of nodes that are added.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.name = ""

    def add(self, op: str, *inputs: Source, **attributes: object) -> Source:
        """Add a node, and return its first output."""
        name = f"{self.name} {len(self.rows)}"
        texts = {key: str(value) for key, value in attributes.items()}
        self.rows.append({"op": op, "name": name, "attrs": texts, "inputs": list(inputs)})
        return [len(self.rows) - 1, 0, 0]


Replace = Callable[[NewNodes, Row, int], bool]
"""Adds the nodes that stand for a node, whose number it gets, too; the last one has its result. It
returns whether it did: otherwise, the node stays."""


def replace_nodes(text: str, replace: Replace) -> str:
    """Replace nodes with one output by others.

    Args:
        text: The graph as MXNet writes it.

    Returns:
        The changed graph; the same text if nothing was replaced.
    """
    table, new = json.loads(text), NewNodes()
    places: list[int] = []  # the new number of each node
    changed = False
    for number, row in enumerate(table["nodes"]):
        row["inputs"] = [[places[edge[0]], *edge[1:]] for edge in row["inputs"]]
        new.name = row["name"]
        if replace(new, row, number):
            changed = True
        else:
            new.rows.append(row)
        places.append(len(new.rows) - 1)
    if not changed:
        return text
    table["heads"] = [[places[edge[0]], *edge[1:]] for edge in table["heads"]]
    table["arg_nodes"] = [n for n, row in enumerate(new.rows) if row["op"] == VARIABLE]
    table["nodes"] = new.rows
    del table["node_row_ptr"]
    return json.dumps(table)
