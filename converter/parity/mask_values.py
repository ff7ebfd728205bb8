"""Large constants in outputs, such as the -1e18 of masked scores, which would hide differences.

Differences are divided by the largest value of an output or a channel. Where that is a constant,
all other values could be wrong. So constants that are far larger than what depends on the input
are replaced, in what is compared, by a constant that is twice as large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..sources.arrays import Array

FAR = 1e3  # times the largest value that depends on the input
MOST = 8  # different constants that are taken for masks


@dataclass(frozen=True)
class Masks:
    """The large constants of an output.

    Attributes:
        values: The constants, in float64.
        level: The magnitude that replaces them.
    """

    values: tuple[float, ...] = ()
    level: float = 0.0

    def replaced(self, output: Array) -> Array:
        """An output with these constants replaced, in its own data type."""
        for value in self.values:
            constant = np.asarray(value).astype(output.dtype)
            output = np.where(output == constant, np.copysign(self.level, value), output)
        return output


def find_masks(output: Array, another: Array) -> Masks:
    """The large constants of an output: values that are the same for another input.

    Args:
        output: The output, in float64.
        another: The same output for another input of the same shape.
    """
    if output.dtype.kind != "f" or output.shape != another.shape:
        return Masks()
    same = output == another
    if same.all() or not same.any():
        return Masks()
    largest = float(np.abs([output[~same], another[~same]]).max())
    constants = np.unique(output[same])
    far = constants[np.abs(constants) > FAR * largest]
    return Masks(tuple(far.tolist()), 2 * largest) if 0 < len(far) <= MOST else Masks()
