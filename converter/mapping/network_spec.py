"""Names, shapes and dtypes of the catalogue's networks, without memory for their weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..models import ResNet, create_model
from .assignment import ArraySpec


def empty_network(name: str, num_classes: int, in_chans: int, **options: Any) -> ResNet:
    """Build a network of the catalogue on the meta device; its weights are to be assigned.

    Args:
        options: other options of `create_model`.
    """
    with torch.device("meta"):
        return create_model(name, num_classes=num_classes, in_chans=in_chans, **options)


def describe_network(network: nn.Module) -> dict[str, ArraySpec]:
    """Return shapes and dtypes of a network's state_dict, as mapping/assignment.py needs them."""
    return {
        name: ArraySpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in network.state_dict().items()
    }
