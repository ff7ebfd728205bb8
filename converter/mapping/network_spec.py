"""Names, shapes and dtypes of the catalogue's networks, without memory for their weights."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..mappings.network_table import load_network_table
from .assignment import ArraySpec

if TYPE_CHECKING:
    from torch import nn

    from ..models import ResNet


@functools.lru_cache(maxsize=128)
def network_specs(name: str, num_classes: int, in_chans: int) -> Mapping[str, ArraySpec]:
    """Return shapes and dtypes of a network's state_dict; neither torch nor the network is needed.

    Args:
        name: GluonCV's name.
        num_classes: Outputs of the classifier; 0 for a network without it.
        in_chans: Channels of the images.
    """
    specs = load_network_table(name).tensor_specs(num_classes, in_chans)
    return {key: ArraySpec(shape, dtype) for key, (dtype, shape) in specs.items()}


def empty_network(name: str, num_classes: int, in_chans: int, **options: Any) -> ResNet:
    """Build a network of the catalogue on the meta device; its weights are to be assigned.

    Args:
        options: Other options of `create_model`.
    """
    import torch

    from ..models import create_model

    with torch.device("meta"):
        return create_model(name, num_classes=num_classes, in_chans=in_chans, **options)


def describe_network(network: nn.Module) -> dict[str, ArraySpec]:
    """Return shapes and dtypes of a network's state_dict, as mapping/assignment.py needs them."""
    return {
        name: ArraySpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in network.state_dict().items()
    }
