"""Conversions between data types, and histograms."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor


def to_dtype(data: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert to a data type."""
    return data.to(dtype)


def dense(data: Tensor, stype: str) -> Tensor:
    """The input, which is dense."""
    return data


def amp_cast(data: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert floating point numbers; integers remain."""
    return data.to(dtype) if data.is_floating_point() else data


def amp_multicast(*data: Tensor, cast_narrow: bool) -> tuple[Tensor, ...]:
    """Convert all floating point inputs to the widest of their data types, or the narrowest."""
    kinds = [each.dtype for each in data if each.is_floating_point()]
    if cast_narrow:
        kind = min(kinds, key=lambda each: each.itemsize)
    else:
        kind = reduce(torch.promote_types, kinds)
    return tuple(amp_cast(each, kind) for each in data)


def histogram(
    data: Tensor,
    bins: Tensor | None,
    bin_cnt: int | None,
    range: tuple[float, ...],
) -> tuple[Tensor, Tensor]:
    """How many values are in each interval, as int64, and the intervals' edges.

    The last interval includes its upper edge.

    Args:
        data: Values.
        bins: Edges.
        bin_cnt: Number of equal intervals, instead of edges.
        range: Their lower and upper end.
    """
    if bins is None and bin_cnt is not None:
        low, high = range
        places = torch.arange(bin_cnt + 1, device=data.device, dtype=torch.float64)
        bins = (places * ((high - low) / bin_cnt) + low).to(data.dtype)
    assert bins is not None
    count, values = len(bins) - 1, data.reshape(-1).to(bins.dtype)
    place = torch.bucketize(values, bins, right=True) - 1
    place = torch.where(values == bins[-1], count - 1, place)
    inside = (place >= 0) & (place < count)
    counts = torch.zeros(count, dtype=torch.int64, device=data.device)
    return counts.index_add(0, place.clamp(0, count - 1), inside.long()), bins
