"""Tensors that depend on no input."""

from __future__ import annotations

import math

import torch
from torch import fx

from ..construction.call import Call
from ..functions.elementwise import filled
from ..inputs.initial_states import BATCH_AXIS, is_state
from ..layers.recurrent_layers import ZeroState
from .declaration import dtype, optional_number

MOST_VALUES = 1 << 25


def limited(call: Call, count: int) -> int:
    """Require a number of values that is plausible."""
    if not 0 <= count <= MOST_VALUES:
        shown = count if abs(count) < 1 << 62 else "too many"
        raise call.error(f"would have {shown} values; at most {MOST_VALUES} are supported")
    return count


def fitting(call: Call, value: float, kind: torch.dtype) -> float:
    """Require that a number can be converted to integers.

    MXNet converts it to int32 first, or to int64; C++ does not define what becomes of others.
    """
    limit = 2.0**63 if kind == torch.int64 else 2.0**31
    if not (kind.is_floating_point or kind == torch.bool or -limit <= value < limit):
        name = str(kind).removeprefix("torch.")
        raise call.error(f"{value:g} does not fit into {name}; export the graph with a smaller one")
    return value


def checked_shape(call: Call) -> tuple[int, ...]:
    """The attribute `shape`, which must be known: sizes of 0 and no sizes are so in NumPy alone."""
    shape = call.attributes.integers("shape", ())
    if call.numpy_shapes:
        known = all(size >= 0 for size in shape)
    else:
        known = all(size > 0 for size in shape) and bool(shape)
    if not known:
        raise call.error(f"its shape {shape} is unknown; export the graph with its whole shape")
    limited(call, math.prod(shape))
    return shape


def _filled(call: Call, value: float) -> fx.Node:
    shape, kind = checked_shape(call), dtype()(call.attributes, "dtype")
    # a state takes part in the layer's computation, and is of its data type
    kind = call.dtype if is_state(call.node) and kind == torch.float32 else kind
    return call.constant(filled(torch.empty(0), shape, fitting(call, value, kind), kind))


def zeros(call: Call) -> fx.Node:
    """Zeros; those of an initial state have the batch of their input (initial_states.py).

    Other sizes that the graph leaves open, written 0, are 1 here, which broadcasts. Such zeros have
    the data type of the weights, with which cells multiply them.
    """
    shape = call.attributes.integers("shape", ())
    if len(call):
        axis = call.attributes.integer(BATCH_AXIS)
        return call.module(ZeroState(shape, axis, call.dtype), call.value(0), rank=len(shape))
    if 0 not in shape or min(shape) < 0:
        return _filled(call, 0.0)
    sizes = [size or 1 for size in shape]
    limited(call, math.prod(sizes))
    return call.constant(torch.zeros(sizes, dtype=call.dtype))


def ones(call: Call) -> fx.Node:
    """Ones."""
    return _filled(call, 1.0)


def full(call: Call) -> fx.Node:
    """One value, which may be infinite."""
    return _filled(call, call.attributes.any_number("value"))


def eye(call: Call) -> fx.Node:
    """Ones on the k-th diagonal of a matrix of N rows and M columns, by default N."""
    attributes = call.attributes
    rows, columns = attributes.integer("N"), attributes.integer("M", 0)
    columns = columns or rows
    limited(call, rows * columns if min(rows, columns) > 0 else -1)
    ones = torch.ones(rows, columns, dtype=dtype()(attributes, "dtype"))
    place = attributes.integer("k", 0)
    return call.constant(ones.triu(place).tril(place))


def arange(call: Call) -> fx.Node:
    """Numbers from `start` to before `stop`, each `repeat` times; without `stop`, from 0.

    MXNet converts `start` and `step` to the data type first, and computes in it. Measured on MXNet
    1.9.1: for float16, it drops their fractions, but not in the number of values.
    """
    attributes = call.attributes
    start, step = attributes.number("start"), attributes.number("step", 1.0)
    stop, repeat = optional_number(attributes, "stop"), attributes.count("repeat", 1)
    if attributes.flag("infer_range", False):
        raise attributes.unsupported("infer_range")
    if stop is None:
        start, stop = 0.0, start
    if not step or (not (stop - start) / step > 0 and not call.numpy_shapes):
        raise call.error(f"start {start}, stop {stop} and step {step} are an empty range")
    steps = (stop - start) / step
    if not math.isfinite(steps):
        raise call.error(f"start {start}, stop {stop} and step {step} are too far apart")
    count = limited(call, max(math.ceil(steps), 0) * repeat)
    kind = dtype()(attributes, "dtype")
    places = torch.arange(count).div(repeat, rounding_mode="floor").to(kind)
    if kind == torch.float16:
        start, step = math.trunc(start), math.trunc(step)
    first, width = (filled(places, (), fitting(call, value, kind), kind) for value in (start, step))
    return call.constant(first + places * width)


OPERATORS = {"_zeros": zeros, "_ones": ones, "_full": full, "_eye": eye, "_arange": arange}
