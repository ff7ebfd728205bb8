"""BatchNorm as a part of the convolution before it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .layers.norms import EPSILON
from .symbols.attributes import Attributes


def folded(
    norm: Attributes, weight: Tensor, bias: Tensor | None, arrays: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """A convolution's weight and bias with the BatchNorm after it, as MXNet computes them.

    The arrays are gamma, beta, the running mean and the running variance. The factor is computed in
    float64 and rounded to float32; the rest is float32.
    """
    gamma, beta, mean, variance = arrays
    given = [*arrays, *([] if bias is None else [bias])]
    if any(tuple(array.shape) != (len(weight),) for array in given):
        raise norm.error(f"its arrays, or the bias before it, do not have shape ({len(weight)},)")
    if norm.integer("axis", 1) != 1:
        raise norm.unsupported("axis")
    if norm.flag("fix_gamma", True):
        gamma = torch.ones_like(gamma)
    eps = norm.number("eps", EPSILON)
    factor = (gamma.double() / (variance.double() + eps).sqrt()).float()
    shifted = -mean if bias is None else bias - mean
    return weight * factor.reshape(-1, *(1,) * (weight.dim() - 1)), beta + factor * shifted
