"""The catalogue's networks as names, shapes and dtypes, without memory for their weights."""

from __future__ import annotations

import torch
from torch import nn

from ..models import ResNet, create_model
from .assignment import ArraySpec


def empty_network(name: str, num_classes: int, in_chans: int) -> ResNet:
    """A network of the catalogue without memory for its weights, which are to be assigned."""
    with torch.device("meta"):
        network: ResNet = create_model(name, num_classes=num_classes, in_chans=in_chans)
    return network


def describe_network(network: nn.Module) -> dict[str, ArraySpec]:
    """Shapes and dtypes of a network's state_dict, for the key map's engine."""
    return {
        name: ArraySpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in network.state_dict().items()
    }
