"""Attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import fx

from ..construction.call import SAME, Call
from ..functions.attention_heads import (
    arange_like,
    attention_scores,
    attention_values,
    div_sqrt_dim,
    self_attention_scores,
    self_attention_values,
)
from .declaration import Declared

# by the name behind `_contrib_interleaved_matmul_`
INTERLEAVED: dict[str, Callable[..., Any]] = {
    "selfatt_qk": self_attention_scores,
    "selfatt_valatt": self_attention_values,
    "encdec_qk": attention_scores,
    "encdec_valatt": attention_values,
}


def _interleaved(name: str) -> Callable[[Call], fx.Node]:
    def attention(call: Call) -> fx.Node:
        heads = call.attributes.count("heads")
        values = [call.value(0)] if name == "selfatt_qk" else [call.value(0), call.value(1)]
        return call.function(INTERLEAVED[name], *values, heads, rank=3)

    return attention


def numbers(call: Call) -> fx.Node:
    """Numbers in the shape of a tensor, or in the length of one of its axes."""
    attributes = call.attributes
    axis = attributes.integer("axis") if attributes.has("axis") else None
    start, step = attributes.number("start", 0.0), attributes.number("step", 1.0)
    repeat = attributes.count("repeat", 1)
    rank = SAME if axis is None else 1
    return call.function(arange_like, call.value(0), start, step, repeat, axis, rank=rank)


OPERATORS = {
    **{f"_contrib_interleaved_matmul_{name}": _interleaved(name) for name in INTERLEAVED},
    "_contrib_div_sqrt_dim": Declared(div_sqrt_dim),
    "_contrib_arange_like": numbers,
}
