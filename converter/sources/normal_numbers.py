"""Normal random numbers drawn on two threads, equal to those that one thread draws.

NumPy's generator takes one 32-bit number of its stream for most samples, and for a few of them
more. So a second generator is advanced to about the middle of the array. A sample depends only
on where in the stream it begins: after a few samples the second generator begins them where the
first one will, and values that both have drawn show how many the first has to draw until then.
"""

from __future__ import annotations

import copy
from concurrent.futures import Executor

import numpy as np

from .arrays import Array

RATE = 1.02205  # 32-bit numbers for a sample, on average
LEAST = 1 << 16  # samples for which a second thread is worth its start
_BLOCK = 1 << 16
_SETTLED, _PATTERN = 32, 16  # samples after which both are in step; those that are compared


def draw_normal(rng: np.random.Generator, values: Array, second: Executor) -> None:
    """Draw as `rng.standard_normal(dtype=np.float32, out=values)` does, and leave `rng` as it does.

    Args:
        rng: A generator of PCG64.
        values: float32 values to fill.
        second: Runs one function on another thread.
    """
    if values.size < LEAST:
        rng.standard_normal(dtype=np.float32, out=values)
        return
    half = values.size // 2
    spread = 2 * int(half**0.5) + 2 * _SETTLED  # far more than the middle's position varies
    bits = copy.deepcopy(rng.bit_generator)
    assert isinstance(bits, np.random.PCG64), "rng is np.random.default_rng's"
    bits.advance(int((half + spread) * RATE / 2))  # a step has two 32-bit numbers
    other = np.random.Generator(bits)
    ahead = values[half + 2 * spread :]
    drawn = second.submit(other.standard_normal, dtype=np.float32, out=ahead)
    rng.standard_normal(dtype=np.float32, out=values[:half])
    between = rng.standard_normal(2 * spread, np.float32)
    drawn.result()
    met = _find(between, ahead[_SETTLED : _SETTLED + _PATTERN])
    if met is None:
        values[half : half + 2 * spread] = between
        rng.standard_normal(dtype=np.float32, out=ahead)
        return
    values[half : half + met] = between[:met]
    end = half + met + ahead.size - _SETTLED
    _move(ahead[_SETTLED:], values[half + met : end])
    other.standard_normal(dtype=np.float32, out=values[end:])
    rng.bit_generator.state = other.bit_generator.state


def _move(source: Array, target: Array) -> None:
    """Copy to a place before, which may overlap with the source, without a copy of the whole."""
    for start in range(0, source.size, _BLOCK):
        target[start : start + _BLOCK] = source[start : start + _BLOCK]


def _find(values: Array, pattern: Array) -> int | None:
    """The first place of a pattern in an array."""
    for place in np.flatnonzero(values[: 1 - pattern.size] == pattern[0]):
        if np.array_equal(values[place : place + pattern.size], pattern):
            return int(place)
    return None
