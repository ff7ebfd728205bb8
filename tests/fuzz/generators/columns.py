"""Patches of images as columns."""

from __future__ import annotations

import numpy as np

from ..operator_case import Case
from ..random_arrays import Rng, array
from .weighted_layers import tuples


def window(rng: Rng) -> tuple[dict[str, str], np.ndarray, np.ndarray]:
    """Attributes, the sizes of an image and how many patches fit in each direction."""
    kernel = rng.integers(1, 4, 2)
    given, chosen = {"kernel": tuples(kernel)}, {}
    for name, (least, most, usual) in {
        "stride": (1, 4, 1),
        "dilate": (1, 3, 1),
        "pad": (0, 3, 0),
    }.items():
        chosen[name] = np.full(2, usual)
        if rng.random() < 0.6:
            chosen[name] = rng.integers(least, most, 2)
            given[name] = tuples(chosen[name])
    covered = chosen["dilate"] * (kernel - 1) + 1
    sizes = np.maximum(rng.integers(1, 9, 2), covered - 2 * chosen["pad"])
    return given, sizes, (sizes + 2 * chosen["pad"] - covered) // chosen["stride"] + 1


def im2col(rng: Rng) -> Case:
    given, sizes, _ = window(rng)
    return Case("im2col", given, {"data": array(rng, (*rng.integers(1, 4, 2).tolist(), *sizes))})


def col2im(rng: Rng) -> Case:
    given, sizes, count = window(rng)
    kernel = [int(each) for each in given["kernel"].strip("()").split(",")]
    batch, channels = rng.integers(1, 4, 2).tolist()
    data = array(rng, (batch, channels * int(np.prod(kernel)), int(np.prod(count))))
    return Case("col2im", {**given, "output_size": tuples(sizes)}, {"data": data})


GENERATORS = {"im2col": im2col, "col2im": col2im}
