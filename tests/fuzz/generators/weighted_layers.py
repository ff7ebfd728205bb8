"""Layers with weights, and dropout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..operator_case import Case
from .arithmetic import array, shape


def tuples(values: np.ndarray) -> str:
    """Numbers as an attribute."""
    return str(tuple(map(int, values)))


def convolution(rng: np.random.Generator, op: str) -> Case:
    """Any kernel, stride, padding, dilation and number of groups, in one to three dimensions."""
    rank, groups = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    kernel, channels, filters = rng.integers(1, 4, rank), groups * 2, groups * 3
    attributes = {"kernel": tuples(kernel), "num_filter": str(filters), "num_group": str(groups)}
    attributes |= _spread(rng, rank)
    data = array(rng, (2, channels, *rng.integers(5, 9, rank)))
    arrays = {"weight": _weights(rng, (filters, 2, *kernel), data)}
    return _with_bias(op, attributes, data, arrays, filters, rng, "False")


def deconvolution(rng: np.random.Generator) -> Case:
    """As the convolutions, with adjusted outputs, or outputs of a given shape."""
    rank, groups = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    kernel, channels, filters = rng.integers(1, 5, rank), groups * 2, groups * 3
    attributes = {"kernel": tuples(kernel), "num_filter": str(filters), "num_group": str(groups)}
    attributes |= _spread(rng, rank)
    if rng.random() < 0.4:
        attributes["adj"] = tuples(rng.integers(0, 2, rank)) if rng.random() < 0.8 else "()"
    data = array(rng, (2, channels, *rng.integers(2, 6, rank)))
    if rng.random() < 0.3:
        attributes["target_shape"] = tuples(rng.integers(1, 12, rank))
    arrays = {"weight": _weights(rng, (channels, 3, *kernel), data)}
    return _with_bias("Deconvolution", attributes, data, arrays, filters, rng, "True")


def _spread(rng: np.random.Generator, rank: int) -> dict[str, str]:
    sizes = {"stride": (1, 4), "pad": (0, 3), "dilate": (1, 3)}
    return {
        name: tuples(rng.integers(*ends, rank))
        for name, ends in sizes.items()
        if rng.random() < 0.5
    }


def _weights(rng: np.random.Generator, sizes: tuple[int, ...], data: np.ndarray) -> np.ndarray:
    return rng.standard_normal(sizes).astype(data.dtype)


def _with_bias(
    op: str,
    attributes: dict[str, str],
    data: np.ndarray,
    arrays: dict[str, np.ndarray],
    units: int,
    rng: np.random.Generator,
    default: str,
) -> Case:
    no_bias = str(rng.choice(["True", "False", "None"]))
    if no_bias != "None":
        attributes["no_bias"] = no_bias
    if attributes.get("no_bias", default) == "False":
        arrays["bias"] = _weights(rng, (units,), data)
    return Case(op, attributes, {"data": data}, arrays)


def fully_connected(rng: np.random.Generator) -> Case:
    """Inputs of any rank, flattened or not."""
    data, units = array(rng, shape(rng)), int(rng.integers(1, 5))
    attributes = {"num_hidden": str(units)}
    features = int(np.prod(data.shape[1:])) if data.ndim > 1 else data.shape[0]
    if rng.random() < 0.5:
        attributes["flatten"] = str(rng.choice(["True", "False"]))
    if attributes.get("flatten") == "False":
        features = data.shape[-1]
    arrays = {"weight": _weights(rng, (units, features), data)}
    return _with_bias("FullyConnected", attributes, data, arrays, units, rng, "False")


def batch_norm(rng: np.random.Generator, op: str) -> Case:
    """Any rank, eps and flags, in inference."""
    kind = np.float32 if op == "_contrib_SyncBatchNorm" else None
    data = array(rng, shape(rng, 2))
    data = data if kind is None else data.astype(kind)
    attributes = {}
    for flag in ("fix_gamma", "use_global_stats"):
        if rng.random() < 0.5:
            attributes[flag] = str(rng.choice(["True", "False"]))
    if rng.random() < 0.5:
        attributes["eps"] = str(rng.choice(["1e-5", "0.001", "1e-3", "0.1"]))
    if op == "_contrib_SyncBatchNorm":
        attributes["key"] = "it"
    size = data.shape[1]
    arrays = {name: _weights(rng, (size,), data) for name in ("gamma", "beta", "mean")}
    arrays["var"] = rng.uniform(0.1, 2, size).astype(data.dtype)
    return Case(op, attributes, {"data": data}, arrays)


def batch_norm_with_relu(rng: np.random.Generator) -> Case:
    """What oneDNN computes: images in float32, with the statistics or without."""
    case = batch_norm(rng, "_contrib_BatchNormWithReLU")
    channels = case.arrays["gamma"].shape[0]
    data = rng.normal(0, 2, (int(rng.integers(1, 4)), channels, *rng.integers(1, 6, 2)))
    arrays = {name: each.astype(np.float32) for name, each in case.arrays.items()}
    attributes, outputs = dict(case.attributes), 1
    if rng.random() < 0.3:
        attributes["output_mean_var"], outputs = "True", 3
    return Case(case.op, attributes, {"data": data.astype(np.float32)}, arrays, outputs)


def dropout(rng: np.random.Generator) -> Case:
    """Any rate, in inference."""
    attributes = {"p": str(np.round(rng.uniform(0, 0.9), 2))} if rng.random() < 0.7 else {}
    if rng.random() < 0.3:
        attributes["axes"] = "(0,)"
    return Case("Dropout", attributes, {"data": array(rng, shape(rng))})


GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    **{op: partial(convolution, op=op) for op in ("Convolution", "Convolution_v1")},
    "Deconvolution": deconvolution,
    "FullyConnected": fully_connected,
    "_contrib_SyncBatchNorm": partial(batch_norm, op="_contrib_SyncBatchNorm"),
    "_contrib_BatchNormWithReLU": batch_norm_with_relu,
    "Dropout": dropout,
}
