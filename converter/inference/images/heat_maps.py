"""The highest point of each heat map, as GluonCV's pose networks are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sources.arrays import Array

_SHIFT = 0.25


def find_peaks(heat_maps: Any, *, refine: bool) -> tuple[Array, Array]:
    """Find the highest value of each heat map.

    Args:
        heat_maps: (N, K, H, W).
        refine: Move a point by a quarter of a pixel to its higher neighbour on each axis, unless
            it is at the edge of the heat map or next to its upper or left edge (GluonCV's
            `get_final_preds`).

    Returns:
        Points (N, K, 2) as (x, y) in the heat maps' pixels, (0, 0) where no value is positive;
        and the values there, (N, K).
    """
    maps = np.asarray(heat_maps)
    height, width = maps.shape[2:]
    flat = maps.reshape(*maps.shape[:2], -1)
    index = flat.argmax(axis=2)
    scores = np.take_along_axis(flat, index[:, :, None], axis=2)[:, :, 0]
    index = np.where(scores > 0, index, 0)
    x, y = index % width, index // width
    points = np.stack([x, y], axis=2).astype(np.float64)
    if refine:
        inside = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
        for axis, (down, across) in enumerate(((0, 1), (1, 0))):
            after = _values(maps, y + down, x + across)
            slope = np.sign(after - _values(maps, y - down, x - across))
            points[:, :, axis] += np.where(inside, _SHIFT * slope, 0)
    return points, scores


def _values(maps: Any, y: Any, x: Any) -> Any:
    """Values at positions (N, K), which are moved into the heat maps."""
    number, joint = np.indices(y.shape)
    return maps[number, joint, y.clip(0, maps.shape[2] - 1), x.clip(0, maps.shape[3] - 1)]
