"""Layers that only training changes."""

from __future__ import annotations

from torch import fx, nn

from ..construction.call import Call
from ..layers.shared_dropout import SharedDropout


def dropout(call: Call) -> fx.Node:
    """Dropout, the identity in eval mode; with `mode=always`, it drops values there, too.

    With `axes`, values are dropped or kept together along these axes.
    """
    attributes = call.attributes
    always = attributes.choice("mode", "training", ["training", "always"]) == "always"
    axes, rate = attributes.integers("axes", ()), attributes.number("p", 0.5)
    if not 0 <= rate <= 1:
        raise attributes.unsupported("p")
    if not all(-32 < axis < 32 for axis in axes):
        raise attributes.unsupported("axes")
    layer = SharedDropout(rate, axes, always) if axes or always else nn.Dropout(rate)
    return call.module(layer, call.value(0))


def sparse_regularization(call: Call) -> fx.Node:
    """The identity; in training, MXNet adds a penalty to its gradient, which torch's has not."""
    call.ignore(1)
    return call.module(nn.Identity(), call.value(0))


OPERATORS = {
    "Dropout": dropout,
    "IdentityAttachKLSparseReg": sparse_regularization,
}
