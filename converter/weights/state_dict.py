"""Build a network's state_dict from renamed arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from ..mapping.assignment import Assignment
from ..mappings.key_map import MADE_UP
from ..sources.arrays import Array

Tensors = dict[str, torch.Tensor]


def build_state_dict(
    assignments: Sequence[Assignment],
    arrays: Mapping[str, Array],
    targets: Iterable[str],
    dtype: str = "keep",
) -> Tensors:
    """Build a state_dict in the network's order, sharing memory with the arrays where possible.

    BatchNorm's `num_batches_tracked`, which MXNet does not have, is 0.

    Args:
        assignments: Which array becomes which tensor.
        arrays: Arrays by structural name.
        targets: Keys of the state_dict, in order.
        dtype: `keep`, or `float32` to convert float16 tensors to float32, which is exact.
    """
    by_target = {assignment.target: assignment for assignment in assignments}
    tensors = {
        target: torch.zeros((), dtype=torch.int64)
        if target.endswith(f".{MADE_UP}")
        else _tensor(by_target[target], arrays[by_target[target].source])
        for target in targets
    }
    if dtype == "keep":
        return tensors
    return {
        name: tensor.float() if tensor.dtype == torch.float16 else tensor
        for name, tensor in tensors.items()
    }


def _tensor(assignment: Assignment, array: Array) -> torch.Tensor:
    # contiguous, so that equal weights give equal bytes
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if assignment.fill_ones:
        return torch.ones_like(tensor)
    return tensor.reshape(assignment.shape(array.shape))
