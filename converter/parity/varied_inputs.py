"""Random inputs for which a network's outputs are not everywhere the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from ..graph.inputs.input_spec import Specs, in_dtype, random_inputs, with_scale
from ..sources.arrays import Array
from .head_measurement import run

SCALES = 1.0, 8.0, 64.0  # standard deviations that are tried


def varied(module: nn.Module, specs: Specs) -> Specs:
    """Inputs of a standard deviation with which a module's outputs have different values.

    A trained detector finds nothing in most noise: all its outputs are -1, and a comparison of them
    says nothing. In stronger noise it finds something.

    Args:
        module: The module, in float32.
        specs: Its inputs.

    Returns:
        The inputs; unchanged, if the outputs are uniform with all standard deviations, or overflow.
    """
    for scale in SCALES:
        scaled = with_scale(specs, scale)
        values = in_dtype(random_inputs(scaled, np.random.default_rng(0)), "float32")
        outputs = run(module, values)
        if not uniform(outputs) and all(np.isfinite(each).all() for each in outputs):
            return scaled
    return specs


def uniform(outputs: Sequence[Array]) -> bool:
    """Whether each output has one value everywhere."""
    return all(each.size == 0 or (each == each.flat[0]).all() for each in outputs)
