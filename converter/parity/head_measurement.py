"""Parity of an imported module with MXNet, measured for each output of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from ..sources.arrays import Array, Arrays
from .measurement import BATCH, Reference, compare_outputs
from .result import Parity


def measure_heads(
    module: nn.Module,
    reference: Reference,
    shapes: Sequence[tuple[int, ...]],
    limits: Mapping[str, float],
    *,
    seed: int = 0,
) -> Parity:
    """Compare a module with its reference, in each data type and at each input shape.

    The module is left in float32.

    Args:
        module: The imported module.
        reference: The network that the module is expected to equal.
        shapes: Input shapes to measure, without the batch dimension; inputs are random batches of
            two.
        limits: Allowed relative difference by data type, in the order of measurement.
        seed: Seed of the random inputs.
    """
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal((BATCH, *shape)) for shape in shapes]
    outputs: dict[tuple[str, int], Arrays] = {}
    expected: dict[tuple[str, int], Arrays] = {}
    for dtype in ("float64", "float32"):
        module.to(getattr(torch, dtype))
        if dtype in limits:
            reference.cast(dtype)
        for number, data in enumerate(inputs):
            heads = run(module, data.astype(dtype))
            outputs[dtype, number] = {f"head{place}": head for place, head in enumerate(heads)}
            if dtype in limits:
                expected[dtype, number] = reference(data.astype(dtype))
    names = list(outputs["float64", 0])
    return compare_outputs(reference.name, names, inputs, outputs, expected, limits, None)


def run(module: nn.Module, data: Array) -> list[Array]:
    """Run a module and return its outputs as a list, also where there is only one."""
    with torch.inference_mode():
        result = module(torch.from_numpy(data))
    return [head.numpy() for head in (result if isinstance(result, tuple) else (result,))]
