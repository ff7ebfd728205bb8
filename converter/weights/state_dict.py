"""Build a network's state_dict from renamed arrays: as arrays first, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..mapping.assignment import Assignment
from ..mappings.key_map import MADE_UP
from ..sources.arrays import Array, Arrays

if TYPE_CHECKING:
    import torch

Tensors: TypeAlias = "dict[str, torch.Tensor]"


def build_values(
    assignments: Sequence[Assignment],
    arrays: Mapping[str, Array],
    targets: Iterable[str],
    dtype: str = "keep",
) -> Arrays:
    """Build the values of a state_dict in the network's order.

    They share memory with the arrays where possible. BatchNorm's `num_batches_tracked`, which
    MXNet does not have, is 0.

    Args:
        assignments: Which array becomes which tensor.
        arrays: Arrays by structural name.
        targets: Keys of the state_dict, in order.
        dtype: `keep`, or `float32` to convert float16 values to float32, which is exact.
    """
    by_target = {assignment.target: assignment for assignment in assignments}
    values = {
        target: np.zeros((), np.int64)
        if target.endswith(f".{MADE_UP}")
        else _value(by_target[target], arrays[by_target[target].source])
        for target in targets
    }
    if dtype == "keep":
        return values
    return {
        name: value.astype(np.float32) if value.dtype == np.float16 else value
        for name, value in values.items()
    }


def _value(assignment: Assignment, array: Array) -> Array:
    if assignment.fill_ones:
        return np.ones_like(array, order="C")
    # contiguous, so that equal weights give equal bytes
    return np.ascontiguousarray(array).reshape(assignment.shape(array.shape))


def to_tensors(values: Arrays) -> Tensors:
    """The values as tensors that share their memory."""
    import torch

    return {name: torch.from_numpy(value) for name, value in values.items()}
