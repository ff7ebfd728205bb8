"""Random weights for GluonCV's networks, well conditioned so that parity is meaningful."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np

from ..mappings.key_map import select
from ..mappings.network_table import load_network_table
from .arrays import Array, Arrays, Shape
from .normal_numbers import draw_normal

# factor for the last scale of each residual branch in random networks; without it, deep networks
# amplify rounding a million times and parity is meaningless
RESIDUAL_DAMPING = 0.25
POSITIVE = "gamma", "running_var", "moving_var"


def random_arrays(
    name: str,
    residual_end: str,
    *,
    seed: int,
    num_classes: int,
    in_chans: int = 3,
    memory: Array | None = None,
) -> Arrays:
    """Random weights for every array of a catalogue network, including BatchNorm's statistics.

    Names and shapes are GluonCV's, from the table of networks: MXNet is not needed.

    Args:
        name: GluonCV's name of the network.
        residual_end: Pattern of the parameters that end the residual branches; they are damped, so
            that the network is well conditioned.
        seed: Equal seeds give equal arrays on every machine.
        memory: As in `draw_arrays`.

    Returns:
        float32 arrays by structural name.
    """
    shapes = load_network_table(name).array_shapes(num_classes, in_chans)
    return draw_arrays(shapes, residual_end, seed, memory=memory)


def count_values(name: str, num_classes: int, in_chans: int = 3) -> int:
    """Return the number of values that `random_arrays` draws for a catalogue network."""
    shapes = load_network_table(name).array_shapes(num_classes, in_chans)
    return sum(map(math.prod, shapes.values()))


def draw_arrays(
    shapes: Mapping[str, Shape],
    residual_end: str,
    seed: int,
    *,
    uniform: bool = False,
    memory: Array | None = None,
) -> Arrays:
    """Random weights for arrays of these shapes.

    Args:
        shapes: Shapes by structural name.
        residual_end: As in `random_arrays`.
        seed: Equal seeds give equal arrays on every machine.
        uniform: Draw weights from a uniform distribution with the variance of the normal one, which
            is seven times as fast.
        memory: float32 values that the arrays are to occupy, at least as many as theirs; new memory
            by default.

    Returns:
        float32 arrays by structural name.
    """
    rng = np.random.default_rng(seed)
    arrays, at = {}, 0
    with ThreadPoolExecutor(1) as second:
        for key, shape in shapes.items():
            end = at + math.prod(shape)
            values = np.empty(end - at, np.float32) if memory is None else memory[at:end]
            assert values.size == end - at, "the memory is too small"
            _draw(rng, key, shape, values, None if uniform else second)
            arrays[key], at = values.reshape(shape), end
    for key in select(residual_end, arrays):
        arrays[key] *= np.float32(RESIDUAL_DAMPING)
    return arrays


def _draw(
    rng: np.random.Generator, name: str, shape: Shape, values: Array, second: Executor | None
) -> None:
    """Draw one array's values; without a second thread, weights from a uniform distribution."""
    if name.endswith(POSITIVE):
        rng.random(dtype=np.float32, out=values)
        values += np.float32(0.5)
        return
    if second is None:
        rng.random(dtype=np.float32, out=values)
        values -= np.float32(0.5)
        values *= np.float32(12**0.5)
    else:
        draw_normal(rng, values, second)
    # half the variance of He initialisation, with which ResNeSt-269 would reach 10,000 and its
    # attention amplify rounding a hundred times
    fan_in = int(np.prod(shape[1:])) if name.endswith("weight") else 25  # 0.2 for biases and means
    values *= np.float32(1.0 / fan_in) ** np.float32(0.5)
