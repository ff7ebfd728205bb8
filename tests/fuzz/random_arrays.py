"""Random attributes and arrays of cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Rng = np.random.Generator
FLOATING, INTEGER = ("float32", "float64"), ("int32", "int64", "int8", "uint8")
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, np.nan, np.inf, -np.inf)


def shape(rng: Rng, least: int = 1, most: int = 5) -> tuple[int, ...]:
    """A shape of a rank from `least` to `most`; many sizes are 1."""
    return tuple(int(n) for n in rng.choice([1, 1, 2, 3, 5], rng.integers(least, most + 1)))


def array(
    rng: Rng,
    sizes: Sequence[int],
    dtypes: Sequence[str] = FLOATING,
    *,
    special: bool = False,
    scale: float = 2.0,
) -> np.ndarray:
    """Values of one of the data types, sometimes with NaN, infinity and signed zeros."""
    dtype = rng.choice(list(dtypes))
    if dtype == "bool":
        return np.asarray(rng.random(tuple(sizes)) < 0.5)
    if dtype in INTEGER:
        return np.asarray(rng.integers(0 if dtype == "uint8" else -5, 6, tuple(sizes)), dtype)
    values = rng.normal(0, scale, tuple(sizes))
    if special and rng.random() < 0.5:
        odd = rng.random(values.shape) < 0.3
        values = np.where(odd, rng.choice(SPECIAL, values.shape), values)
    return np.asarray(values, dtype)


def axis(rng: Rng, rank: int) -> int:
    """An axis, counted from either end."""
    return int(rng.integers(-rank, rank))


def axes(rng: Rng, rank: int, least: int = 0) -> str:
    """Different axes, each counted from either end, as text."""
    chosen = rng.permutation(rank)[: rng.integers(least, rank + 1)]
    signed = [int(each) - rank * int(rng.random() < 0.4) for each in chosen]
    return str(signed[0]) if len(signed) == 1 and rng.random() < 0.5 else str(tuple(signed))


def some(rng: Rng, **choices: Sequence[Any]) -> dict[str, str]:
    """Attributes, each with one of the values or missing."""
    return {
        name: str(values[rng.integers(len(values))])
        for name, values in choices.items()
        if rng.random() < 0.7
    }


FLAG = ("True", "False", "1", "0")
