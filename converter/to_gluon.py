"""The road back: a checkpoint → the `.params` that GluonCV's `load_parameters` accepts."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import CheckpointError
from .keymap import ALL_KINDS, load_keymap
from .matching import WEIGHT_DTYPES, gluon_names
from .opening import Checkpoint

Arrays = dict[str, np.ndarray[Any, Any]]


def gluon_arrays(checkpoint: Checkpoint) -> Arrays:
    """The arrays by Gluon's structural names, in the order in which Gluon saves them.

    A fixed gamma, which MXNet does not read, has to be 1.

    Raises:
        CheckpointError: a tensor has a dtype that weights in MXNet do not have, or a value that
            MXNet would not read.
    """
    keymap = load_keymap(checkpoint.entry.family)
    if not checkpoint.num_classes:
        keymap = keymap.headless()
    arrays: Arrays = {}
    for target, tensor in checkpoint.tensors.items():
        for source, kind in gluon_names(keymap, [target]):
            dtype = str(tensor.dtype).removeprefix("torch.")
            if dtype not in WEIGHT_DTYPES:
                raise CheckpointError(
                    f"{checkpoint.path}: {target} is {dtype}; MXNet's weights are "
                    f"{', '.join(WEIGHT_DTYPES)}: cast it, as in `tensor.float()`"
                )
            if target.rpartition(".")[2] in ALL_KINDS[kind].ones and not bool((tensor == 1).all()):
                raise CheckpointError(
                    f"{checkpoint.path}: {target} is not 1, with which MXNet computes whatever the "
                    "file says; it cannot be expressed there"
                )
            array = tensor.detach().numpy()
            arrays[source] = array.reshape(array.shape[:2]) if ALL_KINDS[kind].as_conv else array
    return arrays
