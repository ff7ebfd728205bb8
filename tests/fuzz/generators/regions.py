"""Pooling of regions, some of which are outside the image, empty or inverted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..operator_case import Case

Values = np.ndarray[Any, Any]


def maps(rng: np.random.Generator, channels: int | None = None) -> Values:
    batch, some, height, width = (int(n) for n in rng.integers(1, (4, 5, 14, 14)))
    return rng.normal(0, 1, (batch, channels or some, height, width))


def regions(
    rng: np.random.Generator, data: Values, scale: float, inverted: bool, absent: bool = False
) -> Values:
    """Numbers of images (−1 if none) and corners, which are often whole numbers."""
    batch, _, height, width = data.shape
    count = int(rng.integers(1, 6))
    size = np.array([width, height]) / scale
    low, side = rng.uniform(-0.3, 1.1, (count, 2)) * size, rng.uniform(0.01, 1, (count, 2)) * size
    corners = np.concatenate([low, low + side * (rng.choice([-1, 1]) if inverted else 1)], 1)
    corners = np.round(corners) if rng.random() < 0.4 else corners
    first = -1 if rng.random() < 0.2 and absent else 0
    return np.concatenate([rng.integers(first, batch, (count, 1)), corners], 1)


def finish(
    rng: np.random.Generator, op: str, attributes: dict[str, Any], data: dict[str, Values]
) -> Case:
    """A case in a random floating point type."""
    dtype = str(rng.choice(["float32", "float64"]))
    texts = {name: str(value) for name, value in attributes.items()}
    return Case(op, texts, {name: each.astype(dtype) for name, each in data.items()})


def scale_of(rng: np.random.Generator) -> float:
    return float(rng.choice([1.0, 0.5, 0.0625, 0.7]))


def size_of(rng: np.random.Generator) -> tuple[int, int]:
    height, width = rng.integers(1, 6, 2)
    return int(height), int(width)


def roi_align(rng: np.random.Generator) -> Case:
    scale, size = scale_of(rng), size_of(rng)
    aligned, by_position = bool(rng.random() < 0.3), bool(rng.random() < 0.3)
    channels = size[0] * size[1] * int(rng.integers(1, 3)) if by_position else None
    data = maps(rng, channels)
    places = regions(rng, data, scale, inverted=not aligned)
    if aligned:  # MXNet refuses regions without an area
        places[:, 3:] = np.maximum(places[:, 3:], places[:, 1:3] + 0.01)
    attributes = {"pooled_size": size, "spatial_scale": scale, "aligned": aligned}
    attributes |= {"position_sensitive": by_position, "sample_ratio": rng.integers(-1, 4)}
    return finish(rng, "_contrib_ROIAlign", attributes, {"data": data, "rois": places})


def rotated_roi_align(rng: np.random.Generator) -> Case:
    scale, data = scale_of(rng), maps(rng)
    places = regions(rng, data, scale, inverted=False)
    places[:, 3:] -= places[:, 1:3]
    angles = rng.uniform(-180, 180, (len(places), 1))
    attributes = {"pooled_size": size_of(rng), "spatial_scale": scale}
    attributes |= {"sampling_ratio": rng.integers(-1, 4)}
    places = np.concatenate([places, angles], 1)
    return finish(rng, "_contrib_RROIAlign", attributes, {"data": data, "rois": places})


def roi_pooling(rng: np.random.Generator) -> Case:
    scale, data = scale_of(rng), maps(rng)
    places = regions(rng, data, scale, inverted=True, absent=True)
    if rng.random() < 0.3:
        places[:, 1:] = np.floor(places[:, 1:]) + 0.5
    attributes = {"pooled_size": size_of(rng), "spatial_scale": scale}
    return finish(rng, "ROIPooling", attributes, {"data": data, "rois": places})


def psroi_pooling(rng: np.random.Generator) -> Case:
    scale, size, channels = scale_of(rng), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    groups = int(rng.integers(0, 4))
    data = maps(rng, channels * (groups or size) ** 2)
    places = regions(rng, data, scale, inverted=True)
    attributes = {"pooled_size": size, "spatial_scale": scale, "output_dim": channels}
    attributes |= {"group_size": groups} if groups else {}
    return finish(rng, "_contrib_PSROIPooling", attributes, {"data": data, "rois": places})


def deformable_psroi_pooling(rng: np.random.Generator) -> Case:
    scale, size = scale_of(rng), int(rng.integers(1, 8))
    classes, groups = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    channels, parts = classes * int(rng.integers(1, 3)), int(rng.integers(0, 8))
    data = maps(rng, channels * groups**2)
    places = regions(rng, data, scale, inverted=True)
    attributes = {"pooled_size": size, "spatial_scale": scale, "output_dim": channels}
    attributes |= {"group_size": groups, "part_size": parts}
    attributes |= {"sample_per_part": rng.integers(1, 4)}
    inputs = {"data": data, "rois": places}
    if rng.random() < 0.3:
        attributes["no_trans"] = True
    else:
        attributes["trans_std"] = rng.choice([0.1, 0.3])
        shape = (len(places), 2 * classes, parts or size, parts or size)
        inputs["trans"] = rng.normal(0, 1, shape)
    return finish(rng, "_contrib_DeformablePSROIPooling", attributes, inputs)


GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    "_contrib_ROIAlign": roi_align,
    "_contrib_RROIAlign": rotated_roi_align,
    "ROIPooling": roi_pooling,
    "_contrib_PSROIPooling": psroi_pooling,
    "_contrib_DeformablePSROIPooling": deformable_psroi_pooling,
}
