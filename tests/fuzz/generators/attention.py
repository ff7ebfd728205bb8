"""Attention, normalisations with parameters, and softmax of a start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..operator_case import Case

EPSILONS = ["1e-5", "1e-3", "0.1"]


def floating(rng: np.random.Generator) -> str:
    return str(rng.choice(["float32", "float64"]))


def interleaved(rng: np.random.Generator, op: str) -> Case:
    """Any number of heads; MXNet has float32 alone."""
    steps, others, batch, heads, size = (int(n) for n in rng.integers(1, 6, 5))
    is_self, is_scores = "selfatt" in op, op.endswith("_qk")
    others = steps if is_self else others
    projected = rng.standard_normal((others, batch, heads * size * (3 if is_self else 2)))
    data = {"projected": projected.astype(np.float32)}
    if is_scores and not is_self:
        queries = rng.standard_normal((steps, batch, heads * size)).astype(np.float32)
        data = {"queries": queries, **data}
    if not is_scores:
        weights = rng.standard_normal((batch * heads, steps, others))
        data["weights"] = weights.astype(np.float32)
    return Case(op, {"heads": str(heads)}, data)


def shaped(rng: np.random.Generator, least: int, most: int = 5) -> np.ndarray:
    sizes = rng.choice([1, 2, 3, 5], rng.integers(least, most + 1))
    return rng.standard_normal(sizes).astype(floating(rng))


def div_sqrt_dim(rng: np.random.Generator) -> Case:
    """Any shape."""
    return Case("_contrib_div_sqrt_dim", {}, {"data": shaped(rng, 1)})


def arange_like(rng: np.random.Generator) -> Case:
    """Whole tensors, and single axes."""
    data = shaped(rng, 1)
    attributes = {
        name: str(rng.choice(values))
        for name, values in (("start", ["0.3", "-2", "0"]), ("step", ["0.1", "2", "-1"]))
        if rng.random() < 0.6
    }
    if rng.random() < 0.3:
        attributes["repeat"] = str(rng.integers(1, 4))
    if rng.random() < 0.5:
        attributes["axis"] = str(int(rng.integers(-data.ndim, data.ndim)))
    return Case("_contrib_arange_like", attributes, {"data": data})


def softmax(rng: np.random.Generator, op: str) -> Case:
    """Any axis, temperature, data type of the result, and lengths."""
    data = shaped(rng, 1)
    axis = int(rng.integers(0, data.ndim))
    if op == "log_softmax" and data.shape[axis] == 1:
        # oneDNN's logarithm of 1 is up to 1.4e-6, and no difference from 0 is relative to that
        data = np.concatenate([data, data + 1], axis)
    attributes = {"axis": str(axis)}
    if rng.random() < 0.4:
        attributes["temperature"] = str(rng.choice(["0.3", "1.0", "7", "None"]))
    if rng.random() < 0.3:
        attributes["dtype"] = str(rng.choice(["float32", data.dtype.name]))
    given = {"data": data}
    if axis == data.ndim - 1 and rng.random() < 0.5:
        attributes["axis"] = "-1"
    if op == "softmax" and data.ndim > 1 and rng.random() < 0.5:
        attributes["use_length"] = "True"
        sizes = tuple(np.delete(data.shape, axis))
        kind = rng.choice(["int32", "int64"])
        given["length"] = rng.integers(0, data.shape[axis] + 1, sizes).astype(kind)
    return Case(op, attributes, given)


def scale_and_shift(rng: np.random.Generator, size: int, dtype: np.dtype) -> dict[str, np.ndarray]:
    return {name: rng.standard_normal(size).astype(dtype) for name in ("gamma", "beta")}


def layer_norm(rng: np.random.Generator) -> Case:
    """Any axis; with and without mean and deviation."""
    data = shaped(rng, 1)
    axis = int(rng.integers(-data.ndim, data.ndim))
    attributes = {"axis": str(axis), "eps": str(rng.choice(EPSILONS))}
    statistics = bool(rng.random() < 0.3)
    attributes["output_mean_var"] = str(statistics)
    arrays = scale_and_shift(rng, data.shape[axis], data.dtype)
    return Case("LayerNorm", attributes, {"data": data}, arrays, 3 if statistics else 1)


def group_norm(rng: np.random.Generator) -> Case:
    """Any number of groups; with and without mean and deviation."""
    groups, each = (int(n) for n in rng.integers(1, 4, 2))
    rest = rng.integers(1, 4, rng.integers(1, 4))
    data = rng.standard_normal((2, groups * each, *rest)).astype(floating(rng))
    attributes = {"eps": str(rng.choice(EPSILONS))}
    if groups > 1 or rng.random() < 0.5:
        attributes["num_groups"] = str(groups)
    statistics = bool(rng.random() < 0.3)
    attributes["output_mean_var"] = str(statistics)
    arrays = scale_and_shift(rng, groups, data.dtype)
    return Case("GroupNorm", attributes, {"data": data}, arrays, 3 if statistics else 1)


def batch_norm(rng: np.random.Generator, op: str) -> Case:
    """Any axis; fixed and free gammas; with and without mean and deviation."""
    data = shaped(rng, 2)
    if op == "BatchNorm_v1":  # MXNet has it for images in float32 alone
        data = rng.standard_normal(rng.integers(1, 5, 4)).astype(np.float32)
    axis = int(rng.integers(-data.ndim, data.ndim)) if op == "BatchNorm" else 1
    attributes = {"eps": str(rng.choice(EPSILONS))} if rng.random() < 0.7 else {}
    if axis != 1:
        attributes["axis"] = str(axis)
    for flag in ("fix_gamma", "use_global_stats"):
        if rng.random() < 0.5:
            attributes[flag] = str(bool(rng.random() < 0.5))
    statistics = bool(rng.random() < 0.3) and op == "BatchNorm"
    attributes["output_mean_var"] = str(statistics)
    size = data.shape[axis]
    arrays = scale_and_shift(rng, size, data.dtype)
    arrays["mean"] = rng.standard_normal(size).astype(data.dtype)
    arrays["var"] = (0.5 + rng.random(size)).astype(data.dtype)
    return Case(op, attributes, {"data": data}, arrays, 3 if statistics else 1)


def instance_norm(rng: np.random.Generator) -> Case:
    """At least one axis of positions; MXNet has float32 alone."""
    data = rng.standard_normal(rng.integers(1, 6, rng.integers(3, 6))).astype(np.float32)
    arrays = scale_and_shift(rng, data.shape[1], data.dtype)
    return Case("InstanceNorm", {"eps": str(rng.choice(EPSILONS))}, {"data": data}, arrays)


INTERLEAVED = ("selfatt_qk", "selfatt_valatt", "encdec_qk", "encdec_valatt")
GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    **{
        op: partial(interleaved, op=op)
        for op in (f"_contrib_interleaved_matmul_{part}" for part in INTERLEAVED)
    },
    "_contrib_div_sqrt_dim": div_sqrt_dim,
    "_contrib_arange_like": arange_like,
    **{op: partial(softmax, op=op) for op in ("softmax", "log_softmax")},
    "LayerNorm": layer_norm,
    "GroupNorm": group_norm,
    "BatchNorm": partial(batch_norm, op="BatchNorm"),
    "BatchNorm_v1": partial(batch_norm, op="BatchNorm_v1"),
    "InstanceNorm": instance_norm,
}
