"""Layers of this package that are written as a call, where the input's shape is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from ...errors import GraphError
from ..layers.dtypes import OwnDtype
from ..layers.norms import BatchNorm, L2Normalization
from ..layers.reshaping import Flatten, Reshape, SliceLike
from ..layers.resizing import BilinearResize
from .call_text import CallText, call_operation
from .operations import Operation, Slot
from .torch_layers import layer

DIMENSIONS = {2: "nn.BatchNorm1d", 3: "nn.BatchNorm1d", 4: "nn.BatchNorm2d", 5: "nn.BatchNorm3d"}


def layer_operation(module: nn.Module, call: CallText, keys: dict[str, str]) -> Operation:
    """The operation of a node that calls a module.

    Raises:
        GraphError: If the module cannot be constructed from its attributes.
    """
    nodes: list[Any] = list(call.node.args)
    write = _WRITERS.get(type(module))
    if write is not None and (found := write(module, call, nodes)) is not None:
        return found
    for each in nodes:
        call.argument("", each)
    name = call.node.name
    if len(call.inputs) < sum(isinstance(each, fx.Node) for each in nodes):
        raise GraphError(
            f"{name}: source cannot be written for a {type(module).__name__} that takes a value "
            "twice; choose another `--format`"
        )
    if type(module) is BatchNorm and call.example(nodes[0]).dim() in DIMENSIONS:
        return layer(module, name, keys, DIMENSIONS[call.example(nodes[0]).dim()])
    if type(module).__module__.startswith("torch.nn."):
        return layer(module, name, keys)
    operation = layer(module, name, keys, type(module).__name__)
    operation.support = (type(module),)
    return operation


def _flatten(module: Flatten, call: CallText, nodes: list[fx.Node]) -> Operation | None:
    if call.example(nodes[0]).dim() < 2:
        return None
    call.input(nodes[0])
    return layer(nn.Flatten(), call.node.name, {})


def _reshape(module: Reshape, call: CallText, nodes: list[fx.Node]) -> Operation | None:
    """The reshaping with the sizes that stay as they are read from the input."""
    rank, codes, reverse = call.example(nodes[0]).dim(), module.shape, module.reverse
    text = call.input(nodes[0])
    places = list(range(rank))
    if reverse:
        sizes = _sizes(call, text, codes[::-1], places[::-1])[::-1]
    else:
        sizes = _sizes(call, text, codes, places)
    return call.operation(f"{text}.reshape({', '.join(sizes)})")


def _sizes(call: CallText, text: str, codes: Sequence[int], places: list[int]) -> list[str]:
    """The sizes that the codes of Reshape mean, as texts; `places` are the input's axes."""
    target: list[str] = []
    inferred: int | None = None
    at = place = 0

    def size(axis: int) -> str:
        return f"{text}.shape[{axis}]"

    while place < len(codes):
        code = codes[place]
        if code == 0:
            target.append(size(places[at]))
        elif code == -2:
            target += map(size, places[at:])
            at = len(places)
        elif code == -3:
            target.append(f"{size(places[at])} * {size(places[at + 1])}")
            at += 1
        elif code == -4:
            parts = codes[place + 1 : place + 3]
            for part, other in (parts, parts[::-1]):
                whole = f"{size(places[at])} // {call.argument('size', other)}"
                target.append(whole if part == -1 else call.argument("size", part))
            place += 2
        elif code == -1:
            inferred = place
            target.append("1")
        else:
            target.append(call.argument("size", code))
        at += 1
        place += 1
    if inferred is not None:
        target[inferred] = "-1"
    return target


def _slice_like(module: SliceLike, call: CallText, nodes: list[fx.Node]) -> Operation:
    data, like = map(call.input, nodes)
    rank = call.example(nodes[0]).dim()
    axes = {axis % rank for axis in module.axes or range(call.example(nodes[1]).dim())}
    parts = [f": {like}.shape[{axis}]" if axis in axes else ":" for axis in range(max(axes) + 1)]
    return call.operation(f"{data}[{', '.join(parts)}]")


def _l2_normalization(module: L2Normalization, call: CallText, nodes: list[fx.Node]) -> Operation:
    rank, text = call.example(nodes[0]).dim(), call.input(nodes[0])
    dims = {"instance": range(1, rank), "channel": range(1, 2), "spatial": range(2, rank)}
    axes, squares = tuple(dims[module.mode]), f"{text}.square()"
    if axes:
        dim = call.argument("dim", axes if len(axes) > 1 else axes[0])
        squares = f"{squares}.sum({dim}, keepdim=True)"
    return call.operation(f"{text} / ({squares} + {call.argument('eps', module.eps)}).sqrt()")


def _bilinear_resize(
    module: BilinearResize, call: CallText, nodes: list[fx.Node]
) -> Operation | None:
    if not module.align_corners or (len(nodes) == 1 and module.size is None):
        return None
    if module.parts[0] != module.parts[1]:
        return None
    text = call.input(nodes[0])
    if len(nodes) == 2:
        size = f"{call.input(nodes[1])}.shape[2:]"
        if module.parts != (1, 1):
            size = f"[side // {call.argument('part', module.parts[0])} for side in {size}]"
    else:
        size = call.argument("size", module.size)
    return call.operation(f'F.interpolate({text}, {size}, mode="bilinear", align_corners=True)')


def _own_dtype(module: OwnDtype, call: CallText, nodes: list[fx.Node]) -> Operation:
    """Nothing for numbers of the network's data type, or else the layer that converts them."""
    value = call.example(nodes[0])
    call.input(nodes[0])
    fixed = torch.float32 in nodes[0].kwargs.values()  # whatever the network's is
    if isinstance(value, Tensor) and value.dtype == module.own.dtype and not fixed:
        return layer(nn.Identity(), call.node.name, {})
    slot = Slot("dtype", torch.float32)  # until the network is converted
    return Operation("OwnDtype", call.node.name, [slot], support=(OwnDtype,))


_WRITERS: dict[type, Callable[..., Operation | None]] = {
    Flatten: _flatten,
    Reshape: _reshape,
    SliceLike: _slice_like,
    L2Normalization: _l2_normalization,
    BilinearResize: _bilinear_resize,
    OwnDtype: _own_dtype,
}


def clamp_layer(call: CallText, value: fx.Node, low: float, high: float) -> Operation:
    """A clamp of real numbers: a layer for the bounds 0 and 6, and otherwise a call."""
    if (low, high) != (0, 6):
        return call_operation(call)
    call.input(value)
    return layer(nn.ReLU6(), call.node.name, {})


def flatten_layer(call: CallText, value: fx.Node, start: int = 0) -> Operation:
    """A flattening as a layer."""
    call.input(value)
    return layer(nn.Flatten(start), call.node.name, {})


FUNCTIONS_AS_LAYERS: dict[Any, Callable[..., Operation]] = {
    torch.clamp: clamp_layer,
    torch.flatten: flatten_layer,
}
