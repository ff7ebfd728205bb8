"""Comparisons and logic."""

from __future__ import annotations

from functools import partial

import numpy as np

from gluon2torch.graph.functions.elementwise import LOGIC

from ..operator_case import Case
from ..random_arrays import FLOATING, INTEGER, Rng, array, shape

SCALARS = (0.0, 1.0, -2.0, 0.3, 3.0, 2.5)


def pair(rng: Rng, op: str, *, broadcast: bool = False, special: bool = True) -> Case:
    """Two inputs of one data type, of the same shape or one that is broadcast."""
    one = array(rng, shape(rng), (*FLOATING, *INTEGER), special=special)
    other = array(rng, one.shape, (str(one.dtype),), special=special)
    other = np.where(rng.random(one.shape) < 0.3, one, other).astype(one.dtype)
    if broadcast:
        for axis in np.flatnonzero(rng.random(one.ndim) < 0.3):
            other = other.take([0], axis)
        if rng.random() < 0.5:
            one, other = other, one
    return Case(op, {}, {"one": one, "other": other})


def with_scalar(rng: Rng, op: str, *, dtypes: tuple[str, ...] = (*FLOATING, *INTEGER)) -> Case:
    """An input and a number, which is or is not marked as an integer."""
    data, number = array(rng, shape(rng), (*dtypes, "bool")), float(rng.choice(SCALARS))
    attributes = {"scalar": repr(number)}
    if rng.random() < 0.7:
        attributes["is_int"] = str(number == int(number) and rng.random() < 0.7)
    return Case(op, attributes, {"data": data})


GENERATORS = {
    **{f"_{name}": partial(pair, op=f"_{name}") for name in LOGIC},
    **{
        f"broadcast_{name}": partial(pair, op=f"broadcast_{name}", broadcast=True) for name in LOGIC
    },
    **{f"_{name}_scalar": partial(with_scalar, op=f"_{name}_scalar") for name in LOGIC},
    "logical_not": lambda rng: Case(
        "logical_not", {}, {"data": array(rng, shape(rng), (*FLOATING, *INTEGER), special=True)}
    ),
}
