"""Activations and normalisations without statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from ..call import Call
from ..modules import L2Normalization

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softrelu": nn.Softplus,
    "softsign": nn.Softsign,
}


def activation(call: Call) -> fx.Node:
    """One of five kinds."""
    kind = call.attributes.choice("act_type", None, list(ACTIVATIONS))
    return call.module(ACTIVATIONS[kind](), call.value(0))


def _plain(kind: str) -> Callable[[Call], fx.Node]:
    def operator(call: Call) -> fx.Node:
        return call.module(ACTIVATIONS[kind](), call.value(0))

    return operator


def leaky_relu(call: Call) -> fx.Node:
    """Six kinds of ReLU with a slope; MXNet stores the slopes as float32."""
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
    """The bounds are float32."""
    low, high = call.attributes.single("a_min"), call.attributes.single("a_max")
    return call.function(torch.clamp, call.value(0), low, high)


def softmax(call: Call) -> fx.Node:
    """Along an axis, the last where none is given."""
    return _softmax(call, nn.Softmax)


def log_softmax(call: Call) -> fx.Node:
    """Its logarithm."""
    return _softmax(call, nn.LogSoftmax)


def _softmax(call: Call, kind: Any) -> fx.Node:
    if call.attributes.flag("use_length", False):
        raise call.attributes.unsupported("use_length")
    if call.attributes.number("temperature", 1.0) != 1.0:
        raise call.attributes.unsupported("temperature")
    return call.module(kind(call.attributes.integer("axis", -1)), call.value(0))


def softmax_activation(call: Call) -> fx.Node:
    """Over channels, or over all of an image."""
    if call.attributes.choice("mode", "instance", ["instance", "channel"]) == "instance":
        _refuse_maps(call)
    return call.module(nn.Softmax(1), call.value(0))


def softmax_output(call: Call) -> fx.Node:
    """The head of a Module's classifier: softmax. The label counts in training alone."""
    call.ignore(1)
    if call.attributes.flag("preserve_shape", False):
        return call.module(nn.Softmax(-1), call.value(0))
    if not call.attributes.flag("multi_output", False):
        _refuse_maps(call)
    return call.module(nn.Softmax(1), call.value(0))


def _refuse_maps(call: Call) -> None:
    """Of more than (N, C), MXNet takes the softmax of all of an image, or of the last axis alone.

    Measured on 1.9.1: it depends on the dtype and on whether oneDNN is at hand.
    """
    if call.rank() not in (2, None):
        raise call.error("of more than two dimensions, MXNet's own results differ by device")


def regression_output(call: Call) -> fx.Node:
    """The head of a Module's regression: what comes in."""
    call.ignore(1)
    return call.module(nn.Identity(), call.value(0))


def logistic_output(call: Call) -> fx.Node:
    """The head of a Module's logistic regression."""
    call.ignore(1)
    return call.module(nn.Sigmoid(), call.value(0))


def l2_normalization(call: Call) -> fx.Node:
    """By the root of the sum of squares, plus an eps of 1e-10 where left out."""
    mode = call.attributes.choice("mode", "instance", ["instance", "channel", "spatial"])
    return call.module(L2Normalization(mode, call.attributes.single("eps", 1e-10)), call.value(0))


def local_response_norm(call: Call) -> fx.Node:
    """AlexNet's; alpha is shared out over the window by both libraries."""
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
    "Softmax": softmax_output,
    "LinearRegressionOutput": regression_output,
    "MAERegressionOutput": regression_output,
    "LogisticRegressionOutput": logistic_output,
    "L2Normalization": l2_normalization,
    "LRN": local_response_norm,
}
