"""Inference of the shape of a graph's input from its first layer."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import GraphError
from ..sources.arrays import Array
from .attributes import Attributes
from .fusion import layer_of
from .ranks import KEEPING
from .roles import roles
from .symbol import VARIABLE, Graph

CHANNELS = 3
CONVOLUTIONS = frozenset({"Convolution", "_contrib_quantized_conv"})
FULLY_CONNECTED = frozenset({"FullyConnected", "_contrib_quantized_fully_connected"})
_FLATTENING = frozenset({"Flatten", "flatten"})


def only_input(graph: Graph, arrays: Mapping[str, Array]) -> str:
    """The name of a graph's single input.

    Args:
        arrays: The network's arrays; variables with their names are not inputs.

    Raises:
        GraphError: If it has no input, or several.
    """
    inputs = [name for name in roles(graph).inputs if name not in arrays]
    if len(inputs) != 1:
        given = ", ".join(inputs) or "none"
        raise GraphError(
            f"{graph.where}: expected one input, found {len(inputs)} ({given}); "
            "import it with gluon2torch.import_graph"
        )
    return inputs[0]


def example_shape(
    graph: Graph, arrays: Mapping[str, Array], size: tuple[int, int]
) -> tuple[int, ...]:
    """The shape of one example of a graph's input: (C, H, W), or (features,).

    The numbers of channels and features are those of the first layer's weight; the default is 3
    channels.

    Args:
        arrays: The network's arrays, by name.
        size: Height and width of images, in pixels.

    Raises:
        GraphError: If it has no input, or several.
    """
    of_input = {n for n, node in enumerate(graph.nodes) if node.op == VARIABLE}
    of_input = {n for n in of_input if graph.nodes[n].name == only_input(graph, arrays)}
    for number, node in enumerate(graph.nodes):
        if not node.inputs or node.inputs[0][0] not in of_input:
            continue
        second = graph.nodes[node.inputs[1][0]].name if len(node.inputs) > 1 else ""
        weight = arrays[second].shape if second in arrays else ()
        layer = layer_of(node)
        if layer.op in CONVOLUTIONS and len(weight) == 4:
            return (weight[1] * Attributes(layer).count("num_group", 1), *size)
        if layer.op in FULLY_CONNECTED and len(weight) == 2:
            return (weight[1],)
        if node.op == "BatchNorm" and len(weight) == 1:
            return (weight[0], *size)
        if node.op in KEEPING or node.op in _FLATTENING:
            of_input.add(number)
    return (CHANNELS, *size)
