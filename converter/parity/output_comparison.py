"""Comparison of outputs that were computed: stage by stage, and channel by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple

import numpy as np

from ..sources.arrays import Array, Arrays
from .output_bounds import (
    OutputDifference,
    amplification,
    as_floats,
    depends_on_input,
    output_difference,
)
from .result import Check, Parity, StageDifference


def compare_outputs(
    reference: str,
    stages: Sequence[str],
    inputs: Sequence[Array],
    outputs: Mapping[tuple[str, int], Arrays],
    expected: Mapping[tuple[str, int], Arrays],
    limits: Mapping[str, float],
    condition: float | None,
) -> Parity:
    """Compare outputs that were computed, stage by stage and channel by channel.

    Args:
        reference: Name of the reference.
        stages: Names of the stages, in forward order; checks are of the last.
        inputs: The inputs, by number; batches of at least two.
        outputs: The network's outputs by data type, number of the input, and stage; in float64 and
            in float32.
        expected: The reference's outputs, in the data types of `limits`.
        limits: Allowed relative difference by data type; stages are compared in the first.
        condition: The network's condition number.
    """
    return compare_at_shapes(
        reference,
        stages,
        ["x".join(map(str, images.shape)) for images in inputs],
        outputs,
        expected,
        limits,
        heads=stages[-1:],
        condition=condition,
        constant_from=next(
            (stage for stage in stages if not depends_on_input(outputs["float64", 0][stage])), None
        ),
    )


def compare_at_shapes(
    reference: str,
    stages: Sequence[str],
    shapes: Sequence[str],
    outputs: Mapping[tuple[str, int], Arrays],
    expected: Mapping[tuple[str, int], Arrays],
    limits: Mapping[str, float],
    *,
    heads: Sequence[str],
    condition: float | None,
    constant_from: str | None,
) -> Parity:
    """Compare outputs as `compare_outputs` does, for inputs that need not be one batch of images.

    Args:
        reference, stages, outputs, expected, limits, condition: As in `compare_outputs`.
        shapes: Shapes of the inputs as text, by number.
        heads: The stages that are outputs of the network, which are compared in each data type.
        constant_from: The first stage whose outputs do not depend on the input; None if all do.
    """
    checks: list[Check] = []
    worst: dict[str, OutputDifference] = {}
    first = next(iter(limits))
    units = {
        (number, stage): amplification(
            outputs["float32", number][stage], outputs["float64", number][stage]
        )
        for number in range(len(shapes))
        for stage in stages
    }
    for dtype, limit in limits.items():
        for number, shape in enumerate(shapes):
            of_heads: OutputDifference | None = None
            for stage in stages:
                actual, original = outputs[dtype, number][stage], expected[dtype, number][stage]
                found = output_difference(actual, original, units[number, stage], limit, dtype)
                if dtype == first:
                    worst[stage] = _larger(worst.get(stage), found)
                if stage in heads:
                    of_heads = _larger(of_heads, found)
            assert of_heads is not None, "a network has an output"
            checks.append(
                Check(dtype, shape, of_heads.max_abs, of_heads.max_rel, limit, of_heads.max_own)
            )
    differing = tuple(
        StageDifference(name, each.max_rel, each.max_own) for name, each in worst.items()
    )
    return Parity(
        reference=reference,
        passed=constant_from is None
        and all(check.passed for check in checks)
        and all(stage.holds(limits[first]) for stage in differing),
        checks=tuple(checks),
        stages=differing,
        condition=condition,
        constant_from=constant_from,
    )


def _larger(one: OutputDifference | None, other: OutputDifference) -> OutputDifference:
    """The larger of each figure; NaN, which never passes, is the largest."""
    if one is None:
        return other
    pairs = zip(astuple(one), astuple(other), strict=True)
    return OutputDifference(*(float(np.maximum(*pair)) for pair in pairs))


def difference(actual: Array, expected: Array) -> tuple[float, float]:
    """Return the largest absolute difference, and that divided by the largest expected value."""
    if actual.shape != expected.shape:
        return float("inf"), float("inf")
    with np.errstate(invalid="ignore", over="ignore"):  # Inf - Inf is NaN, which never passes
        one, other = as_floats(actual), as_floats(expected)
        absolute = float(np.max(np.abs(one - other), initial=0.0))
        scale = float(np.max(np.abs(other), initial=0.0))
    if absolute == 0.0:
        return 0.0, 0.0
    return absolute, absolute / scale if scale else float("inf")
