"""Activations, and normalisations without running statistics."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .. import random_arrays
from ..operator_case import Case
from .arithmetic import array, shape


def activation(rng: np.random.Generator) -> Case:
    """Any kind."""
    kind = str(rng.choice(["relu", "sigmoid", "tanh", "softrelu", "softsign"]))
    return Case("Activation", {"act_type": kind}, {"data": array(rng, shape(rng))})


def plain(rng: np.random.Generator, op: str) -> Case:
    """An operator without attributes."""
    return Case(op, {}, {"data": array(rng, shape(rng))})


def leaky_relu(rng: np.random.Generator) -> Case:
    """Any kind; the slopes of prelu are one or as many as channels."""
    kind = str(rng.choice(["leaky", "prelu", "elu", "selu", "gelu", "rrelu"]))
    data, attributes, arrays = array(rng, shape(rng, 2)), {"act_type": kind}, {}
    if rng.random() < 0.5:
        attributes["slope"] = str(np.round(rng.uniform(0, 2), 2))
    if kind == "rrelu" and rng.random() < 0.5:
        attributes |= {"lower_bound": "0.1", "upper_bound": "0.5"}
    if kind == "prelu":
        size = int(rng.choice([1, data.shape[1]]))
        arrays["gamma"] = rng.standard_normal(size).astype(data.dtype)
    return Case("LeakyReLU", attributes, {"data": data}, arrays)


def hard_sigmoid(rng: np.random.Generator) -> Case:
    """Any line."""
    numbers = {"alpha": str(np.round(rng.normal(), 2)), "beta": str(np.round(rng.normal(), 2))}
    attributes = numbers if rng.random() < 0.7 else {}
    return Case("hard_sigmoid", attributes, {"data": array(rng, shape(rng))})


def clip(rng: np.random.Generator) -> Case:
    """Any bounds, also infinite, of integers, too."""
    low, high = sorted(np.round(rng.normal(0, 2, 2), 2))
    attributes = {"a_min": str(low), "a_max": str(high)}
    for name, end in (("a_min", "-inf"), ("a_max", "inf")):
        if rng.random() < 0.2:
            attributes[name] = end
    data = random_arrays.array(rng, shape(rng), ("float32", "float64", "int8", "int32", "int64"))
    return Case("clip", attributes, {"data": data})


def softmax_activation(rng: np.random.Generator) -> Case:
    """Any mode."""
    mode = {"mode": str(rng.choice(["instance", "channel"]))}
    data = {"data": array(rng, shape(rng))}
    return Case("SoftmaxActivation", mode if rng.random() < 0.8 else {}, data)


def softmax_output(rng: np.random.Generator, op: str) -> Case:
    """Any flags."""
    data = array(rng, shape(rng, 2))
    flags = ("multi_output", "preserve_shape")
    attributes = {flag: str(rng.choice(["True", "False"])) for flag in flags if rng.random() < 0.6}
    sizes = data.shape[:1]
    if attributes.get("multi_output") == "True":
        sizes += data.shape[2:]
    elif attributes.get("preserve_shape") == "True":
        sizes = data.shape[:-1]
    return Case(op, attributes, {"data": data}, {"label": np.zeros(sizes, data.dtype)})


def regression(rng: np.random.Generator, op: str) -> Case:
    """A label of the data's shape."""
    data = array(rng, shape(rng))
    return Case(op, {}, {"data": data}, {"label": np.zeros_like(data)})


def l2_normalization(rng: np.random.Generator) -> Case:
    """Any mode."""
    attributes = {"mode": str(rng.choice(["instance", "channel", "spatial"]))}
    if rng.random() < 0.5:
        attributes["eps"] = str(rng.choice(["1e-10", "1e-3", "0.1"]))
    data = array(rng, shape(rng, 1 if attributes["mode"] == "instance" else 2))
    return Case("L2Normalization", attributes, {"data": data})


def local_response_norm(rng: np.random.Generator) -> Case:
    """Windows of any odd size."""
    attributes = {"nsize": str(rng.choice([1, 3, 5, 7])), "alpha": str(rng.choice([1e-4, 0.1]))}
    if rng.random() < 0.5:
        attributes |= {"beta": str(rng.choice([0.5, 0.75, 1.0])), "knorm": str(rng.choice([1, 2]))}
    sizes = tuple(map(int, rng.integers(1, 7, 4)))
    return Case("LRN", attributes, {"data": rng.normal(0, 2, sizes).astype(np.float32)})


GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    "Activation": activation,
    **{op: partial(plain, op=op) for op in ("relu", "sigmoid", "softsign")},
    "LeakyReLU": leaky_relu,
    "hard_sigmoid": hard_sigmoid,
    "clip": clip,
    "SoftmaxActivation": softmax_activation,
    **{op: partial(softmax_output, op=op) for op in ("SoftmaxOutput", "Softmax")},
    **{
        f"{kind}RegressionOutput": partial(regression, op=f"{kind}RegressionOutput")
        for kind in ("Linear", "MAE", "Logistic")
    },
    "L2Normalization": l2_normalization,
    "LRN": local_response_norm,
}
