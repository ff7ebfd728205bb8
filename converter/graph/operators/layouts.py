"""The order of the axes of feature maps."""

from __future__ import annotations

import torch
from torch import fx

from ..construction.call import Call

# by the number of the kernel's dimensions
CHANNELS_FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
CHANNELS_LAST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def is_channels_last(call: Call, rank: int) -> bool:
    """Whether a node's layout has the channels last.

    Args:
        rank: Number of the kernel's dimensions.

    Raises:
        GraphError: If it is neither of the two layouts of that many dimensions.
    """
    layouts = [CHANNELS_FIRST[rank], CHANNELS_LAST[rank]]
    return call.attributes.choice("layout", layouts[0], layouts) == CHANNELS_LAST[rank]


def to_channels_first(call: Call, value: fx.Node, rank: int) -> fx.Node:
    """Move the channels to the second place."""
    return call.function(torch.movedim, value, -1, 1, rank=rank + 2, suffix="_channels_first")


def to_channels_last(call: Call, value: fx.Node, rank: int) -> fx.Node:
    """Move the channels back to the last place."""
    return call.function(torch.movedim, value, 1, -1, rank=rank + 2, suffix="_channels_last")
