"""oneDNN's fused nodes, which contain the layers that they stand for."""

from __future__ import annotations

from dataclasses import replace

from ...errors import GraphError
from .attributes import Attributes
from .symbol import FUSED, VARIABLE, Edge, Graph, Node

LAYERS = frozenset({"Convolution", "FullyConnected"})


def is_quantized(node: Node) -> bool:
    """Whether a node computes with integers."""
    if node.op.startswith(FUSED):
        return Attributes(node).flag("quantized", False)
    return node.op.startswith(("_contrib_quantize", "_contrib_dequantize", "_contrib_requantize"))


def layer_of(node: Node) -> Node:
    """The layer that a fused node contains; any other node itself."""
    if node.op.startswith(FUSED):
        for graph in node.subgraphs:
            for inner in graph.nodes:
                if inner.op in LAYERS:
                    return inner
    return node


def unfused(graph: Graph) -> Graph:
    """Replace the fused nodes of real numbers by the layers that they stand for.

    Quantized nodes are kept.

    Raises:
        GraphError: If a fused node does not contain its layers.
    """
    if not any(node.op.startswith(FUSED) for node in graph.nodes):
        return graph
    nodes: list[Node] = []
    values: list[tuple[Edge, ...] | None] = []  # outputs of a replaced node, by old number
    numbers: list[int] = []  # old number -> new number of a kept node

    def new(edge: Edge) -> Edge:
        number, output = edge
        outputs = values[number]
        if outputs is None:
            return numbers[number], output
        if output >= len(outputs):
            raise GraphError(f"{graph.nodes[number]}: has {len(outputs)} outputs")
        return outputs[output]

    for node in graph.nodes:
        inputs = tuple(new(edge) for edge in node.inputs)
        if node.op.startswith(FUSED) and not is_quantized(node):
            values.append(_inlined(node, inputs, nodes))
        else:
            values.append(None)
            nodes.append(replace(node, inputs=inputs))
        numbers.append(len(nodes) - 1)
    return replace(graph, nodes=tuple(nodes), heads=tuple(new(edge) for edge in graph.heads))


def _inlined(node: Node, inputs: tuple[Edge, ...], nodes: list[Node]) -> tuple[Edge, ...]:
    """Append the nodes that a fused node contains; returns its outputs."""
    if len(node.subgraphs) != 1 or len(node.subgraphs[0].variables()) != len(inputs):
        raise GraphError(
            f"{node}: does not contain the graph that it replaces; export the plain network"
        )
    graph, waiting, outputs = node.subgraphs[0], list(inputs), dict[int, int]()
    variables: dict[int, Edge] = {}
    for number, inner in enumerate(graph.nodes):
        if inner.op == VARIABLE:
            variables[number] = waiting.pop(0)
            continue
        edges = tuple(variables.get(of) or (outputs[of], place) for of, place in inner.inputs)
        outputs[number] = len(nodes)
        nodes.append(replace(inner, inputs=edges))
    return tuple(variables.get(of) or (outputs[of], place) for of, place in graph.heads)
