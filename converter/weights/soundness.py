"""Values that no sound network has, found before anything is written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..sources.arrays import Array



def unsound(arrays: Mapping[str, Array], *, allow_nonfinite: bool = False) -> list[str]:
    """What is wrong with a network's arrays, a line each: NaN or Inf, a variance below 0, no size.

    Args:
        arrays: by structural name.
        allow_nonfinite: let NaN and Inf pass.
    """

    def examine(name: str) -> list[str]:
        array, problems = arrays[name], []
        if array.size == 0:
            problems.append(f"{name}: has no size, its shape is {array.shape}")
        if not allow_nonfinite and (nan_inf := count_nonfinite(array)) != (0, 0):
            problems.append(
                f"{name}: holds {nan_inf[0]} NaN and {nan_inf[1]} Inf among {array.size} values; "
                "--allow-nonfinite --reference none converts it, unproved"
            )
        if name.endswith("running_var") and array.size and (array < 0).any():
            problems.append(f"{name}: a variance is below 0 ({array.min()})")
        return problems

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for problems in pool.map(examine, arrays) for problem in problems]


def count_nonfinite(array: Array) -> tuple[int, int]:
    """How many values are NaN, and how many Inf."""
    if array.dtype.kind != "f":
        return 0, 0
    with np.errstate(all="ignore"):
        # both show in a sum; only where the sum is no number (it can overflow) is there to count
        if np.isfinite(array.sum()):
            return 0, 0
    return int(np.isnan(array).sum()), int(np.isinf(array).sum())
