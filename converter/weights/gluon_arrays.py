"""Conversion of a state_dict to the arrays that GluonCV's `load_parameters` accepts."""

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
    """Convert a state_dict to Gluon's arrays, by structural name and in Gluon's order of saving.

    A fixed gamma, which MXNet does not read, must be 1.

    Args:
        family: Name of the key map.
        tensors: The state_dict, with this project's keys.
        where: The file of the state_dict, for errors.
        headless: The state_dict is of a network without a classifier.

    Raises:
        CheckpointError: If a tensor has a dtype that MXNet's weights do not have, or a value that
            MXNet would ignore.
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
                    f"{', '.join(WEIGHT_DTYPES)}: cast it, for example with `tensor.float()`"
                )
            if target.rpartition(".")[2] in ALL_KINDS[kind].ones and not bool((tensor == 1).all()):
                raise CheckpointError(
                    f"{where}: {target} is not 1, the value that MXNet uses whatever the file "
                    "contains; it cannot be written for MXNet"
                )
            array = tensor.detach().numpy()
            arrays[source] = array.reshape(array.shape[:2]) if ALL_KINDS[kind].as_conv else array
    return arrays
