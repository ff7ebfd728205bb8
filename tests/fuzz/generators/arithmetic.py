"""Element-wise arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from gluon2torch.graph.operators.arithmetic import BINARY, REVERSED, SCALAR, UNARY

from ..operator_case import Case


def shape(rng: np.random.Generator, least: int = 1) -> tuple[int, ...]:
    """A shape of rank 1 to 5; many sizes are 1."""
    return tuple(int(n) for n in rng.choice([1, 1, 2, 3, 5], rng.integers(least, 6)))


def array(rng: np.random.Generator, sizes: tuple[int, ...]) -> np.ndarray:
    """Values of a random floating point type."""
    return rng.normal(0, 2, sizes).astype(rng.choice(["float32", "float64"]))


def binary(rng: np.random.Generator, op: str) -> Case:
    """Two inputs, which are broadcast if the operator does it."""
    one = array(rng, shape(rng))
    other = rng.normal(0, 2, one.shape).astype(one.dtype)
    if op.startswith("broadcast_"):
        for axis in np.flatnonzero(rng.random(one.ndim) < 0.3):
            other = other.take([0], axis)
    return Case(op, {}, {"one": one, "other": other})


def scalar(rng: np.random.Generator, op: str) -> Case:
    """An input, also of integers, and a number."""
    number, data = rng.choice([0.0, 1.0, -2.0, 0.3, 1e-3, 3.0]), array(rng, shape(rng))
    if rng.random() < 0.3:
        least = 1 if "div" in op.lower() else -5
        number = rng.choice([1.0, -2.0, 2.5, 3.0])
        data = rng.integers(least, 9, data.shape).astype(rng.choice(["int32", "int64"]))
    attributes = {"scalar": repr(float(number))}
    if rng.random() < 0.4:
        attributes["is_int"] = str(bool(number == int(number)))
    return Case(op, attributes, {"data": data})


def unary(rng: np.random.Generator, op: str) -> Case:
    """An input, also of integers."""
    data = array(rng, shape(rng))
    if rng.random() < 0.3:
        data = rng.integers(1, 9, data.shape).astype(rng.choice(["int32", "int64"]))
    return Case(op, {}, {"data": data})


GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    **{op: partial(binary, op=op) for op in BINARY},
    **{op: partial(scalar, op=op) for op in (*SCALAR, *REVERSED)},
    **{op: partial(unary, op=op) for op in UNARY},
}
