"""How far each single output may be from the reference, on its own scale.

A difference divided by the largest of all outputs hides errors behind one large output: with a bias
of 1e14 in one logit, the others could be permuted. So each channel (each logit) has its own bound:

    bound = limit · max|reference| + ROUNDING · eps · amplification

with the maximum over the channel. The second term is for channels whose values nearly cancel. The
amplification is measured on the converted network alone, as the difference between its outputs in
float32 and in float64, divided by float32's eps: how many units of rounding, with their size, the
computation leaves in that channel. A channel of few values can by chance round to almost nothing,
so the median channel's is the least that is taken, up to a share of the channel's own scale, and
except for a channel that is 0 everywhere or overflows in float32. A wrong network has no influence
on the bound but by its own values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph.symbols.precision import ROUNDED
from ..sources.arrays import Array

# The reference sums in another order: up to 10 units more were measured over 73 networks. In
# float32, some of MXNet's sums are far less exact than torch's: GroupNorm's by 120 units.
ROUNDING = 256
# units of its own scale, at most, that other channels' rounding adds to a channel's: 6e-10 of it in
# float64
FROM_OTHERS = 1e4


@dataclass(frozen=True)
class OutputDifference:
    """Difference of one output, such as a stage's, from the reference's.

    Attributes:
        max_abs: Largest absolute difference.
        max_rel: `max_abs` divided by the reference's largest absolute value.
        max_own: Largest difference of a channel divided by that channel's bound.
    """

    max_abs: float
    max_rel: float
    max_own: float


def amplification(narrow: Array, wide: Array) -> Array:
    """Rounding of each channel in units of eps, from its outputs in float32 and in float64.

    A channel that is not finite in float32 has none, and one that is 0 everywhere only its own.
    Each other channel has at least the median of these, or FROM_OTHERS of its own scale if that is
    less; the lower of two medians, so that one channel never sets another's.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        units = _channels(narrow.astype(np.float64) - wide) / np.finfo(np.float32).eps
        scales = _channels(wide)
    finite = np.isfinite(units)
    units = np.where(finite, units, 0.0)
    alive = finite & (scales > 0)
    if alive.any():
        median = np.quantile(units[alive], 0.5, method="lower")
        least = np.minimum(median, FROM_OTHERS * scales[alive])
        units[alive] = np.maximum(units[alive], least)
    return units


def output_difference(
    actual: Array, expected: Array, units: Array, limit: float, dtype: str
) -> OutputDifference:
    """Compare two outputs (N, C, …), as a whole and channel by channel.

    Args:
        actual: The converted network's output.
        expected: The reference's.
        units: The output's `amplification`.
        limit: Relative difference that is allowed.
        dtype: Data type that both were computed in.
    """
    if actual.shape != expected.shape:
        return OutputDifference(float("inf"), float("inf"), float("inf"))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        # Inf - Inf is NaN, which never passes
        one, other = (as_floats(each) for each in (actual, expected))
        differences, scales = _channels(one - other), _channels(other)
        # MXNet computes some operators in float32 whatever the dtype, such as Pooling_v1
        eps = np.finfo("float32" if limit >= ROUNDED else dtype).eps
        bounds = limit * scales + ROUNDING * eps * units
        own = np.where(differences == 0, 0.0, differences / bounds)
        absolute, scale = (float(each.max(initial=0.0)) for each in (differences, scales))
    relative = 0.0 if absolute == 0.0 else absolute / scale if scale else float("inf")
    return OutputDifference(absolute, relative, float(own.max(initial=0.0)))


def as_floats(array: Array) -> Array:
    """Integers and booleans in float64, where a difference neither wraps nor is refused."""
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def depends_on_input(output: Array) -> bool:
    """Whether an output is finite, and differs between the images of its batch."""
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(output).all() and (output[:1] != output[1:]).any())


def _channels(array: Array) -> Array:
    """The largest magnitude in each channel, which is the second dimension."""
    if array.ndim < 2:
        array = array.reshape(-1, 1)
    largest: Array = np.abs(array).max((0, *range(2, array.ndim)), initial=0.0)
    return largest
