"""Does an imported module compute what MXNet computes? Measured head by head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from ..sources.arrays import Array
from .measurement import BATCH, Reference, difference
from .result import Check, Parity, StageDifference


def measure_heads(
    module: nn.Module,
    reference: Reference,
    shapes: Sequence[tuple[int, ...]],
    limits: Mapping[str, float],
    *,
    seed: int = 0,
) -> Parity:
    """Compare the two, in each dtype and at each shape; the module is left in the last dtype.

    Args:
        shapes: of one example each; inputs are random, two to a batch.
        limits: by dtype, in the order in which they are measured.
    """
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal((BATCH, *shape)) for shape in shapes]
    checks: list[Check] = []
    worst: dict[str, float] = {}
    for dtype, limit in limits.items():
        module.to(getattr(torch, dtype))
        reference.cast(dtype)
        for data in inputs:
            expected = reference(data.astype(dtype))
            actual = run(module, data.astype(dtype))
            found = {
                name: difference(one, other)
                for (name, other), one in zip(expected.items(), actual, strict=True)
            }
            if dtype == next(iter(limits)):
                for name, (_, relative) in found.items():
                    worst[name] = float(np.maximum(worst.get(name, 0.0), relative))  # keeps NaN
            largest = max(found.values(), key=lambda pair: np.nan_to_num(pair[1], nan=np.inf))
            checks.append(Check(dtype, "x".join(map(str, data.shape)), *largest, limit))
    return Parity(
        reference=reference.name,
        passed=all(check.passed for check in checks),
        checks=tuple(checks),
        stages=tuple(StageDifference(name, relative) for name, relative in worst.items()),
    )


def run(module: nn.Module, data: Array) -> list[Array]:
    """A module's heads for an input."""
    with torch.inference_mode():
        result = module(torch.from_numpy(data))
    return [head.numpy() for head in (result if isinstance(result, tuple) else (result,))]
