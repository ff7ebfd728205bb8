"""Sorting, and the positions of the largest and smallest values.

Equal values keep their order. In MXNet 1.9.1 they do so among up to 16 values; among more, and
where `topk` takes only some, their order is not defined.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .selection import at_least_1d


def _sorted(data: Tensor, axis: int | None, ascending: bool) -> tuple[Tensor, Tensor]:
    """Sorted values and their indices, of the flattened input if there is no axis."""
    flat = data.reshape(-1) if axis is None else data
    dim = 0 if axis is None else axis
    values, indices = torch.sort(flat, dim=dim, descending=not ascending, stable=True)
    return values, indices


def sort(data: Tensor, axis: int | None, is_ascend: bool) -> Tensor:
    """Sorted values along an axis, or of the flattened input."""
    return _sorted(data, axis, is_ascend)[0]


def argsort(data: Tensor, axis: int | None, is_ascend: bool, dtype: torch.dtype) -> Tensor:
    """Indices in sorted order along an axis, or of the flattened input."""
    return _sorted(data, axis, is_ascend)[1].to(dtype)


def topk(
    data: Tensor, axis: int | None, k: int, ret_typ: str, is_ascend: bool, dtype: torch.dtype
) -> Any:
    """The first k in sorted order, all if k is less than 1.

    Returns:
        Their values, their indices, both, or a mask in which they are 1.
    """
    values, indices = _sorted(data, axis, is_ascend)
    dim = 0 if axis is None else axis
    count = values.shape[dim] if k < 1 else k
    values, indices = values.narrow(dim, 0, count), indices.narrow(dim, 0, count)
    if ret_typ == "mask":
        flat = torch.zeros_like(data.reshape(-1) if axis is None else data)
        return flat.scatter(dim, indices, 1).reshape(data.shape)
    found = {"value": values, "indices": indices.to(dtype)}
    return (values, found["indices"]) if ret_typ == "both" else found[ret_typ]


def argmax(data: Tensor, axis: int | None, keepdims: bool) -> Tensor:
    """The index of the first largest value along an axis, in the input's data type."""
    return _extreme(torch.argmax(data, axis, keepdim=keepdims), data)


def argmin(data: Tensor, axis: int | None, keepdims: bool) -> Tensor:
    """The index of the first smallest value along an axis, in the input's data type."""
    return _extreme(torch.argmin(data, axis, keepdim=keepdims), data)


def _extreme(index: Tensor, data: Tensor) -> Tensor:
    return at_least_1d(index).to(data.dtype)
