"""Shapes and data types of a graph's inputs, and values for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ...sources.arrays import Array, Arrays

HIGHEST = 10


@dataclass(frozen=True)
class InputSpec:
    """One input of a graph.

    Attributes:
        shape: Its shape, with the batch.
        dtype: Its data type, such as `float32`.
        counts: Whether the values are integers whatever the data type, such as indices or lengths.
        least: Random integers are at least this.
        below: Random integers are less than this.
        scale: Standard deviation of random numbers that are no integers.
        batch_axis: The axis of the batch; 1 where the first is time.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    counts: bool = False
    least: int = 0
    below: int = HIGHEST
    scale: float = 1.0
    batch_axis: int = 0

    @property
    def batch(self) -> int:
        """The batch size."""
        return self.shape[self.batch_axis]

    def with_batch(self, batch: int) -> InputSpec:
        """The same input for another batch size."""
        before, after = self.shape[: self.batch_axis], self.shape[self.batch_axis + 1 :]
        return replace(self, shape=(*before, batch, *after))

    def random(self, rng: np.random.Generator) -> Array:
        """Normally distributed numbers, or integers; in float64, if they are floating point."""
        kind = "float64" if self.dtype == "float32" else self.dtype
        if self.dtype == "float32" and not self.counts:
            return rng.standard_normal(self.shape) * self.scale
        return rng.integers(self.least, self.below, self.shape).astype(kind)

    def allows(self, values: Array) -> bool:
        """Whether these can be random values of the input; integers may be of another width."""
        fractional = self.zeros().dtype.kind == "f"
        if not np.isfinite(values).all() or (values.dtype.kind == "f") != fractional:
            return False
        whole = bool((values == np.rint(values)).all())
        if self.dtype == "float32" and not self.counts:
            return not whole
        return whole and bool(((values >= self.least) & (values < self.below)).all())

    def zeros(self) -> Array:
        """Zeros; in float64, if they are floating point."""
        return np.zeros(self.shape, "float64" if self.dtype == "float32" else self.dtype)


Specs = Mapping[str, InputSpec]
"""A graph's inputs by name, in the order in which its module takes them."""


def with_batch(specs: Specs, batch: int) -> dict[str, InputSpec]:
    """The inputs for another batch size."""
    return {name: spec.with_batch(batch) for name, spec in specs.items()}


def with_scale(specs: Specs, scale: float) -> dict[str, InputSpec]:
    """The inputs with random numbers of another standard deviation."""
    return {name: replace(spec, scale=scale) for name, spec in specs.items()}


def random_inputs(specs: Specs, rng: np.random.Generator) -> Arrays:
    """A random value for each input."""
    return {name: spec.random(rng) for name, spec in specs.items()}


def in_dtype(inputs: Arrays, dtype: str) -> Arrays:
    """Inputs with their floating-point values in a data type."""
    return {
        name: value.astype(dtype) if value.dtype.kind == "f" else value
        for name, value in inputs.items()
    }


def describe(shapes: Mapping[str, tuple[int | str, ...]]) -> str:
    """Name inputs and their shapes, as in `data 2x3x224x224, im_info 2x3`; a single one unnamed."""
    texts = {name: "x".join(map(str, shape)) for name, shape in shapes.items()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return ", ".join(f"{name} {text}" for name, text in texts.items())
