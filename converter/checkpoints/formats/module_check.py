"""Comparison of a file that was written with the module that it was written from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import CheckpointError, ExportError
from ...graph.inputs.free_dimensions import trials
from ...graph.inputs.input_spec import describe, in_dtype, random_inputs
from ...parity.head_measurement import run
from ...parity.measurement import LIMITS
from ...parity.output_comparison import difference
from ...parity.varied_inputs import uniform, varied
from ...sources.arrays import Array, Arrays
from .job import GraphJob


def check_equal(
    job: GraphJob,
    loaded: Callable[[Arrays], list[Array]],
    what: str,
    stepwise: Callable[[Arrays], float] | None = None,
) -> None:
    """Require that what was written computes as its module, for all dimensions that are free.

    Args:
        job: The module.
        loaded: Runs what was written on inputs by name, and returns its outputs.
        what: What was written, for the error.
        stepwise: Returns the largest relative difference on inputs where parts are compared on
            equal inputs (stepwise_check.py), if rounding may change more than the last digits. It
            is called if outputs differ, and if they are uniform, as those of a detector that finds
            nothing.

    Raises:
        ExportError: If it does not run at a size of a free dimension.
        CheckpointError: If an output differs.
    """
    rng = np.random.default_rng(0)
    for example in trials(varied(job.module, job.specs), job.free):
        inputs = in_dtype(random_inputs(example, rng), "float32")
        shape = describe({key: spec.shape for key, spec in example.items()})
        try:
            outputs = loaded(inputs)
        except (RuntimeError, AssertionError) as error:  # AssertionError: torch.export's guards
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            message = f"{job.name}: {what} does not run on inputs of shape {shape} ({reason})"
            raise ExportError(message, reason) from error
        expected = run(job.module, inputs)
        pairs = [_without_shared_nonfinite(*each) for each in zip(outputs, expected, strict=True)]
        relative = float(np.max([difference(one, other)[1] for one, other in pairs]))
        if stepwise is not None and (not relative <= LIMITS["float32"] or uniform(expected)):
            relative = stepwise(inputs)
        if not relative <= LIMITS["float32"]:
            raise CheckpointError(
                f"{job.name}: {what} differs from the module by {relative:.1e} of the largest "
                f"output on inputs of shape {shape}; no file was written"
            )


def _without_shared_nonfinite(one: Array, other: Array) -> tuple[Array, Array]:
    """Two outputs with 0 where both are NaN or the same infinity, as weights can make them."""
    if one.shape != other.shape or other.dtype.kind != "f" or np.isfinite(other).all():
        return one, other
    shared = ~np.isfinite(other) & ((one == other) | (np.isnan(one) & np.isnan(other)))
    return np.where(shared, 0, one), np.where(shared, 0, other)
