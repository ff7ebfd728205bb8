"""Sampling, correlation, deformable convolution, and images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..operator_case import Case

Values = np.ndarray[Any, Any]


def maps(rng: np.random.Generator, channels: int | None = None) -> Values:
    batch, some, height, width = (int(n) for n in rng.integers(1, (4, 5, 12, 12)))
    return rng.normal(0, 1, (batch, channels or some, height, width))


def finish(
    rng: np.random.Generator,
    op: str,
    attributes: dict[str, Any],
    data: dict[str, Values],
    arrays: dict[str, Values] | None = None,
) -> Case:
    """A case in a random floating point type."""
    dtype = str(rng.choice(["float32", "float64"]))
    texts = {name: str(value) for name, value in attributes.items()}
    inputs, parameters = (
        {name: each.astype(dtype) for name, each in given.items()} for given in (data, arrays or {})
    )
    return Case(op, texts, inputs, parameters)


def affine(rng: np.random.Generator, batch: int) -> Values:
    """Transforms near the identity, which reach outside."""
    return np.array([1.0, 0, 0, 0, 1, 0]) + rng.normal(0, rng.choice([0, 0.4]), (batch, 6))


def bilinear_sampler(rng: np.random.Generator) -> Case:
    data = maps(rng)
    size = tuple(int(n) for n in rng.integers(1, 7, 2))
    grid = rng.uniform(-1.5, 1.5, (data.shape[0], 2, *size))
    grid = np.round(grid) if rng.random() < 0.3 else grid
    return finish(rng, "BilinearSampler", {}, {"data": data, "grid": grid})


def grid_generator(rng: np.random.Generator) -> Case:
    if rng.random() < 0.5:
        flow = rng.normal(0, 2, (int(rng.integers(1, 4)), 2, *rng.integers(2, 9, 2)))
        case = finish(rng, "GridGenerator", {"transform_type": "warp"}, {"data": flow})
    else:
        size = tuple(int(n) for n in rng.integers(2, 9, 2))
        attributes = {"transform_type": "affine", "target_shape": size}
        data = {"data": affine(rng, int(rng.integers(1, 4)))}
        case = finish(rng, "GridGenerator", attributes, data)
    data = {name: each.astype(np.float32) for name, each in case.data.items()}
    return Case(case.op, case.attributes, data)


def spatial_transformer(rng: np.random.Generator) -> Case:
    data = maps(rng)
    size = tuple(int(n) for n in rng.integers(2, 9, 2))
    attributes = {"transform_type": "affine", "sampler_type": "bilinear", "target_shape": size}
    inputs = {"data": data, "loc": affine(rng, data.shape[0])}
    return finish(rng, "SpatialTransformer", attributes, inputs)


def correlation(rng: np.random.Generator) -> Case:
    attributes = {
        "kernel_size": rng.choice([1, 3]),
        "max_displacement": rng.integers(0, 5),
        "stride1": rng.integers(1, 4),
        "stride2": rng.integers(1, 4),
        "pad_size": rng.integers(0, 5),
        "is_multiply": bool(rng.random() < 0.7),
    }
    one = maps(rng)
    other = rng.normal(0, 1, one.shape)
    return finish(rng, "Correlation", attributes, {"data1": one, "data2": other})


def deformable_convolution(rng: np.random.Generator) -> Case:
    return deformable(rng, "_contrib_DeformableConvolution")


def modulated_deformable_convolution(rng: np.random.Generator) -> Case:
    return deformable(rng, "_contrib_ModulatedDeformableConvolution")


def deformable(rng: np.random.Generator, op: str) -> Case:
    """Offsets of which many reach outside, and some are whole pixels."""
    kernel, stride, pad, dilate = (
        rng.integers(low, high, 2) for low, high in ((1, 4), (1, 3), (0, 3), (1, 3))
    )
    groups, offset_groups = (int(n) for n in rng.choice([1, 2], 2))
    channels, filters = 2 * int(rng.integers(1, 3)), 2 * int(rng.integers(1, 3))
    batch, size = int(rng.integers(1, 4)), rng.integers(7, 11, 2)
    out = (size + 2 * pad - dilate * (kernel - 1) - 1) // stride + 1
    count = offset_groups * int(np.prod(kernel))
    offsets = rng.normal(0, rng.choice([0.5, 4]), (batch, 2 * count, *out))
    offsets = np.round(offsets) if rng.random() < 0.3 else offsets
    attributes = {
        "kernel": tuple(kernel.tolist()),
        "stride": tuple(stride.tolist()),
        "pad": tuple(pad.tolist()),
        "dilate": tuple(dilate.tolist()),
        "num_filter": filters,
        "num_group": groups,
        "num_deformable_group": offset_groups,
        "no_bias": bool(rng.random() < 0.5),
    }
    data = {"data": rng.normal(0, 1, (batch, channels, *size)), "offset": offsets}
    if "Modulated" in op:
        data["mask"] = rng.random((batch, count, *out))
    arrays = {"weight": rng.normal(0, 1, (filters, channels // groups, *kernel))}
    if not attributes["no_bias"]:
        arrays["bias"] = rng.normal(0, 1, filters)
    return finish(rng, op, attributes, data, arrays)


def images(rng: np.random.Generator, channels: int = 3) -> Values:
    """One image or several, channels last."""
    lead = (int(rng.integers(1, 4)),) if rng.random() < 0.5 else ()
    return rng.uniform(0, 255, (*lead, *rng.integers(1, 12, 2), channels))


def to_tensor(rng: np.random.Generator) -> Case:
    kind = rng.choice(["float32", "uint8", "int32"])
    data = images(rng, int(rng.integers(1, 5))).astype(kind)
    return Case("_image_to_tensor", {}, {"data": data})


def normalize(rng: np.random.Generator) -> Case:
    channels = int(rng.choice([1, 3]))
    data = np.moveaxis(images(rng, channels), -1, -3)
    attributes = {}
    for name in ("mean", "std"):
        values = np.round(rng.uniform(0.1, 2, int(rng.choice([1, channels]))), 4)
        attributes[name] = tuple(values.tolist())
    return finish(rng, "_image_normalize", attributes, {"data": data})


def resize(rng: np.random.Generator) -> Case:
    size = tuple(int(n) for n in rng.integers(1, 20, rng.integers(1, 3)))
    attributes = {
        "size": size if rng.random() < 0.8 else size[0],
        "interp": rng.integers(0, 3),
        "keep_ratio": bool(rng.random() < 0.5),
    }
    return finish(rng, "_image_resize", attributes, {"data": images(rng)})


def crop(rng: np.random.Generator) -> Case:
    data = images(rng)
    height, width = data.shape[-3:-1]
    x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
    attributes = {"x": x, "y": y, "width": rng.integers(1, width - x + 1)}
    attributes |= {"height": rng.integers(1, height - y + 1)}
    return finish(rng, "_image_crop", attributes, {"data": data})


GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    "BilinearSampler": bilinear_sampler,
    "GridGenerator": grid_generator,
    "SpatialTransformer": spatial_transformer,
    "Correlation": correlation,
    "_contrib_DeformableConvolution": deformable_convolution,
    "_contrib_ModulatedDeformableConvolution": modulated_deformable_convolution,
    "_image_to_tensor": to_tensor,
    "_image_normalize": normalize,
    "_image_resize": resize,
    "_image_crop": crop,
}
