from __future__ import annotations

import numpy as np
import pytest

from gluon2torch.weights.soundness import count_nonfinite, unsound


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nan_and_inf_are_counted(dtype: str) -> None:
    array = np.ones((3, 5), dtype)
    assert count_nonfinite(array) == (0, 0)
    array[0, 1] = np.nan
    array[2, 2:4] = np.inf, -np.inf  # which cancel to NaN in a sum
    assert count_nonfinite(array) == (1, 2)


def test_a_sum_that_overflows_is_no_inf() -> None:
    assert count_nonfinite(np.full(100, 60000, np.float16)) == (0, 0)
    assert count_nonfinite(np.full(100, 3e38, np.float32)) == (0, 0)


def test_whole_numbers_hold_neither() -> None:
    assert count_nonfinite(np.ones(3, np.int64)) == (0, 0)


def test_all_problems_are_named() -> None:
    arrays = {
        "a.weight": np.array([1, np.nan], np.float32),
        "bn.running_var": np.array([1, -0.5], np.float32),
        "fc.weight": np.empty((0, 3), np.float32),
        "ok.weight": np.ones(3, np.float32),
        "ok.running_mean": -np.ones(3, np.float32),
    }
    assert unsound(arrays) == [
        "a.weight: contains 1 NaN and 0 Inf in 2 values, which cannot be proved equal: use "
        "`--reference none`, and `--allow-nonfinite` with convert",
        "bn.running_var: has a negative variance (-0.5)",
        "fc.weight: is empty, with shape (0, 3)",
    ]
    assert len(unsound(arrays, allow_nonfinite=True)) == 2
