"""Renamed arrays → the tensors of a network's state_dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .keymap import MADE_UP, ArraySpec, Assignment

if TYPE_CHECKING:
    from torch import nn

Tensors = dict[str, torch.Tensor]


def describe_arrays(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, ArraySpec]:
    """Shapes and dtypes of arrays, for the key map's engine."""
    return {name: ArraySpec(array.shape, array.dtype.name) for name, array in arrays.items()}


def describe_network(network: nn.Module) -> dict[str, ArraySpec]:
    """Shapes and dtypes of a network's state_dict, for the key map's engine."""
    return {
        name: ArraySpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in network.state_dict().items()
    }


def build_state_dict(
    assignments: Sequence[Assignment],
    arrays: Mapping[str, np.ndarray[Any, Any]],
    targets: Sequence[str],
) -> Tensors:
    """Tensors in the network's order, sharing memory with the arrays.

    PyTorch's counters of batches, which MXNet does not have, are 0.
    """
    source = {assignment.target: assignment.source for assignment in assignments}
    return {
        target: torch.zeros((), dtype=torch.int64)
        if target.endswith(f".{MADE_UP}")
        else torch.from_numpy(arrays[source[target]])
        for target in targets
    }
