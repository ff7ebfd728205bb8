"""Random weights for GluonCV's networks, well conditioned so that parity proves something."""

from __future__ import annotations

import numpy as np

from ..mappings.key_map import select
from .arrays import Array, Arrays
from .gluon_network import build_network, parameter_shapes

# the last scale of each residual branch is multiplied by this in random networks; undamped, deep
# ones amplify rounding a million times, and no parity would prove anything
RESIDUAL_DAMPING = 0.25


def random_arrays(
    name: str,
    residual_end: str,
    *,
    seed: int,
    num_classes: int,
    in_chans: int = 3,
    imperative: bool = False,
) -> Arrays:
    """Random weights for every array of a GluonCV network, its BatchNorm statistics too.

    Args:
        name: GluonCV's.
        residual_end: the pattern of the parameters that end the residual branches; damped, so that
            the network is well conditioned.
        seed: equal seeds give equal arrays, on every machine.
        imperative: the network does not run as a graph.

    Returns:
        float32 arrays by structural name.

    Raises:
        MissingDependencyError: MXNet is not at hand.
    """
    net = build_network(name, num_classes)
    shapes = parameter_shapes(net, in_chans, imperative)
    rng = np.random.default_rng(seed)
    arrays = {key: _random_array(rng, key, shape) for key, shape in shapes.items()}
    for key in select(residual_end, arrays):
        arrays[key] *= np.float32(RESIDUAL_DAMPING)
    return arrays


def _random_array(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
    parameter = name.rpartition(".")[2]
    if parameter in ("gamma", "running_var"):
        return 0.5 + rng.random(shape, np.float32)
    values = rng.standard_normal(shape, np.float32)
    # not twice as much, as He's initialisation has for ReLU: ResNeSt-269 would grow to 10,000 and
    # its attention enlarge rounding a hundred times
    fan_in = int(np.prod(shape[1:])) if parameter == "weight" else 25  # 0.2 for biases and means
    values *= np.float32(1.0 / fan_in) ** np.float32(0.5)
    return values
