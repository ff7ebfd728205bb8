"""A page that shows a graph: its blocks folded, shapes on the edges, unsupported nodes in red."""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2

from ..registry import is_unknown
from ..symbols.graph_blocks import Block, Repeat, find_repeats, shown_nodes
from ..symbols.labels import without_labels
from ..symbols.roles import roles
from ..symbols.symbol import VARIABLE, Edge, Graph, Node
from .layered_drawing import BOX, Drawing, draw_layers
from .picture import attribute_text

LONGEST = 27  # characters in a box
SHOWN = 6  # names of repeated blocks

Shapes = Mapping[Edge, tuple[int, ...]]


def to_html(
    graph: Graph, title: str, arrays: Sequence[str] = (), shapes: Shapes | None = None
) -> str:
    """Draw a graph as a page that loads nothing.

    Args:
        graph: The graph.
        title: Title of the page.
        arrays: Names of its arrays, beside those that the graph shows to be some.
        shapes: Shapes of its values without labels, as far as they are known (value_shapes.py).
    """
    hidden = {*roles(graph).arrays, *arrays}
    graph = without_labels(graph)
    shown = shown_nodes(graph, hidden)
    view = _View(graph, shapes or {}, set(shown))
    unknown = [graph.nodes[n] for n in shown if _is_wrong(graph.nodes[n])]
    return _template().render(
        title=title,
        count=sum(graph.nodes[n].op != VARIABLE for n in shown),
        arrays=len({node.name for node in graph.variables()} & hidden),
        shapes=bool(shapes),
        unsupported=", ".join(sorted({node.written_op for node in unknown})),
        repeats=[view.repeat(each) for each in find_repeats(graph, shown)],
        box=BOX,
    )


def _is_wrong(node: Node) -> bool:
    return node.op != VARIABLE and is_unknown(node)


class _View:
    """What the template shows of a graph's nodes and blocks."""

    def __init__(self, graph: Graph, shapes: Shapes, shown: set[int]) -> None:
        self._graph, self._shapes, self._shown = graph, shapes, shown
        names = [graph.nodes[n].name for n in shown if graph.nodes[n].op != VARIABLE]
        common = os.path.commonprefix(names) if len(names) > 1 else ""  # noqa: RUF071 (letters)
        self._prefix = common[: common.rfind("_") + 1]  # of the network
        self._heads = {number for number, _ in graph.heads}

    def repeat(self, repeat: Repeat) -> dict[str, Any]:
        """A repetition: its first blocks, and the names of the others."""
        others = [self._name(nodes) for nodes in repeat.nodes[1:]]
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        blocks = [self._block(block) for block in repeat.blocks]
        return {
            "blocks": blocks,
            "times": len(repeat.nodes),
            "others": ", ".join(others[:SHOWN]) + more,
            "wrong": any(block["wrong"] for block in blocks),
            "entry": self._entry(repeat.nodes[0]),
        }

    def _block(self, block: Block) -> dict[str, Any]:
        nodes = [self._node(number) for number in block.nodes]
        found: dict[str, Any] = {
            "nodes": nodes,
            "drawing": None,
            "wrong": any(node["kind"] == "wrong" for node in nodes),
        }
        if not block.branches:
            return found
        own = set(block.nodes)
        before = [s for n in block.nodes for s in self._sources(n) if s not in own]
        every = [*dict.fromkeys(before), *block.nodes]
        inputs = {n: self._sources(n) if n in own else [] for n in every}
        drawing = draw_layers(every, inputs)
        outside = [{**self._node(n), "kind": "input"} for n in every if n not in own]
        for node in (*nodes, *outside):
            node["x"], node["y"] = drawing.boxes[node["number"]]
        counts: dict[str, int] = {}
        for node in nodes:
            counts[node["op"]] = counts.get(node["op"], 0) + 1
        text = ", ".join(f"{count} {op}" for op, count in sorted(counts.items()))
        return {
            **found,
            "nodes": [*outside, *nodes],
            "drawing": drawing,
            "labels": self._labels(drawing),
            "title": self._name(block.nodes),
            "text": text,
        }

    def _node(self, number: int) -> dict[str, Any]:
        node = self._graph.nodes[number]
        details = attribute_text(node)
        kind = "wrong" if _is_wrong(node) else "input" if node.op == VARIABLE else ""
        if not kind and number in self._heads:
            kind = "output"
        op = "input" if node.op == VARIABLE else node.written_op
        shape = self._text(self._shapes.get((number, 0)))
        return {
            "number": number,
            "op": op,
            "name": node.name.removeprefix(self._prefix),
            "details": details,
            "kind": kind,
            "shape": shape,
            "short": _cut(op),
            "brief": _cut(details or node.name.removeprefix(self._prefix)),
            "full": " · ".join(filter(None, (op, node.name, details, shape))),
        }

    def _sources(self, number: int) -> list[int]:
        return [s for s, _ in self._graph.nodes[number].inputs if s in self._shown]

    def _labels(self, drawing: Drawing) -> list[str]:
        """The shape beside each line; once for all lines of a value."""
        found = [(line.source, self._between(line.source, line.target)) for line in drawing.lines]
        return ["" if each in found[:place] else each[1] for place, each in enumerate(found)]

    def _between(self, source: int, target: int) -> str:
        edges = [edge for edge in self._graph.nodes[target].inputs if edge[0] == source]
        return self._text(self._shapes.get(edges[0])) if edges else ""

    def _entry(self, nodes: Sequence[int]) -> str:
        """Shapes of the values that a block takes from others."""
        own = set(nodes)
        edges = {
            edge: None
            for number in nodes
            for edge in self._graph.nodes[number].inputs
            if edge[0] not in own and edge[0] in self._shown
        }
        return ", ".join(filter(None, (self._text(self._shapes.get(edge)) for edge in edges)))

    def _name(self, nodes: Sequence[int]) -> str:
        """The names of the first and the last of some nodes, without the network's prefix."""
        names = [self._graph.nodes[n].name.removeprefix(self._prefix) for n in nodes]
        first, last = names[0], names[-1]
        return first if first == last else f"{first} … {last}"

    @staticmethod
    def _text(shape: tuple[int, ...] | None) -> str:
        return "×".join(map(str, shape)) if shape else ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    text = (files(__package__) / "network_page.html").read_text(encoding="utf-8")
    return environment.from_string(text)
