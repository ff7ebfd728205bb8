"""Parser of `-symbol.json` files of MXNet 0.8 to 2.0; needs neither NumPy nor torch.

The format follows nnvm's and MXNet's sources (src/core/pass/saveload_json.cc,
src/nnvm/legacy_json_util.cc). Nodes are in post-order: the inputs of a node come before it. One
pass in the file's order is therefore enough, and every cycle violates the order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import GraphError
from ...sources.foreign_file import name_foreign_file
from .aliases import FIRST_NAMES

SHOWN_NAMES = 3  # of nodes or arrays, in a message
MAX_BYTES = 1 << 24  # the largest graph of GluonCV's zoo has 2 MB
MAX_TEXT = 1 << 12  # characters of a name or an attribute; the zoo's longest has 119
MAX_DIGITS = 18
VARIABLE = "null"
INIT = "__init__"  # attribute of a variable: how Gluon initialised it
# keys of a node's attributes, newest first: MXNet 0.12 and later, 0.9 to 0.11, 0.8 and earlier
_ATTRIBUTES = ("attrs", "attr", "param")
MAX_DEPTH = 16  # of graphs in the nodes of graphs
FUSED = "_sg_"  # prefix of operators that MXNet's backends make of a part of a graph
# operators that contain graphs -> how many
CONTROL_FLOW = {
    "_foreach": 1,
    "_while_loop": 2,
    "_cond": 3,
    **dict.fromkeys(("_CachedOp", "_CachedOpThreadSafe"), 1),
}
# running statistics that graphs up to MXNet 0.8 omit: operator -> (number of inputs, names)
_OMITTED = {"BatchNorm": (3, ("moving_mean", "moving_var"))}

# version before which an axis of -1 was all axes for these; MXNet, too, edits graphs that it reads
# (UpgradeJSON_000904_000905 in src/nnvm/legacy_json_util.cc)
ALL_AXES_BEFORE, ALL_AXES = 905, ("argmax", "argmin")

Edge = tuple[int, int]
"""A value: the number of a node, and the number of its output."""


@dataclass(frozen=True)
class Node:
    """One node of a graph.

    Attributes:
        op: MXNet's operator, by the first of its names (aliases.py); `null` for a variable, which
            is an array or an input.
        name: The node's name.
        attributes: Attributes as strings; missing ones have the operator's default.
        inputs: Input values, all of earlier nodes.
        subgraphs: Graphs that the node contains: the body of a loop, for example.
        alias: The operator's name in the file, if it is another one.
    """

    op: str
    name: str
    attributes: Mapping[str, str]
    inputs: tuple[Edge, ...]
    subgraphs: tuple[Graph, ...] = ()
    alias: str | None = None

    @property
    def written_op(self) -> str:
        """The operator's name in the file."""
        return self.alias or self.op

    def __str__(self) -> str:
        return f"{self.written_op} {self.name!r}"


@dataclass(frozen=True)
class Graph:
    """A computation graph.

    Attributes:
        where: File name, for errors.
        nodes: Nodes in post-order.
        heads: Output values.
        version: The MXNet version that wrote the file, as in `1.9.1`; None up to 0.8, which did not
            record it.
        numpy_shapes: Whether shapes can have no dimensions, or sizes of 0, as in NumPy.
    """

    where: str
    nodes: tuple[Node, ...]
    heads: tuple[Edge, ...]
    version: str | None
    numpy_shapes: bool = False

    def variables(self) -> list[Node]:
        """The arrays, inputs and labels, in MXNet's order.

        Several may have the same name; they stand for the same array.
        """
        return [node for node in self.nodes if node.op == VARIABLE]

    def operators(self) -> Iterator[Node]:
        """All nodes but the variables; a node is followed by those of the graphs it contains."""
        for node in self.nodes:
            if node.op != VARIABLE:
                yield node
                for graph in node.subgraphs:
                    yield from graph.operators()


def read_symbol(path: str | os.PathLike[str]) -> Graph:
    """Read a `-symbol.json`.

    Raises:
        GraphError: If the file cannot be opened, has another format or is not a valid graph.
    """
    where = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise GraphError(f"{where}: cannot be read ({error.strerror or error})") from error
    return parse_symbol(data, where)


def parse_symbol(data: bytes, where: str) -> Graph:
    """Parse the content of a `-symbol.json`.

    Args:
        data: Content of the file.
        where: File name, for errors.

    Raises:
        GraphError: If the content has another format or is not a valid graph.
    """
    if len(data) > MAX_BYTES:
        raise GraphError(f"{where}: is larger than {MAX_BYTES} bytes, the limit for graphs")
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        foreign = name_foreign_file(data[:512]) or _params_file(data)
        hint = f"but {foreign}" if foreign else "it does not begin with {"
        raise GraphError(f"{where}: not a -symbol.json, {hint}; pass the file that MXNet exported")
    try:
        table = json.loads(data.decode("utf-8-sig"), parse_int=_integer)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise GraphError(f"{where}: is not JSON ({reason[:200]}); export it again") from error
    return _graph(table, where)


def _params_file(data: bytes) -> str | None:
    return "a .params file" if data[:8] == b"\x12\x01" + bytes(6) else None


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _graph(table: dict[str, Any], where: str, depth: int = 0) -> Graph:
    if depth > MAX_DEPTH:
        raise GraphError(f"{where}: graphs are nested more than {MAX_DEPTH} deep")
    rows, heads = table.get("nodes"), table.get("heads")
    if not isinstance(rows, list) or not isinstance(heads, list) or not rows or not heads:
        raise GraphError(
            f"{where}: has no nodes or no heads; the file is truncated or was not written by MXNet"
        )
    nodes: list[Node] = []
    attributes = table.get("attrs")
    version = _number(attributes, "mxnet_version") or 0
    numbers: list[int] = []  # number in the file -> number with the omitted variables added
    for index, row in enumerate(rows):
        node = _node(row, numbers, f"{where}: node {index}", depth)
        if not depth and version < ALL_AXES_BEFORE:
            node = _of_all_axes(node)
        if omitted := _omitted_variables(node):
            added = tuple((len(nodes) + place, 0) for place in range(len(omitted)))
            node = replace(node, inputs=node.inputs + added)
            nodes += omitted
        numbers.append(len(nodes))
        nodes.append(node)
    edges = tuple(_edge(head, numbers, f"{where}: head {i}") for i, head in enumerate(heads))
    return Graph(
        where, tuple(nodes), edges, _version(attributes), bool(_number(attributes, "is_np_shape"))
    )


def _of_all_axes(node: Node) -> Node:
    """A node with its axis of -1, which was all axes, left out."""
    if node.op not in ALL_AXES or node.attributes.get("axis") != "-1":
        return node
    others = {key: value for key, value in node.attributes.items() if key != "axis"}
    return replace(node, attributes=others)


def _node(row: Any, numbers: list[int], where: str, depth: int) -> Node:
    if not isinstance(row, dict):
        raise GraphError(f"{where}: is not a node")
    written, name = (
        _text(row.get("op"), f"{where}: its op"),
        _text(row.get("name"), f"{where}: its name"),
    )
    where = f"{where} ({written} {name!r})"
    op = FIRST_NAMES.get(written, written)
    alias = None if op == written else written
    inputs = row.get("inputs", [])
    if not isinstance(inputs, list) or (op == VARIABLE and inputs):
        raise GraphError(f"{where}: its inputs are invalid for a variable or an operator")
    edges = tuple(_edge(edge, numbers, f"{where}: input {i}") for i, edge in enumerate(inputs))
    subgraphs = _subgraphs(row, op, where, depth)
    return Node(op, name, _attributes(row, where), edges, subgraphs, alias)


def _subgraphs(row: dict[str, Any], op: str, where: str, depth: int) -> tuple[Graph, ...]:
    """The graphs that a node contains; without a version, which the whole graph has."""
    tables = row.get("subgraphs", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise GraphError(f"{where}: its subgraphs are not a list of graphs")
    expected = 1 if op.startswith(FUSED) and tables else CONTROL_FLOW.get(op, 0)
    if len(tables) != expected:
        raise GraphError(f"{where}: has {len(tables)} subgraphs; expected {expected}")
    return tuple(
        _graph(table, f"{where}: subgraph {number}", depth + 1)
        for number, table in enumerate(tables)
    )


def _attributes(row: dict[str, Any], where: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for place in reversed(_ATTRIBUTES):
        found = row.get(place)
        if found is None:
            continue
        if not isinstance(found, dict):
            raise GraphError(f"{where}: its {place} is not a mapping of attributes")
        for key, value in found.items():
            if key == INIT and isinstance(value, str):
                value = value[:MAX_TEXT]  # it contains the array of mx.init.Constant
            attributes[_text(key, f"{where}: an attribute's name")] = _text(
                value, f"{where}: its attribute {key[:40]!r}"
            )
    return attributes


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise GraphError(f"{what} is not a string")
    if len(value) > MAX_TEXT:
        raise GraphError(f"{what} has {len(value)} characters; at most {MAX_TEXT} are allowed")
    return value


def _edge(edge: Any, numbers: list[int], where: str) -> Edge:
    """Parse `[node, output]` or `[node, output, version]`, a value of an earlier node."""
    if (
        not isinstance(edge, list)
        or len(edge) not in (2, 3)
        or not all(type(number) is int for number in edge)
    ):
        raise GraphError(f"{where}: is not [node, output, version]")
    node, output = edge[0], edge[1]
    if not 0 <= node < len(numbers) or output < 0:
        raise GraphError(
            f"{where}: is output {output} of node {node}, with {len(numbers)} nodes before it; "
            "a graph has no cycles, and no inputs that do not exist"
        )
    return numbers[node], output


def _omitted_variables(node: Node) -> list[Node]:
    given, names = _OMITTED.get(node.op, (0, ()))
    if len(node.inputs) != given:
        return []
    return [Node(VARIABLE, f"{node.name}_{name}", {}, ()) for name in names]


def _version(attrs: Any) -> str | None:
    """Version in the graph's attributes: `{"mxnet_version": ["int", 10901]}` → `1.9.1`."""
    number = _number(attrs, "mxnet_version")
    if number is None:
        return None
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def _number(attrs: Any, name: str) -> int | None:
    """A number in the graph's attributes, which is stored as `["int", 10901]`."""
    value = attrs.get(name) if isinstance(attrs, dict) else None
    known = isinstance(value, list) and len(value) == 2 and type(value[1]) is int
    return int(value[1]) if known and value else None
