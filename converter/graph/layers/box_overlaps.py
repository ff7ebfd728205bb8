"""Overlaps of boxes.

Boxes are (left, top, right, bottom) in the format `corner` and (x, y, width, height), with the
centre first, in the format `center`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def intersections(one: Tensor, other: Tensor, center: bool = False, extent: float = 0.0) -> Tensor:
    """The areas of the intersections of boxes (…, 4) that broadcast against each other.

    Args:
        extent: How much longer a side is than the difference of its coordinates.
    """
    sides = []
    for axis in (0, 1):
        (first, last), (start, end) = (_ends(boxes, axis, center) for boxes in (one, other))
        side = torch.minimum(last, end) - torch.maximum(first, start)
        sides.append((side + extent).clamp(min=0))
    return sides[0] * sides[1]


def _ends(boxes: Tensor, axis: int, center: bool) -> tuple[Tensor, Tensor]:
    """Where boxes start and end along an axis."""
    first, last = boxes[..., axis], boxes[..., axis + 2]
    return (first - last / 2, first + last / 2) if center else (first, last)


def by_coordinate(boxes: Tensor) -> Tensor:
    """The same boxes, each coordinate contiguous in memory, as suppression reads them."""
    return boxes.mT.contiguous().mT


def areas(boxes: Tensor, center: bool = False) -> Tensor:
    """The areas of boxes (…, 4): 0 if a side is negative."""
    sides = boxes[..., 2:] if center else boxes[..., 2:] - boxes[..., :2]
    return torch.where((sides < 0).any(-1), 0.0, sides[..., 0] * sides[..., 1])


def conflicts(
    boxes: Tensor,
    sizes: Tensor,
    limit: float,
    *,
    classes: Tensor | None = None,
    center: bool = False,
    extent: float = 0.0,
    inclusive: bool = False,
) -> Callable[[slice, slice], Tensor]:
    """A function for `suppress`: which boxes of one slice overlap which of another too much.

    Args:
        boxes: (B, N, 4), each coordinate contiguous (`by_coordinate`).
        sizes: Their areas: (B, N).
        limit: The intersection over union must be larger, or at least this if `inclusive`.
        classes: Only boxes of one class conflict: (B, N); None if all do.
        center: The format.
        extent: How much longer a side is than the difference of its coordinates.
    """

    def between(one: slice, other: slice) -> Tensor:
        both = intersections(boxes[:, one, None], boxes[:, None, other], center, extent)
        union = sizes[:, one, None] + sizes[:, None, other] - both
        ratio = both / union
        removes = (union > 0) & (ratio >= limit) if inclusive else ratio > limit
        if classes is not None:
            removes = removes & (classes[:, one, None] == classes[:, None, other])
        return removes

    return between
