"""Renamed arrays → the tensors of a network's state_dict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from ..mappings.key_map import MADE_UP
from ..mapping.assignment import Assignment
from ..sources.arrays import Array

Tensors = dict[str, torch.Tensor]


def build_state_dict(
    assignments: Sequence[Assignment],
    arrays: Mapping[str, Array],
    targets: Iterable[str],
    dtype: str = "keep",
) -> Tensors:
    """Tensors in the network's order, sharing memory with the arrays where they can.

    PyTorch's counters of batches, which MXNet does not have, are 0.

    Args:
        arrays: by structural name.
        targets: our state_dict's names.
        dtype: `float32` widens half precision, which is exact; `keep` leaves it.
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
    tensor = torch.from_numpy(np.ascontiguousarray(array))  # equal weights, equal bytes
    if assignment.fill_ones:
        return torch.ones_like(tensor)
    return tensor.reshape(assignment.shape(array.shape))
