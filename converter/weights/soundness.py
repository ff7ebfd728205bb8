"""Check of weights for invalid values, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..sources.arrays import Array


def unsound(arrays: Mapping[str, Array], *, allow_nonfinite: bool = False) -> list[str]:
    """Find invalid arrays: empty ones, NaN or Inf, and negative variances.

    Args:
        arrays: Arrays by structural name.
        allow_nonfinite: Accept NaN and Inf.

    Returns:
        The problems, one line each.
    """

    def examine(name: str) -> list[str]:
        array, problems = arrays[name], []
        if array.size == 0:
            problems.append(f"{name}: is empty, with shape {array.shape}")
        if not allow_nonfinite and (nan_inf := count_nonfinite(array)) != (0, 0):
            problems.append(
                f"{name}: contains {nan_inf[0]} NaN and {nan_inf[1]} Inf in {array.size} values, "
                "which cannot be proved equal: use `--reference none`, and `--allow-nonfinite` "
                "with convert"
            )
        if name.endswith("running_var") and array.size and (array < 0).any():
            problems.append(f"{name}: has a negative variance ({array.min()})")
        return problems

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for problems in pool.map(examine, arrays) for problem in problems]


def count_nonfinite(array: Array) -> tuple[int, int]:
    """Numbers of NaN and of Inf values."""
    if array.dtype.kind != "f":
        return 0, 0
    with np.errstate(all="ignore"):
        # fast path: a finite sum excludes both; an infinite one can also be an overflow
        if np.isfinite(array.sum()):
            return 0, 0
    return int(np.isnan(array).sum()), int(np.isinf(array).sum())
