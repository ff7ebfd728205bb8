"""Renamed arrays → the tensors of a network's state_dict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .beside import models_package
from .keymap import MADE_UP
from .matching import ArraySpec, Assignment

if TYPE_CHECKING:
    from torch import nn

    from models import ResNet

Tensors = dict[str, torch.Tensor]


def empty_network(name: str, num_classes: int, in_chans: int) -> ResNet:
    """A network of the catalogue without memory for its weights, which are to be assigned."""
    with torch.device("meta"):
        network: ResNet = models_package().create_model(
            name, num_classes=num_classes, in_chans=in_chans
        )
    return network


def describe_network(network: nn.Module) -> dict[str, ArraySpec]:
    """Shapes and dtypes of a network's state_dict, for the key map's engine."""
    return {
        name: ArraySpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in network.state_dict().items()
    }


def build_state_dict(
    assignments: Sequence[Assignment],
    arrays: Mapping[str, np.ndarray[Any, Any]],
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


def _tensor(assignment: Assignment, array: np.ndarray[Any, Any]) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array))  # equal weights, equal bytes
    if assignment.fill_ones:
        return torch.ones_like(tensor)
    return tensor.reshape(assignment.shape(array.shape))
