"""Activations, and normalisations without running statistics."""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
from torch import fx, nn

from ..construction.call import Call
from ..functions.attention_heads import partial_softmax
from ..functions.elementwise import clipped
from ..layers.norms import L2Normalization

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softrelu": nn.Softplus,
    "softsign": nn.Softsign,
}


def activation(call: Call) -> fx.Node:
    """The activation that `act_type` names."""
    kind = call.attributes.choice("act_type", None, list(ACTIVATIONS))
    return call.module(ACTIVATIONS[kind](), call.value(0))


def _plain(kind: str) -> Callable[[Call], fx.Node]:
    def operator(call: Call) -> fx.Node:
        return call.module(ACTIVATIONS[kind](), call.value(0))

    return operator


def leaky_relu(call: Call) -> fx.Node:
    """The six variants of LeakyReLU; MXNet stores the slopes as float32."""
    attributes = call.attributes
    kinds = ["leaky", "prelu", "elu", "selu", "gelu", "rrelu"]
    kind = attributes.choice("act_type", "leaky", kinds)
    slope = attributes.single("slope", 0.25)
    if kind == "prelu":
        with torch.device("meta"):
            prelu = nn.PReLU(call.array(1).numel())
        return call.module(call.fill(prelu, weight=1), call.value(0))
    layer: nn.Module
    if kind == "rrelu":
        lower, upper = (
            attributes.single("lower_bound", 0.125),
            attributes.single("upper_bound", 0.334),
        )
        layer = nn.RReLU(lower, upper)
    elif kind == "leaky":
        layer = nn.LeakyReLU(slope)
    elif kind == "elu":
        layer = nn.ELU(slope)
    else:
        layer = nn.SELU() if kind == "selu" else nn.GELU()
    return call.module(layer, call.value(0))


def hard_sigmoid(call: Call) -> fx.Node:
    """max(0, min(1, alpha · x + beta))"""
    alpha, beta = call.attributes.single("alpha", 0.2), call.attributes.single("beta", 0.5)
    scaled = call.function(torch.mul, call.value(0), alpha)
    return call.function(torch.clamp, call.function(torch.add, scaled, beta), 0.0, 1.0)


def clip(call: Call) -> fx.Node:
    """Clip to bounds, which MXNet stores as float32; an infinite one is none.

    Whole bounds are integers here, so that torch keeps the data type of integers, as MXNet does.
    """
    bounds: list[float | None] = []
    for name in ("a_min", "a_max"):
        bound = None if call.attributes.is_infinite(name) else call.attributes.single(name)
        if bound is not None and bound.is_integer() and abs(bound) < 2**31:
            bound = int(bound)
        bounds.append(bound)
    if bounds == [None, None]:
        return call.module(nn.Identity(), call.value(0))
    whole = not any(isinstance(bound, float) for bound in bounds)
    return call.function(torch.clamp if whole else clipped, call.value(0), *bounds)


def softmax(call: Call) -> fx.Node:
    """Softmax along `axis`, by default the last; with `use_length`, over the start of it."""
    attributes = call.attributes
    axis, dtype = attributes.integer("axis", -1), _dtype(call)
    temperature = _temperature(call)
    if attributes.flag("use_length", False):
        return call.function(
            partial_softmax, call.value(0), call.value(1), axis, temperature, dtype
        )
    if dtype is None and temperature == 1.0:
        return call.module(nn.Softmax(axis), call.value(0))
    return call.function(partial_softmax, call.value(0), None, axis, temperature, dtype)


def log_softmax(call: Call) -> fx.Node:
    """Logarithm of softmax along `axis`, by default the last."""
    value, temperature, dtype = call.value(0), _temperature(call), _dtype(call)
    if call.attributes.flag("use_length", False):
        raise call.attributes.unsupported("use_length")
    if temperature != 1.0:
        value = call.function(operator.truediv, value, temperature, suffix="_scaled")
    result = call.module(nn.LogSoftmax(call.attributes.integer("axis", -1)), value)
    if dtype is None:
        return result
    return call.function(torch.Tensor.to, result, dtype, suffix="_cast")


def _temperature(call: Call) -> float:
    temperature = call.attributes.number("temperature", 1.0)
    if not temperature:
        raise call.attributes.unsupported("temperature")
    return temperature


def _dtype(call: Call) -> torch.dtype | None:
    """The data type of the result; None for the input's."""
    if not call.attributes.has("dtype"):
        return None
    name = call.attributes.choice("dtype", None, ["float16", "float32", "float64"])
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def softmax_activation(call: Call) -> fx.Node:
    """Softmax over the channels, or over all values of an image.

    Of images with more than one dimension, MXNet 1.9.1 computes the latter over the last axis on
    the CPU, so these are refused.
    """
    mode = call.attributes.choice("mode", "instance", ["instance", "channel"])
    if mode == "instance" and call.known_rank() > 2:
        raise call.error("MXNet's results for more than two dimensions differ by device")
    return call.module(nn.Softmax(-1 if mode == "instance" else 1), call.value(0))


def softmax_output(call: Call) -> fx.Node:
    """Output layer of a Module's classifier: softmax. Only training uses the label.

    It is over the channels (`multi_output`), the last axis (`preserve_shape`) or all values of an
    image. Of 4-D inputs, MXNet 1.9.1 computes the latter over the last axis in float32, so these
    are refused.
    """
    call.ignore(1)
    preserve, multiple = (
        call.attributes.flag(name, False) for name in ("preserve_shape", "multi_output")
    )
    if multiple or preserve:
        return call.module(nn.Softmax(1 if multiple else -1), call.value(0))
    rank = call.known_rank()
    if rank == 4:
        raise call.error("MXNet's results for four dimensions differ by dtype")
    if rank == 2:
        return call.module(nn.Softmax(1), call.value(0))
    flat = call.function(torch.flatten, call.value(0), 1, rank=2, suffix="_flatten")
    result = call.module(nn.Softmax(1), flat)
    return call.function(torch.Tensor.reshape_as, result, call.value(0), rank=rank)


def regression_output(call: Call) -> fx.Node:
    """Output layer of a Module's regression or SVM: the identity. Only training uses the label."""
    call.ignore(1)
    return call.module(nn.Identity(), call.value(0))


def logistic_output(call: Call) -> fx.Node:
    """Output layer of a Module's logistic regression: sigmoid. Only training uses the label."""
    call.ignore(1)
    return call.module(nn.Sigmoid(), call.value(0))


def l2_normalization(call: Call) -> fx.Node:
    """Division by the root of the sum of squares plus eps, by default 1e-10."""
    mode = call.attributes.choice("mode", "instance", ["instance", "channel", "spatial"])
    return call.module(L2Normalization(mode, call.attributes.single("eps", 1e-10)), call.value(0))


def local_response_norm(call: Call) -> fx.Node:
    """AlexNet's local response normalisation; both libraries divide alpha by the window size."""
    attributes = call.attributes
    layer = nn.LocalResponseNorm(
        attributes.count("nsize"),
        attributes.single("alpha", 1e-4),
        attributes.single("beta", 0.75),
        attributes.single("knorm", 2.0),
    )
    return call.module(layer, call.value(0))


OPERATORS = {
    "Activation": activation,
    **{kind: _plain(kind) for kind in ("relu", "sigmoid", "tanh", "softsign")},
    "LeakyReLU": leaky_relu,
    "hard_sigmoid": hard_sigmoid,
    "clip": clip,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "SoftmaxActivation": softmax_activation,
    "SoftmaxOutput": softmax_output,
    **dict.fromkeys(
        ("LinearRegressionOutput", "MAERegressionOutput", "SVMOutput"), regression_output
    ),
    "LogisticRegressionOutput": logistic_output,
    "L2Normalization": l2_normalization,
    "LRN": local_response_norm,
}
