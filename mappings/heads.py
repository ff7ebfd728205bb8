"""The settings and the class-dependent numbers of stored graphs, read from mappings/heads.yaml."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Literal

from .schema import Row
from .yaml_table import read_row, read_table

LAST_LAYERS = "last layers"


class Nodes(Row, frozen=True):
    """Some nodes of a graph; one of `node`, `input_of` and `user_of` is given.

    Attributes:
        node: Name of the nodes, with variable numbers in braces.
        input_of: Name of a node whose inputs are meant.
        user_of: Name of a node whose users are meant.
        op: MXNet's operator; nodes of other operators are left out.
    """

    node: str | None = None
    input_of: str | None = None
    user_of: str | None = None
    op: str | None = None

    def __str__(self) -> str:
        kind = f" ({self.op})" if self.op else ""
        if self.node is not None:
            return f"node {self.node!r}{kind}"
        if self.input_of is not None:
            return f"input of node {self.input_of!r}{kind}"
        return f"user of node {self.user_of!r}{kind}"


class Number(Nodes, frozen=True, kw_only=True):
    """A number in the attributes of nodes.

    Attributes:
        attribute: Name of the attribute.
        at: Place of the number, if the attribute is a tuple.
        plus: The number is a multiple of the number of classes plus this.
    """

    attribute: str
    at: int | None = None
    plus: int = 0


class Classes(Row, frozen=True, kw_only=True):
    """What depends on the number of classes.

    Attributes:
        count: A number that is the number of classes plus its `plus`.
        arrays: Names of arrays, with variable numbers in braces; their first size is a multiple of
            the number of classes plus the given number.
        numbers: Further numbers in the graph.
        blocks: A node with one input for each class, which is computed by nodes of its own.
    """

    count: Number
    arrays: dict[str, int]
    numbers: tuple[Number, ...] = ()
    blocks: Nodes | None = None


class Head(Row, frozen=True, kw_only=True):
    """How a network makes its outputs.

    Attributes:
        settings: The numbers that are a setting of NMS, by its name.
        nms: The nodes without which the outputs are those before NMS.
        classes: What depends on the number of classes.
    """

    classes: Classes | Literal["last layers"]
    settings: dict[str, tuple[Number, ...]] = {}  # noqa: RUF012 (msgspec copies it)
    nms: tuple[Nodes, ...] = ()


@functools.cache
def load_heads() -> Mapping[str, Head]:
    """Load mappings/heads.yaml.

    Raises:
        TableError: The table is invalid; the message names the location.
    """
    rows = read_table("heads.yaml").items()
    return {name: read_row(row, Head, f"mappings/heads.yaml: {name}") for name, row in rows}
