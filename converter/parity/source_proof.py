"""Proof of a network's source, which is run in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from ..errors import CheckpointError
from ..graph.inputs.input_spec import Specs, describe, in_dtype, random_inputs
from ..sources.arrays import Array, Arrays
from . import source_runner
from .head_measurement import run
from .mask_values import find_masks
from .measurement import LIMITS
from .output_bounds import amplification, output_difference

DTYPE = "float64"


def prove_source(
    source: Path, weights: Path, network: str, module: nn.Module, examples: Sequence[Specs]
) -> float:
    """Require that a source computes as the module that it was written from, in float64.

    Args:
        source: The file of the source.
        weights: The safetensors file of its state_dict.
        network: Name of the network's class.
        module: The module, in float32, which it is again afterwards.
        examples: The inputs to compare at, whose values are random.

    Each channel has its own bound (output_bounds.py).

    Returns:
        The largest difference, relative to the largest value of the output.

    Raises:
        CheckpointError: If the source does not run, or an output differs.
    """
    rng = np.random.default_rng(0)
    inputs = [in_dtype(random_inputs(specs, rng), DTYPE) for specs in examples]
    found = _run_source(source, weights, network, inputs)
    narrow = [run(module, in_dtype(values, "float32")) for values in inputs]
    module.to(getattr(torch, DTYPE))
    worst = 0.0
    expected = [run(module, values) for values in inputs]
    another = in_dtype(random_inputs(examples[0], rng), DTYPE)
    masks = list(map(find_masks, expected[0], run(module, another)))
    limit = LIMITS[DTYPE]
    for specs, outputs, wanted, rounded in zip(examples, found, expected, narrow, strict=True):
        for one, other, third, mask in zip(outputs, wanted, rounded, masks, strict=True):
            actual, original, inexact = map(mask.replaced, (one, other, third))
            units = amplification(inexact, original)
            apart = output_difference(actual, original, units, limit, DTYPE)
            if not (apart.max_rel <= limit and apart.max_own <= 1.0):
                shape = describe({key: spec.shape for key, spec in specs.items()})
                raise CheckpointError(
                    f"{source.name}: the source differs from the graph by {apart.max_rel:.1e} of "
                    f"the largest output, and by {apart.max_own:.1e} of what a channel may differ, "
                    f"in {DTYPE} on inputs of shape {shape}; no file was written"
                )
            worst = max(worst, apart.max_rel)
    module.float()
    return worst


def _run_source(
    source: Path, weights: Path, network: str, inputs: Sequence[Arrays]
) -> list[list[Array]]:
    """The outputs of a source for each trial's inputs, computed by another process."""
    folder = source.parent
    values, results = folder / "inputs", folder / "outputs"
    save_file(
        {
            f"{trial}.{place}": np.ascontiguousarray(value)
            for trial, each in enumerate(inputs)
            for place, value in enumerate(each.values())
        },
        values,
    )
    options = {
        "source": str(source),
        "weights": str(weights),
        "inputs": str(values),
        "outputs": str(results),
        "network": network,
        "dtype": DTYPE,
        "counts": [len(each) for each in inputs],
        "path": [each for each in sys.path if each],
    }
    try:
        # -I: not the working directory; -B: no compiled file beside the source
        finished = subprocess.run(
            [sys.executable, "-I", "-B", source_runner.__file__, json.dumps(options)],
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            lines = [line for line in finished.stderr.splitlines() if line.strip()]
            reason = lines[-1] if lines else f"exit status {finished.returncode}"
            raise CheckpointError(f"{source.name}: the source does not run ({reason})")
        outputs = load_file(results)
    finally:
        values.unlink(missing_ok=True)
        results.unlink(missing_ok=True)
    found: list[list[Array]] = [[] for _ in inputs]
    for trial, heads in enumerate(found):
        while (name := f"{trial}.{len(heads)}") in outputs:
            heads.append(outputs[name])
    return found
