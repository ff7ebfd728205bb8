"""Describes the first difference of two graphs."""

from __future__ import annotations

from .symbol import Graph, Node


def first_difference(one: Graph, other: Graph) -> str | None:
    """The first node in which two graphs differ, and in what; None if they are equal.

    Names of files and versions of MXNet are not compared.
    """
    for left, right in zip(one.nodes, other.nodes, strict=False):
        if (left.written_op, left.name) != (right.written_op, right.name):
            return f"{left} instead of {right}"
        if text := _attributes(left, right):
            return text
        if left.inputs != right.inputs or left.subgraphs != right.subgraphs:
            return f"{left} has other inputs"
    if len(one.nodes) != len(other.nodes):
        return f"{len(one.nodes)} nodes instead of {len(other.nodes)}"
    return None if one.heads == other.heads else "other outputs"


def _attributes(left: Node, right: Node) -> str | None:
    for name in (*left.attributes, *right.attributes):
        value, expected = left.attributes.get(name), right.attributes.get(name)
        if value != expected:
            return f"{left} has {name}={value} instead of {expected}"
    return None
