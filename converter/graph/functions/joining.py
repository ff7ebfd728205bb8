"""Joining, splitting, padding and searching of `mxnet.numpy`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .axes import split_v2


def at_least(*arys: Tensor, least: int) -> tuple[Tensor, ...]:
    """Inputs with no fewer than 1, 2 or 3 dimensions."""
    function: Any = {1: torch.atleast_1d, 2: torch.atleast_2d, 3: torch.atleast_3d}[least]
    return tuple(function(each) for each in arys)


def concatenate(*data: Tensor, axis: int | None) -> Tensor:
    """Concatenate along an axis, or the flattened inputs."""
    if axis is None:
        return torch.cat([each.reshape(-1) for each in data])
    return torch.cat(data, axis)


def stacked(*data: Tensor, name: str, axis: int) -> Tensor:
    """Join inputs along a new axis (`stack`), rows, columns or depth, as NumPy's functions do."""
    if name == "stack":
        return torch.stack(data, axis)
    result: Tensor = getattr(torch, name)(data)
    return result


def hsplit(
    data: Tensor, indices: Sequence[int], squeeze_axis: bool, sections: int
) -> tuple[Tensor, ...]:
    """Split along the second axis, or the only one, as `_split_v2` does."""
    return split_v2(data, indices, min(1, data.dim() - 1), squeeze_axis, sections)


def pad_axes(data: Tensor, pad_width: Sequence[int], mode: str, constant_value: float) -> Tensor:
    """Pad each axis at both ends, which `pad_width` has one after the other."""
    for axis, size in enumerate(data.shape):
        before, after = pad_width[2 * axis : 2 * axis + 2]
        places = torch.arange(-before, size + after, device=data.device)
        if mode == "constant":
            kept = (places >= 0) & (places < size)
            shape = [-1 if each == axis else 1 for each in range(data.dim())]
            chosen = data.index_select(axis, places.clamp(0, size - 1))
            data = torch.where(kept.reshape(shape), chosen, constant_value).to(data.dtype)
        elif mode in ("maximum", "minimum"):
            function = torch.amax if mode == "maximum" else torch.amin
            edge = function(data, axis, keepdim=True)
            parts = [edge.repeat_interleave(count, axis) for count in (before, after)]
            data = torch.cat([parts[0], data, parts[1]], axis)
        else:
            data = data.index_select(axis, _reflected(places, size, mode))
    return data


def _reflected(places: Tensor, size: int, mode: str) -> Tensor:
    """Positions beyond the ends as positions within, by the mode."""
    if mode == "edge" or size == 1:
        return places.clamp(0, size - 1)
    period = 2 * size if mode == "symmetric" else 2 * size - 2
    folded = places.remainder(period)
    last = period - 1 if mode == "symmetric" else period
    return torch.where(folded < size, folded, last - folded)


def diff(a: Tensor, n: int, axis: int) -> Tensor:
    """The n-th difference along an axis."""
    return torch.diff(a, n, axis)


def ediff1d(
    input1: Tensor,
    *ends: Tensor,
    to_begin_arr_given: bool,
    to_end_arr_given: bool,
    to_begin_scalar: float | None,
    to_end_scalar: float | None,
) -> Tensor:
    """Differences of the flattened input, between what is given for the begin and the end."""
    arrays, parts = list(ends), [torch.diff(input1.reshape(-1))]
    if to_begin_arr_given:
        parts.insert(0, arrays.pop(0).reshape(-1))
    elif to_begin_scalar is not None:
        parts.insert(0, input1.new_full((1,), to_begin_scalar))
    if to_end_arr_given:
        parts.append(arrays.pop(0).reshape(-1))
    elif to_end_scalar is not None:
        parts.append(input1.new_full((1,), to_end_scalar))
    return torch.cat(parts)


def nonzero(x: Tensor) -> Tensor:
    """The coordinates of values other than 0, one point in a row."""
    return torch.nonzero(x)


def unique(
    data: Tensor,
    return_index: bool,
    return_inverse: bool,
    return_counts: bool,
    axis: int | None,
) -> tuple[Tensor, ...]:
    """The sorted different values, or slices along an axis, and what is asked for besides."""
    values, inverse, counts = torch.unique(
        data, sorted=True, return_inverse=True, return_counts=True, dim=axis
    )
    inverse = inverse.reshape(-1)
    order = torch.argsort(inverse, stable=True)
    first = order[counts.cumsum(0) - counts]
    given = (return_index, first), (return_inverse, inverse), (return_counts, counts)
    return (values, *(each for asked, each in given if asked))
