"""Pooling and resizing of feature maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gluon2torch.graph.operators.pooling import RESIZE_MODES

from ..operator_case import Case


def maps(rng: np.random.Generator, rank: int, dtype: str = "") -> np.ndarray:
    """Feature maps (N, C, …) with some spatial dimensions."""
    sizes = (int(rng.integers(1, 3)), int(rng.integers(1, 4)))
    sizes += tuple(int(n) for n in rng.integers(1, 10, rank))
    return rng.normal(0, 2, sizes).astype(dtype or rng.choice(["float32", "float64"]))


def pooling(rng: np.random.Generator) -> Case:
    """Windows of any size, stride, padding and layout that MXNet accepts."""
    rank = int(rng.integers(1, 4))
    kernel = rng.integers(1, 5, rank)
    attributes = {"pool_type": str(rng.choice(["max", "avg", "sum", "lp"]))}
    if attributes["pool_type"] == "lp":
        attributes["p_value"] = str(rng.integers(1, 4))
    if rng.random() < 0.2:
        attributes["global_pool"] = "True"
    if "global_pool" not in attributes or rng.random() < 0.5:
        attributes["kernel"] = str(tuple(map(int, kernel)))
    if rng.random() < 0.7:
        attributes["stride"] = str(tuple(map(int, rng.integers(1, 4, rank))))
    if rng.random() < 0.5:
        attributes["pad"] = str(tuple(int(rng.integers(0, k)) for k in kernel))
    if rng.random() < 0.5:
        attributes["pooling_convention"] = str(rng.choice(["valid", "full"]))
    if rng.random() < 0.5:
        attributes["count_include_pad"] = str(rng.choice(["True", "False"]))
    data = maps(rng, rank)
    if "kernel" in attributes and rng.random() < 0.3:
        attributes["layout"] = ("NWC", "NHWC", "NDHWC")[rank - 1]
        data = np.moveaxis(data, 1, -1).copy()
    return Case("Pooling", attributes, {"data": data})


def pooling_v1(rng: np.random.Generator) -> Case:
    """Images alone; no sums, and averages always count the padding."""
    kernel = rng.integers(1, 5, 2)
    attributes = {"pool_type": str(rng.choice(["max", "avg", "sum"]))}
    attributes["kernel"] = str(tuple(map(int, kernel)))
    if rng.random() < 0.2:
        attributes["global_pool"] = "True"
    if rng.random() < 0.7:
        attributes["stride"] = str(tuple(map(int, rng.integers(1, 4, 2))))
    if rng.random() < 0.5:
        attributes["pad"] = str(tuple(int(rng.integers(0, k)) for k in kernel))
    if rng.random() < 0.5:
        attributes["pooling_convention"] = str(rng.choice(["valid", "full"]))
    return Case("Pooling_v1", attributes, {"data": maps(rng, 2)})


def adaptive_average_pooling(rng: np.random.Generator) -> Case:
    """Any output size, also larger than the input."""
    size = rng.integers(1, 12, int(rng.integers(0, 3)))
    attributes = {"output_size": str(tuple(map(int, size)))} if len(size) else {}
    if len(size) == 1:
        attributes = {"output_size": str(size[0])}
    return Case("_contrib_AdaptiveAvgPooling2D", attributes, {"data": maps(rng, 2)})


def bilinear_resize(rng: np.random.Generator) -> Case:
    """To a size, by scales, to another input's size, or to an even or odd size."""
    data = {"data": maps(rng, 2)}
    kind = rng.choice(["size", "scale", "like", "odd_scale", *RESIZE_MODES])
    attributes = {"align_corners": str(rng.choice(["True", "False"]))}
    if kind == "size":
        attributes |= {"height": str(rng.integers(1, 15)), "width": str(rng.integers(1, 15))}
    elif kind.startswith("to_"):
        attributes["mode"] = str(kind)
    elif kind.endswith("scale"):
        attributes |= {"mode": "odd_scale"} if kind == "odd_scale" else {}
        scales = np.round(rng.uniform(0.3, 3, 2), 2)
        attributes |= {"scale_height": str(scales[0]), "scale_width": str(scales[1])}
    else:
        attributes["mode"] = "like"
        data["like"] = maps(rng, 2, data["data"].dtype.name)
    return Case("_contrib_BilinearResize2D", attributes, data)


def up_sampling(rng: np.random.Generator) -> Case:
    """Nearest, of one input or several, or bilinear."""
    scale, data = int(rng.integers(1, 5)), maps(rng, 2)
    attributes = {"scale": str(scale), "sample_type": "nearest", "num_args": "1"}
    if rng.random() < 0.4:
        channels, size = data.shape[1], 2 * scale - scale % 2
        attributes |= {"sample_type": "bilinear", "num_filter": str(channels), "num_args": "2"}
        weight = rng.standard_normal((channels, 1, size, size)).astype(data.dtype)
        return Case("UpSampling", attributes, {"data": data}, {"weight": weight})
    inputs = {"data": data}
    if rng.random() < 0.3:
        attributes |= {"num_args": "2", "multi_input_mode": str(rng.choice(["concat", "sum"]))}
        inputs["other"] = rng.standard_normal(data.shape).astype(data.dtype)
    return Case("UpSampling", attributes, inputs)


GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    "Pooling": pooling,
    "Pooling_v1": pooling_v1,
    "_contrib_AdaptiveAvgPooling2D": adaptive_average_pooling,
    "_contrib_BilinearResize2D": bilinear_resize,
    "UpSampling": up_sampling,
}
