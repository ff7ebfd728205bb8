"""Functions for MXNet's operators of attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def self_attention_scores(projected: Tensor, heads: int) -> Tensor:
    """Scaled products of queries and keys.

    Args:
        projected: (T, N, heads · 3 · D): for each head, queries, keys and values.

    Returns:
        (N · heads, T, T).
    """
    queries, keys, _ = _parts(projected, heads, 3)
    return _scores(queries, keys)


def self_attention_values(projected: Tensor, weights: Tensor, heads: int) -> Tensor:
    """Values weighted by attention: (N · heads, T, T) to (T, N, heads · D)."""
    return _weighted(weights, _parts(projected, heads, 3)[2], heads)


def attention_scores(queries: Tensor, keys_values: Tensor, heads: int) -> Tensor:
    """Scaled products of the queries and keys of two sequences.

    Args:
        queries: (T, N, heads · D).
        keys_values: (S, N, heads · 2 · D): for each head, keys and values.

    Returns:
        (N · heads, T, S).
    """
    return _scores(_parts(queries, heads, 1)[0], _parts(keys_values, heads, 2)[0])


def attention_values(keys_values: Tensor, weights: Tensor, heads: int) -> Tensor:
    """Values of another sequence weighted by attention: (N · heads, T, S) to (T, N, heads · D)."""
    return _weighted(weights, _parts(keys_values, heads, 2)[1], heads)


def _parts(projected: Tensor, heads: int, count: int) -> list[Tensor]:
    """Split (T, N, heads · count · D) into `count` tensors (N · heads, T, D)."""
    steps, batch, features = projected.shape
    size = features // (heads * count)
    parts = projected.reshape(steps, batch * heads, count, size).unbind(2)
    return [part.transpose(0, 1) for part in parts]


def _scores(queries: Tensor, keys: Tensor) -> Tensor:
    return (queries / math.sqrt(queries.shape[-1])) @ keys.transpose(1, 2)


def _weighted(weights: Tensor, values: Tensor, heads: int) -> Tensor:
    result = (weights @ values).transpose(0, 1)  # (T, N · heads, D)
    return result.reshape(result.shape[0], -1, heads * values.shape[-1])


def div_sqrt_dim(input: Tensor) -> Tensor:
    """Division by the root of the length of the last axis."""
    return input / math.sqrt(input.shape[-1])


def arange_like(input: Tensor, start: float, step: float, repeat: int, axis: int | None) -> Tensor:
    """Numbers from `start` in steps of `step`, each `repeat` times.

    Their shape is that of the input, or one-dimensional with the length of `axis`. Measured on
    MXNet 1.9.1: in float16, it drops the fractions of `start` and `step`.
    """
    if input.dtype == torch.float16:
        start, step = math.trunc(start), math.trunc(step)
    shape = input.shape if axis is None else input.shape[axis : axis + 1 or None]
    places = torch.arange(math.prod(shape), device=input.device) // repeat
    return (start + step * places.to(torch.float64)).to(input.dtype).reshape(shape)


def partial_softmax(
    input: Tensor,
    lengths: Tensor | None,
    axis: int,
    temperature: float,
    dtype: torch.dtype | None,
) -> Tensor:
    """Softmax along an axis, of which only the start counts where lengths are given.

    Args:
        lengths: Lengths of the start, in the shape of the input without the axis; the rest of the
            result is 0.
        temperature: Divides the input.
        dtype: Data type of the result; None for the input's.
    """
    input = input if temperature == 1.0 else input / temperature
    if lengths is not None:
        places = torch.arange(input.shape[axis], device=input.device)
        places = places.reshape([-1] + [1] * (input.dim() - axis % input.dim() - 1))
        rest = places >= lengths.unsqueeze(axis)
        input = input.masked_fill(rest, torch.finfo(input.dtype).min)
    result = input.softmax(axis)
    if lengths is not None:
        result = result.masked_fill(rest, 0.0)
    return result if dtype is None else result.to(dtype)
