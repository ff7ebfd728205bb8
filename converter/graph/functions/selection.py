"""Selection and replacement of values by index or mask."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .elementwise import filled

Ends = Sequence[int | None]


def positions(indices: Tensor, size: int, mode: str) -> Tensor:
    """Indices as integers, which the mode `clip` or `wrap` brings into range."""
    whole = indices.long()
    if mode == "clip":
        return whole.clamp(0, size - 1)
    return whole.remainder(size) if mode == "wrap" else whole


def take(a: Tensor, indices: Tensor, axis: int, mode: str) -> Tensor:
    """Slices along an axis, which the axes of the indices replace."""
    axis %= a.dim()
    index = positions(indices, a.shape[axis], mode)
    chosen = a.index_select(axis, index.reshape(-1))
    return chosen.reshape(*a.shape[:axis], *index.shape, *a.shape[axis + 1 :])


def pick(data: Tensor, index: Tensor, axis: int, keepdims: bool, mode: str) -> Tensor:
    """One value along an axis for each index; of a vector, a vector even with NumPy's shapes."""
    place = positions(index, data.shape[axis], mode)
    if place.dim() < data.dim():
        place = place.unsqueeze(axis)
    # an index of a single value has one dimension more than its data without the axis
    sizes = list(data.shape)
    sizes[axis] = 1
    picked = data.gather(axis, place.reshape(sizes))
    return picked if keepdims else at_least_1d(picked.squeeze(axis))


def at_least_1d(x: Tensor) -> Tensor:
    """A single value as a vector: MXNet's shapes have no fewer than one dimension."""
    return x.reshape(1) if x.dim() == 0 else x


def shaped(x: Tensor, numpy_shapes: bool) -> Tensor:
    """A single value as a vector, unless the graph has NumPy's shapes."""
    return x if numpy_shapes else at_least_1d(x)


def batch_take(a: Tensor, indices: Tensor) -> Tensor:
    """One value of each row."""
    index = positions(indices, a.shape[1], "clip")
    return a.gather(1, index.reshape(-1, 1)).reshape(index.shape)


def gather_nd(data: Tensor, indices: Tensor) -> Tensor:
    """Slices at points, whose coordinates stand along the first axis of the indices."""
    return data[tuple(indices.long().unbind(0))]


def scatter_nd(data: Tensor, indices: Tensor, shape: Sequence[int]) -> Tensor:
    """Zeros with slices at points, whose coordinates are as in `gather_nd`."""
    count, slices = indices.shape[0], tuple(shape[indices.shape[0] :])
    place = ravel_multi_index(indices.long(), shape[:count]).reshape(-1)
    flat = data.new_zeros(math.prod(shape[:count]), *slices)
    return flat.index_put((place,), data.reshape(-1, *slices)).reshape(tuple(shape))


def ravel_multi_index(data: Tensor, shape: Sequence[int]) -> Tensor:
    """Positions in a flattened tensor of points, whose coordinates stand along the first axis."""
    place = data[0].long()
    for coordinate, size in zip(data[1:], shape[1:], strict=True):
        place = place * size + coordinate.long()
    return place.to(data.dtype)


def unravel_index(data: Tensor, shape: Sequence[int]) -> Tensor:
    """Coordinates, along a new first axis, of positions in a flattened tensor."""
    place, coordinates = data.long(), []
    for size in reversed(shape[1:]):
        whole = torch.div(place, size, rounding_mode="trunc")
        coordinates.append(place - whole * size)
        place = whole
    return torch.stack([place, *reversed(coordinates)]).to(data.dtype)


def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Values of x where the condition is not 0, else of y; a 1-D condition chooses rows."""
    if condition.dim() == 1:
        condition = condition.reshape(-1, *(1,) * (x.dim() - 1))
    return torch.where(condition != 0, x, y)


def one_hot(
    indices: Tensor, depth: int, on_value: float, off_value: float, dtype: torch.dtype
) -> Tensor:
    """A new last axis with the one value at the index and the other elsewhere."""
    places = torch.arange(depth, device=indices.device)
    chosen = indices.long().unsqueeze(-1) == places
    on, off = (filled(indices, (), value, dtype) for value in (on_value, off_value))
    return torch.where(chosen, on, off)


def boolean_mask(data: Tensor, index: Tensor, axis: int) -> Tensor:
    """The slices along an axis whose mask is not 0; how many there are depends on the values."""
    return data.movedim(axis, 0)[index != 0].movedim(0, axis)


def index_copy(old_tensor: Tensor, index_vector: Tensor, new_tensor: Tensor) -> Tensor:
    """The first tensor with the rows of the last at the given indices."""
    return old_tensor.index_copy(0, index_vector.long(), new_tensor)


def first(lhs: Tensor, rhs: Tensor) -> Tensor:
    """The first input."""
    return lhs


def first_boxes(boxes: Tensor, axis: int, count: int) -> Tensor:
    """Slice the first boxes behind NMS, as MXNet's slice_axis, which refuses too few, too.

    Raises:
        ValueError: There are fewer.
    """
    found = boxes.shape[axis]
    if isinstance(found, int) and found < count:
        raise ValueError(
            f"the graph takes {count} boxes, and these images have only {found}: they need "
            f"{count / max(found, 1):.1f} times as many pixels"
        )
    return boxes.narrow(axis, 0, count)


def slice_steps(data: Tensor, begin: Ends, end: Ends, step: Ends) -> Tensor:
    """Slices of the first axes, in steps that can be negative."""
    return _turned(data, step)[_forward(data, begin, end, step)]


def slice_assign(lhs: Tensor, rhs: Tensor, begin: Ends, end: Ends, step: Ends) -> Tensor:
    """The first tensor with the second in place of a slice."""
    turned = _turned(lhs.clone(), step)
    turned[_forward(lhs, begin, end, step)] = rhs
    return _turned(turned, step)


def slice_assign_scalar(data: Tensor, scalar: float, begin: Ends, end: Ends, step: Ends) -> Tensor:
    """A tensor with a number in place of a slice."""
    return slice_assign(data, filled(data, (), scalar, data.dtype), begin, end, step)


def _turned(x: Tensor, step: Ends) -> Tensor:
    """Reverse the axes with negative steps, which torch's slices do not have."""
    axes = [axis for axis, each in enumerate(step) if each is not None and each < 0]
    return x.flip(axes) if axes else x


def _forward(x: Tensor, begin: Ends, end: Ends, step: Ends) -> tuple[slice, ...]:
    """Slices of the tensor whose axes with negative steps were reversed."""
    slices = []
    steps = step or (None,) * len(begin)
    for size, first, last, each in zip(x.shape[: len(begin)], begin, end, steps, strict=True):
        if each is None or each > 0:
            slices.append(slice(first, last, each))
        else:
            start, stop, _ = slice(first, last, each).indices(size)
            slices.append(slice(size - 1 - start, size - 1 - stop, -each))
    return tuple(slices)
