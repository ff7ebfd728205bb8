"""Reshaping, transposing, slicing, joining and casting."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..operator_case import Case
from .arithmetic import array, shape
from .weighted_layers import tuples


def flatten(rng: np.random.Generator, op: str) -> Case:
    """Inputs of any rank."""
    return Case(op, {}, {"data": array(rng, shape(rng))})


def reshape(rng: np.random.Generator, op: str) -> Case:
    """Codes that keep, merge, split and infer sizes."""
    data = array(rng, shape(rng))
    codes: list[int] = []
    left = list(data.shape)
    inferred = False
    while left:
        kind = rng.choice(["keep", "rest", "merge", "split", "size", "infer"])
        if kind == "keep":
            codes.append(0)
            left.pop(0)
        elif kind == "rest":
            codes.append(-2)
            left = []
        elif kind == "merge" and len(left) > 1:
            codes.append(-3)
            left = left[2:]
        elif kind == "split":
            size = left.pop(0)
            codes += [[-4, 1, -1], [-4, -1, size], [-4, 1, size]][rng.integers(3)]
        elif kind == "size":
            codes.append(left.pop(0))
        elif kind == "infer" and not inferred:
            codes.append(-1)
            left.pop(0)
            inferred = True
    given = {"reverse": str(rng.choice(["True", "False"]))} if rng.random() < 0.3 else {}
    # where sizes are matched from the right, MXNet reads beyond the data if they do not fit
    if given.get("reverse") == "True" and -4 not in codes:
        codes, data = codes[::-1], data.transpose()
    return Case(op, {"shape": str(tuple(codes)), **given}, {"data": np.ascontiguousarray(data)})


def transpose(rng: np.random.Generator) -> Case:
    """Any permutation, or none given."""
    data = array(rng, shape(rng))
    axes = str(tuple(map(int, rng.permutation(data.ndim))))
    return Case("transpose", {"axes": axes} if rng.random() < 0.7 else {}, {"data": data})


def swap_axis(rng: np.random.Generator, op: str) -> Case:
    """Any two axes."""
    data = array(rng, shape(rng, 2))
    one, other = rng.permutation(data.ndim)[:2] - data.ndim * (rng.random(2) < 0.3)
    return Case(op, {"dim1": str(one), "dim2": str(other)}, {"data": data})


def expand_dims(rng: np.random.Generator) -> Case:
    """Any place."""
    data = array(rng, shape(rng))
    axis = int(rng.integers(-data.ndim - 1, data.ndim + 1))
    return Case("expand_dims", {"axis": str(axis)}, {"data": data})


def concat(rng: np.random.Generator, op: str) -> Case:
    """Inputs that differ in one size."""
    data = array(rng, shape(rng))
    axis = int(rng.integers(data.ndim))
    inputs = {"data": data}
    for number in range(int(rng.integers(0, 3))):
        sizes = list(data.shape)
        sizes[axis] = int(rng.integers(1, 4))
        inputs[f"other{number}"] = rng.standard_normal(sizes).astype(data.dtype)
    signed = axis - data.ndim * int(rng.random() < 0.3)
    return Case(op, {"dim": str(signed), "num_args": str(len(inputs))}, inputs)


def stack(rng: np.random.Generator) -> Case:
    """Any new axis."""
    data = array(rng, shape(rng))
    inputs = {"data": data}
    for number in range(int(rng.integers(0, 3))):
        inputs[f"other{number}"] = rng.standard_normal(data.shape).astype(data.dtype)
    axis = int(rng.integers(-data.ndim - 1, data.ndim + 1))
    return Case("stack", {"axis": str(axis), "num_args": str(len(inputs))}, inputs)


def slice_channel(rng: np.random.Generator, op: str) -> Case:
    """Equal parts along any axis."""
    data = array(rng, shape(rng))
    axis, count = int(rng.integers(data.ndim)), int(rng.integers(1, 4))
    squeeze = rng.random() < 0.3
    data = np.repeat(data.take([0], axis) if squeeze else data, count, axis)
    data = rng.standard_normal(data.shape).astype(data.dtype)
    signed = axis - data.ndim * int(rng.random() < 0.3)
    attributes = {"num_outputs": str(count), "axis": str(signed), "squeeze_axis": str(squeeze)}
    return Case(op, attributes, {"data": data}, outputs=count)


def slice_axis(rng: np.random.Generator) -> Case:
    """A part of one axis, counted from either end."""
    data = rng.standard_normal(rng.integers(2, 6, int(rng.integers(1, 5))))
    axis = int(rng.integers(data.ndim))
    size = data.shape[axis]
    low, high = sorted(map(int, rng.choice(size + 1, 2, replace=False)))
    end = (
        "None"
        if rng.random() < 0.3
        else str(high if rng.random() < 0.7 or high == size else high - size)
    )
    begin = low if rng.random() < 0.7 or low == 0 else low - size
    signed = axis - data.ndim * int(rng.random() < 0.3)
    attributes = {"axis": str(signed), "begin": str(begin), "end": end}
    return Case("slice_axis", attributes, {"data": data})


def slice_like(rng: np.random.Generator) -> Case:
    """To another's size, along some axes or all."""
    data = rng.standard_normal(rng.integers(2, 6, int(rng.integers(1, 5))))
    like = rng.standard_normal([int(rng.integers(1, n + 1)) for n in data.shape])
    axes = rng.permutation(data.ndim)[: rng.integers(1, data.ndim + 1)]
    axes = axes - data.ndim * (rng.random(len(axes)) < 0.3)
    attributes = {"axes": str(tuple(map(int, axes)))} if rng.random() < 0.6 else {}
    return Case("slice_like", attributes, {"data": data, "like": like})


def pad(rng: np.random.Generator, op: str) -> Case:
    """Each mode, in four or five dimensions."""
    rank = int(rng.integers(2, 4))
    data = array(rng, (2, 3, *rng.integers(3, 6, rank)))
    widths = (0, 0, 0, 0, *map(int, rng.integers(0, 3, 2 * rank)))
    attributes = {"mode": str(rng.choice(["constant", "edge", "reflect"]))}
    attributes["pad_width"] = str(widths)
    if rng.random() < 0.5:
        attributes["constant_value"] = str(np.round(rng.normal(), 2))
    return Case(op, attributes, {"data": data})


def tile(rng: np.random.Generator) -> Case:
    """More or fewer counts than axes; MXNet's results are not defined for more than three."""
    counts = rng.integers(1, 4, int(rng.integers(1, 5)))
    counts[rng.permutation(len(counts))[3:]] = 1
    return Case("tile", {"reps": tuples(counts)}, {"data": array(rng, shape(rng))})


GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    **{op: partial(flatten, op=op) for op in ("Flatten", "flatten")},
    **{op: partial(reshape, op=op) for op in ("Reshape", "reshape")},
    "transpose": transpose,
    **{op: partial(swap_axis, op=op) for op in ("SwapAxis", "swapaxes")},
    "expand_dims": expand_dims,
    **{op: partial(concat, op=op) for op in ("Concat", "concat")},
    "stack": stack,
    **{op: partial(slice_channel, op=op) for op in ("SliceChannel", "split")},
    "slice_axis": slice_axis,
    "slice_like": slice_like,
    **{op: partial(pad, op=op) for op in ("Pad", "pad")},
    "tile": tile,
}
