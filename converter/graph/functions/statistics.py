"""Reductions of `mxnet.numpy`, whose results can have no dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .elementwise import divide
from .reductions import average, product

Axes = Sequence[int] | None


def _dims(a: Tensor, axis: Axes) -> tuple[int, ...]:
    return tuple(range(a.dim())) if axis is None else tuple(each % a.dim() for each in axis)


def _accumulated(a: Tensor, dtype: torch.dtype | None) -> torch.dtype:
    """The data type of a sum, by default that of the input; truth values are counted."""
    return dtype or (torch.int64 if a.dtype == torch.bool else a.dtype)


def numpy_total(
    a: Tensor, name: str, axis: Axes, dtype: torch.dtype | None, keepdims: bool
) -> Tensor:
    """The `sum` or `prod` along axes; that of integers wraps around in MXNet's accumulator."""
    dims, kind = _dims(a, axis), _accumulated(a, dtype)
    if a.is_floating_point():
        wide = torch.promote_types(a.dtype, kind if kind.is_floating_point else torch.float64)
    else:
        wide = torch.int32 if a.dtype == torch.int8 else torch.int64
    result = a.to(wide)
    if dims and name == "sum":
        result = result.sum(dims, keepdims, dtype=wide)
    elif dims:
        result = product(result, dims, keepdims)
    if dims and a.dtype == torch.uint8:
        result = result & 0xFFFFFFFF  # MXNet's is uint32
    return result.to(kind)


def extremum(a: Tensor, name: str, axis: Axes, keepdims: bool) -> Tensor:
    """The `max` or `min` along axes."""
    dims = _dims(a, axis)
    if not dims:
        return a
    return a.amax(dims, keepdims) if name == "max" else a.amin(dims, keepdims)


def truth(data: Tensor, name: str, axis: Axes, keepdims: bool) -> Tensor:
    """Whether `all` or `any` values along axes are not 0."""
    values, dims = data != 0, _dims(data, axis)
    if not dims:
        return values
    return values.all(dims, keepdims) if name == "all" else values.any(dims, keepdims)


def mean(a: Tensor, axis: Axes, dtype: torch.dtype | None, keepdims: bool) -> Tensor:
    """The mean along axes; that of integers is float32."""
    kind = dtype or (a.dtype if a.is_floating_point() else torch.float32)
    wide = torch.promote_types(a.dtype, kind)
    wide = wide if wide.is_floating_point else torch.float64
    dims = _dims(a, axis)
    return (a.to(wide).mean(dims, keepdims) if dims else a.to(wide)).to(kind)


def variance(
    a: Tensor, name: str, axis: Axes, dtype: torch.dtype | None, ddof: int, keepdims: bool
) -> Tensor:
    """The variance `var` along axes, or its root `std`, with `ddof` subtracted from the count."""
    wide, dims = (a if a.is_floating_point() else a.double()), _dims(a, axis)
    if not dims:
        return torch.zeros_like(wide).to(dtype or a.dtype)
    result = wide.var(dims, correction=ddof, keepdim=keepdims)
    return (result.sqrt() if name == "std" else result).to(dtype or a.dtype)


def weighted_average(a: Tensor, weights: Tensor | None, axis: Axes) -> tuple[Tensor, Tensor]:
    """The weighted mean along axes, and the sum of the weights; means of integers are truncated."""
    dims = _dims(a, axis)
    if weights is None:
        mean = average(a, dims, False) if dims else a
        return mean, mean.new_full((), a.numel() // max(mean.numel(), 1))
    if weights.shape == a.shape:
        sums = weights.sum(dims, dtype=a.dtype)
    else:
        sums = weights.sum(dtype=a.dtype)
        weights = weights.reshape(*(-1 if each == dims[0] else 1 for each in range(a.dim())))
    return divide((a * weights).sum(dims, dtype=a.dtype), sums), sums


def index_of(data: Tensor, name: str, axis: int | None, keepdims: bool) -> Tensor:
    """The index, as int64, of the first largest (`argmax`) or smallest value (`argmin`)."""
    function = torch.argmax if name == "argmax" else torch.argmin
    return function(data, axis, keepdim=keepdims)


def trace(data: Tensor, offset: int, axis1: int, axis2: int) -> Tensor:
    """The sum of a diagonal of two axes."""
    return data.diagonal(offset, axis1, axis2).sum(-1, dtype=data.dtype)


def percentile(
    a: Tensor,
    q: Tensor | None,
    axis: Axes,
    interpolation: str,
    keepdims: bool,
    q_scalar: float | None,
) -> Tensor:
    """Percentiles along axes; the ones that are asked for are the first axis.

    Those of float16 are float32, with weights in float16.
    """
    wide, dims = (a if a.dtype in (torch.float32, torch.float64) else a.float()), _dims(a, axis)
    if q is None:
        q = torch.tensor(q_scalar, dtype=torch.float64, device=a.device)
    rest = [each for each in range(a.dim()) if each not in dims]
    flat = wide.permute(*rest, *dims).reshape(*(a.shape[each] for each in rest), -1)
    ordered = flat.sort(-1).values.movedim(-1, 0)
    place = (q * (len(ordered) - 1) / 100).float()  # as in MXNet
    kind = a.dtype if a.is_floating_point() else torch.float32
    result = _between(ordered, place.reshape(-1), interpolation, kind)
    result = result.reshape((*q.shape, *result.shape[1:]))
    if keepdims:
        for each in sorted(dims):
            result = result.unsqueeze(each + q.dim())
    return result


def _between(ordered: Tensor, place: Tensor, interpolation: str, dtype: torch.dtype) -> Tensor:
    """Values along the first axis at places between integers; `dtype` is that of the weights."""
    low, high = place.floor().long(), place.ceil().long()
    if interpolation == "nearest":
        low = high = (place + 0.5).floor().long()
    one, other = ordered[high if interpolation == "higher" else low], ordered[high]
    if interpolation in ("lower", "higher", "nearest"):
        return one
    weight = torch.full_like(place, 0.5) if interpolation == "midpoint" else place - low
    weight = torch.where(low == high, 0, weight).reshape(-1, *(1,) * (ordered.dim() - 1))
    return one * (1 - weight).to(dtype) + other * weight.to(dtype)


def bincount(data: Tensor, weights: Tensor | None, minlength: int) -> Tensor:
    """How often each number occurs, or the sum of its weights."""
    counts = torch.bincount(data.long(), weights, minlength)
    return counts.to(data.dtype if weights is None else weights.dtype)


def constraint_check(input: Tensor, msg: str) -> Tensor:
    """Whether a condition holds everywhere.

    Raises:
        ValueError: If it does not.
    """
    held = input.all()
    if not torch.compiler.is_compiling() and not held:
        raise ValueError(msg)
    return held
