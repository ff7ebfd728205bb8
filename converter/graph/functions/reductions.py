"""Reductions along axes, and norms.

A reduction over all axes has shape (1,), since MXNet's shapes have no fewer than one dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .selection import at_least_1d

Axes = Sequence[int] | None


def chosen_axes(data: Tensor, axis: Axes, exclude: bool = False) -> tuple[int, ...]:
    """The axes to reduce, which are all if none are given."""
    given = {each % data.dim() for each in axis or range(data.dim())}
    if exclude and axis:
        return tuple(each for each in range(data.dim()) if each not in given)
    return tuple(sorted(given))


def reduce(data: Tensor, name: str, axis: Axes, keepdims: bool, exclude: bool) -> Tensor:
    """A function of REDUCTIONS along axes, in the data type of the input.

    `nansum` and `nanprod` leave out NaN.
    """
    axes = chosen_axes(data, axis, exclude)
    if name.startswith("nan") and data.is_floating_point():
        data = torch.where(data.isnan(), 0 if name == "nansum" else 1, data)
    return at_least_1d(REDUCTIONS[name](data, axes, keepdims)) if axes else data


def total(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """The sum along axes, in the data type of the input; integers wrap around."""
    if data.dtype == torch.bool:
        return data.any(axes, keepdims)
    return data.sum(axes, keepdims, dtype=data.dtype)


def average(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """The mean along axes.

    As in MXNet, that of integers is the sum in their data type divided by the count in it,
    truncated.
    """
    if data.is_floating_point():
        return data.mean(axes, keepdims)
    count = math.prod(data.shape[axis] for axis in axes)
    result = total(data, axes, keepdims)
    if data.dtype == torch.bool:
        return result
    divisor = torch.full((), count, dtype=torch.int64, device=data.device).to(data.dtype)
    return torch.div(result, divisor, rounding_mode="trunc")


def product(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """The product along axes, in the data type of the input."""
    for axis in sorted(axes, reverse=True):
        data = data.prod(axis, keepdims, dtype=data.dtype)
    return data


REDUCTIONS: dict[str, Callable[[Tensor, tuple[int, ...], bool], Tensor]] = {
    **dict.fromkeys(("sum", "nansum"), total),
    **dict.fromkeys(("prod", "nanprod"), product),
    "mean": average,
    "max": torch.amax,
    "min": torch.amin,
}


def norm(
    data: Tensor, ord: int, axis: Axes, keepdims: bool, out_dtype: torch.dtype | None
) -> Tensor:
    """The sum of absolute values (`ord` 1) or the root of the sum of squares (2) along axes."""
    axes = chosen_axes(data, axis)
    wide = data if data.is_floating_point() else data.double()
    if ord == 1:
        result = wide.abs().sum(axes, keepdims)
    else:
        result = torch.linalg.vector_norm(wide, 2, axes, keepdims)
    return at_least_1d(result).to(out_dtype or data.dtype)


def moments(data: Tensor, axes: Axes, keepdims: bool) -> tuple[Tensor, Tensor]:
    """Mean and variance along axes, without Bessel's correction."""
    dims = chosen_axes(data, axes)
    wide = data if data.is_floating_point() else data.double()
    mean = wide.mean(dims, True).to(data.dtype)
    variance = (wide - mean).square().mean(dims, keepdims).to(data.dtype)
    return at_least_1d(mean if keepdims else mean.squeeze(dims)), at_least_1d(variance)


def cumsum(a: Tensor, axis: int | None, dtype: torch.dtype | None) -> Tensor:
    """Sums up to each position along an axis, or in the flattened input."""
    kind = dtype or (torch.int64 if a.dtype == torch.bool else a.dtype)
    return a.reshape(-1).cumsum(0, dtype=kind) if axis is None else a.cumsum(axis, dtype=kind)


def softmin(
    data: Tensor, axis: int, temperature: float | None, dtype: torch.dtype | None
) -> Tensor:
    """Softmax of the negated input along an axis."""
    return torch.softmax(-data if temperature is None else -data / temperature, axis).to(
        dtype or data.dtype
    )


def softmax_cross_entropy(data: Tensor, label: Tensor) -> Tensor:
    """The sum over all rows of −log(softmax) of the label's column."""
    chosen = torch.log_softmax(data, -1).gather(1, label.long().reshape(-1, 1))
    return -chosen.sum().reshape(1)


def allclose(a: Tensor, b: Tensor, rtol: float, atol: float, equal_nan: bool) -> Tensor:
    """1 if all values are equal within rtol · |b| + atol, else 0, as uint8."""
    return torch.isclose(a, b, rtol, atol, equal_nan).all().to(torch.uint8)


def all_finite(*data: Tensor) -> Tensor:
    """1 if all values are finite, else 0, as a vector of one float32."""
    return torch.stack([each.isfinite().all() for each in data]).all().reshape(1).float()
