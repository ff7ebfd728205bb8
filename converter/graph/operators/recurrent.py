"""MXNet's fused recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import torch
from torch import fx, nn

from ..construction.builder import Values
from ..construction.call import Call
from ..layers.recurrent_layers import SteppedLSTM, VariableLengths, lstm_states
from ..symbols.roles import state_places

LAYERS: dict[str, Callable[..., nn.Module]] = {
    "rnn_relu": nn.RNN,
    "rnn_tanh": nn.RNN,
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}
GATES = {"rnn_relu": 1, "rnn_tanh": 1, "gru": 3, "lstm": 4}
MOST_LAYERS = 256
ZEROS = frozenset({"_zeros", "zeros_like"})


def rnn(call: Call) -> Values | fx.Node:
    """A fused recurrent layer: (T, N, C) and initial states to outputs and final states.

    torch's gates have MXNet's order and formulas. The parameters are one vector: the weights of
    all layers and directions, and then the biases. Initial states that the graph sets to zeros are
    left out, since their shape contains an unknown batch size.

    cuDNN alone defines lengths and clipping: MXNet's kernels for processors ignore both in float32
    and refuse them in float64. Here, both are as in cuDNN.
    """
    attributes = call.attributes
    mode = attributes.choice("mode", None, list(LAYERS))
    hidden, layers = attributes.count("state_size"), attributes.count("num_layers")
    directions = 1 + attributes.flag("bidirectional", False)
    projection = attributes.count("projection_size") if attributes.has("projection_size") else 0
    if layers > MOST_LAYERS:
        raise attributes.unsupported("num_layers")
    if projection and mode != "lstm":
        raise attributes.unsupported("projection_size")
    arrays = call.joined_arrays(1)
    shapes = list(_shapes(arrays, GATES[mode], hidden, layers, directions, projection, call))
    with torch.device("meta"):
        layer = _layer(call, mode, shapes[0][1][1], hidden, layers, directions, projection)
    for (name, _), tensor in zip(shapes, _split(arrays, shapes), strict=True):
        call.put(layer, name, tensor)
    first: Values = (call.value(0),)
    if attributes.flag("use_sequence_length", False):
        layer, first = VariableLengths(layer), (*first, call.value(state_places(call.node).stop))
    return _outputs(call, layer, first)


def _outputs(call: Call, layer: nn.Module, values: Values) -> Values | fx.Node:
    """Call the layer with its initial states, and name what it returns."""
    places = state_places(call.node)
    lstm = len(places) == 2
    if all(call.source(place).op in ZEROS for place in places):
        states: Values = ()
    elif lstm:
        pair = call.value(2), call.value(3)
        states = (call.function(lstm_states, *pair, suffix="_states"),)
    else:
        states = (call.value(2),)
    result = call.module(layer, *values, *states, rank=3)
    if not call.attributes.flag("state_outputs", False):
        (output,) = call.parts(result, (3,), ("_output",))
        return output
    output, final = call.parts(result, (3, 3), ("_output", "_state"))
    if not lstm:
        return output, final
    return output, *call.parts(final, (3, 3), ("_hidden", "_cell"))


def _layer(
    call: Call, mode: str, inputs: int, hidden: int, layers: int, directions: int, projection: int
) -> nn.Module:
    attributes = call.attributes
    dropout = attributes.number("p", 0.0)
    if not 0 <= dropout < 1:
        raise attributes.unsupported("p")
    dropout = dropout if layers > 1 else 0.0  # it is between layers
    options: dict[str, Any] = {"bidirectional": directions == 2, "dropout": dropout}
    clip = [attributes.has(f"lstm_state_clip_{end}") for end in ("min", "max")]
    if mode == "lstm" and (any(clip) or projection >= hidden):
        bounds = None
        if any(clip):
            bounds = (
                attributes.number("lstm_state_clip_min"),
                attributes.number("lstm_state_clip_max"),
            )
            if attributes.flag("lstm_state_clip_nan", False):
                raise attributes.unsupported("lstm_state_clip_nan")
            if attributes.flag("use_sequence_length", False):
                raise call.error(
                    "clips the states of sequences of different lengths, which is not supported"
                )
        return SteppedLSTM(inputs, hidden, layers, projection=projection, clip=bounds, **options)
    if projection:
        options["proj_size"] = projection
    if mode in ("rnn_relu", "rnn_tanh"):
        options["nonlinearity"] = mode.removeprefix("rnn_")
    return LAYERS[mode](inputs, hidden, layers, **options)


def _shapes(
    arrays: list[torch.Tensor],
    gates: int,
    hidden: int,
    layers: int,
    directions: int,
    projection: int,
    call: Call,
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the parts of the vector, by torch's names.

    The number of input features follows from the vector's length.

    Raises:
        GraphError: If no number of features has that length.
    """
    total, rows, size = sum(a.numel() for a in arrays), gates * hidden, projection or hidden
    others = rows * (size + 2) + projection * hidden  # of one layer and direction
    rest = total - directions * (others * layers + rows * size * directions * (layers - 1))
    inputs = rest // (rows * directions)
    if inputs < 1 or rest % (rows * directions):
        raise call.error(
            f"parameters have {total} numbers, which is no layer of {layers} × {hidden} units"
        )
    parts = list(product(range(layers), ("", "_reverse")[:directions]))
    for layer, direction in parts:
        suffix = f"l{layer}{direction}"
        yield f"weight_ih_{suffix}", (rows, inputs if layer == 0 else size * directions)
        yield f"weight_hh_{suffix}", (rows, size)
        if projection:
            yield f"weight_hr_{suffix}", (projection, hidden)
    for layer, direction in parts:
        for kind in ("ih", "hh"):
            yield f"bias_{kind}_l{layer}{direction}", (rows,)


def _split(
    arrays: list[torch.Tensor], shapes: list[tuple[str, tuple[int, ...]]]
) -> Iterator[torch.Tensor]:
    """Split the vector; arrays that are already the parts remain what they are."""
    if [tuple(array.shape) for array in arrays] == [shape for _, shape in shapes]:
        yield from arrays
        return
    vector, start = torch.cat([array.detach().flatten() for array in arrays]), 0
    for _, shape in shapes:
        count = torch.Size(shape).numel()
        part = vector[start : start + count].view(shape).clone()
        yield nn.Parameter(part, requires_grad=part.is_floating_point())  # others are refused
        start += count


def param_concat(call: Call) -> fx.Node:
    """Concatenation of the parameters of a fused recurrent layer."""
    return call.function(torch.cat, call.values(), call.attributes.integer("dim", 1), rank=1)


OPERATORS = {"RNN": rnn, "_rnn_param_concat": param_concat}
