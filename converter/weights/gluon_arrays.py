"""A state_dict → the arrays that GluonCV's `load_parameters` accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import CheckpointError
from ..mapping.assignment import WEIGHT_DTYPES, gluon_names
from ..mappings.key_map import ALL_KINDS, load_keymap
from ..sources.arrays import Arrays

if TYPE_CHECKING:
    import torch


def gluon_arrays(
    family: str, tensors: Mapping[str, torch.Tensor], where: object, *, headless: bool = False
) -> Arrays:
    """The arrays by Gluon's structural names, in the order in which Gluon saves them.

    A fixed gamma, which MXNet does not read, has to be 1.

    Args:
        family: the key map.
        tensors: the state_dict under our keys.
        where: the file they are from, for errors.
        headless: they are a trunk's, without the classifier.

    Raises:
        CheckpointError: a tensor has a dtype that weights in MXNet do not have, or a value that
            MXNet would not read.
    """
    keymap = load_keymap(family)
    if headless:
        keymap = keymap.headless()
    arrays: Arrays = {}
    for target, tensor in tensors.items():
        for source, kind in gluon_names(keymap, [target]):
            dtype = str(tensor.dtype).removeprefix("torch.")
            if dtype not in WEIGHT_DTYPES:
                raise CheckpointError(
                    f"{where}: {target} is {dtype}; MXNet's weights are "
                    f"{', '.join(WEIGHT_DTYPES)}: cast it, as in `tensor.float()`"
                )
            if target.rpartition(".")[2] in ALL_KINDS[kind].ones and not bool((tensor == 1).all()):
                raise CheckpointError(
                    f"{where}: {target} is not 1, the value with which MXNet computes whatever the "
                    "file holds; it cannot be written for MXNet"
                )
            array = tensor.detach().numpy()
            arrays[source] = array.reshape(array.shape[:2]) if ALL_KINDS[kind].as_conv else array
    return arrays
