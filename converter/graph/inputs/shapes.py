"""A graph's inputs and their shapes: as a user gives them, or inferred from the first layer."""

from __future__ import annotations

from collections.abc import Container, Mapping
from difflib import get_close_matches

from ...errors import GraphError
from ...sources.arrays import Array
from ..symbols.attributes import Attributes
from ..symbols.fusion import layer_of
from ..symbols.roles import roles
from ..symbols.symbol import VARIABLE, Graph
from .initial_states import batch_axis, state_names
from .input_spec import HIGHEST, InputSpec
from .ranks import KEEPING

CHANNELS = 3
MASK = "mask"  # what stands for float32 where the values are 0 and 1
_OF_LENGTHS = frozenset({"SequenceMask", "SequenceLast", "SequenceReverse"})
_ROWS = {"Embedding": "input_dim", "one_hot": "depth"}  # attributes with their number
CONVOLUTIONS = frozenset({"Convolution", "_contrib_quantized_conv"})
FULLY_CONNECTED = frozenset({"FullyConnected", "_contrib_quantized_fully_connected"})


def input_names(graph: Graph, arrays: Container[str], given: Container[str] = ()) -> list[str]:
    """The names of a graph's inputs, in the order in which its module takes them.

    Args:
        arrays: Names of the network's arrays; these variables are not inputs.
        given: Names of initial states that are inputs; the others are zeros.
    """
    zeros = {name for name in state_names(graph) if name not in given}
    return [name for name in roles(graph).inputs if name not in zeros and name not in arrays]


def only_input(graph: Graph, arrays: Container[str]) -> str:
    """The name of a graph's single input.

    Args:
        arrays: Names of the network's arrays; these variables are not inputs.

    Raises:
        GraphError: If it has no input, or several.
    """
    inputs = input_names(graph, arrays)
    if len(inputs) != 1:
        given = ", ".join(inputs) or "none"
        label = "; `--output NODE` omits a label that only training uses, with what depends on it"
        raise GraphError(
            f"{graph.where}: expected one input, found {len(inputs)} ({given}); give the shape of "
            "each with `--input NAME=SHAPE`, such as data=1,3,224,224 (inputs= in Python)"
            f"{label if any('label' in name for name in inputs) else ''}"
        )
    return inputs[0]


def check_shapes(graph: Graph, inputs: Mapping[str, tuple[int, ...]]) -> None:
    """Require that shapes of inputs are those of variables of the graph.

    Raises:
        GraphError: If one is not.
    """
    variables = [node.name for node in graph.nodes if node.op == VARIABLE]
    for name, shape in inputs.items():
        if name not in variables:
            near = get_close_matches(name, variables, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise GraphError(f"{graph.where}: has no input {name!r}{hint}")
        if min(shape, default=0) < 0:
            raise GraphError(f"{graph.where}: the input {name!r} cannot have the shape {shape}")


def input_specs(
    graph: Graph,
    arrays: Container[str],
    given: Mapping[str, tuple[tuple[int, ...], str]],
) -> dict[str, InputSpec]:
    """The inputs of a graph with the shapes and data types that a user has given.

    Args:
        arrays: Names of the network's arrays; these variables are not inputs.
        given: Shapes and data types by name.

    Raises:
        GraphError: If an input is missing, or a name is not that of an input.
    """
    names = input_names(graph, arrays, given)
    labels = roles(graph).labels
    problems = [
        f"does not take the label {name!r}, which only training uses"
        if name in labels
        else f"has no input {name!r}"
        for name in given
        if name not in names
    ]
    problems += [f"needs the shape of {name!r}" for name in names if name not in given]
    if problems:
        raise GraphError(
            f"{graph.where}: {', '.join(problems)}; its inputs are {', '.join(names)}"
            f"{_zeros(graph)}: give each with `--input NAME=SHAPE`, such as data=1,3,224,224"
        )
    return {name: _spec(graph, name, *given[name]) for name in names}


def _spec(graph: Graph, name: str, shape: tuple[int, ...], dtype: str) -> InputSpec:
    axis = batch_axis(graph, name)
    axis = axis if axis < len(shape) else 0
    if dtype == MASK:
        return InputSpec(shape, counts=True, below=2, batch_axis=axis)
    if _is_length(graph, name):
        # a longer or shorter length would be outside the sequence
        return InputSpec(shape, dtype, counts=True, least=1, below=3, batch_axis=axis)
    rows = rows_of(graph, name)
    below = min([HIGHEST, *rows])
    return InputSpec(shape, dtype, counts=bool(rows), below=below, batch_axis=axis)


def _zeros(graph: Graph) -> str:
    names = state_names(graph)
    return f" (and, zeros by default, {', '.join(names)})" if names else ""


def rows_of(graph: Graph, name: str) -> list[int]:
    """The numbers of rows of the tables, and of one-hot places, that an input is the indices of."""
    return [
        Attributes(node).count(_ROWS[node.op])
        for node in graph.nodes
        if node.op in _ROWS and node.inputs and graph.nodes[node.inputs[0][0]].name == name
    ]


def _is_length(graph: Graph, name: str) -> bool:
    """Whether an input is the lengths of sequences."""
    return any(
        node.op in _OF_LENGTHS
        and len(node.inputs) > 1
        and graph.nodes[node.inputs[1][0]].name == name
        for node in graph.nodes
    )


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
        if node.op in KEEPING or node.op == "Flatten":
            of_input.add(number)
    return (CHANNELS, *size)
