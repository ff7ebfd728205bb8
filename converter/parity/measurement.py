"""Parity of a converted network with its reference, by stage, in float64 and float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from ..errors import ParityError
from ..mappings.key_map import Stage
from ..sources.arrays import Array, Arrays
from .output_bounds import (
    OutputDifference,
    amplification,
    depends_on_input,
    output_difference,
)
from .result import Check, Parity, StageDifference

# float64 is the proof: a correct network was measured at 2e-15. float32 is a smoke test: its
# rounding errors, of the order of 1e-6, can hide small mistakes.
LIMITS = {"float64": 1e-12, "float32": 1e-5}
BATCH = 2
PERTURBATION = 1e-6


class Reference(Protocol):
    """A network that converted networks are compared with."""

    name: str
    dtypes: Sequence[str]  # data types that it supports; stages are compared in the first

    def cast(self, dtype: str) -> None:
        """Compute in this data type from now on."""

    def __call__(self, images: Array) -> Arrays:
        """Return the output of each stage, by name, for images of shape (N, C, H, W)."""


def random_images(
    sizes: Sequence[tuple[int, int]], in_chans: int = 3, seed: int = 0
) -> list[Array]:
    """Random batches (N, C, H, W) with the spread of normalized images, one for each (H, W)."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((BATCH, in_chans, *size), np.float32) for size in sizes]


def measure(
    network: nn.Module,
    reference: Reference,
    stages: Sequence[Stage],
    inputs: Sequence[Array],
    *,
    dtypes: Sequence[str] | None = None,
    seed: int = 0,
) -> Parity:
    """Compare a converted network with its reference.

    float64 is measured first, from the unrounded weights; the network is left in float32. Casting
    in place keeps one copy of the weights in memory.

    Args:
        network: The converted network, with its weights.
        reference: The network that it is expected to equal.
        stages: Stages whose outputs are compared; the last is the logits.
        inputs: Batches of images of shape (N, C, H, W), in float32.
        dtypes: Data types to compare in; by default all that the reference supports.
        seed: Seed of the direction in which the condition number is measured.
    """
    dtypes = reference.dtypes if dtypes is None else dtypes
    network.eval()
    condition = _condition(network.double(), min(inputs, key=np.size), seed)
    expected: dict[tuple[str, int], Arrays] = {}
    outputs: dict[tuple[str, int], Arrays] = {}
    for dtype in ("float64", "float32"):
        network.to(getattr(torch, dtype))
        if dtype in dtypes:
            reference.cast(dtype)
        for number, images in enumerate(inputs):
            cast = images.astype(dtype, copy=False)
            outputs[dtype, number] = stage_outputs(network, stages, cast)
            if dtype in dtypes:
                expected[dtype, number] = reference(cast)
    return compare_outputs(
        reference.name,
        [stage.name for stage in stages],
        inputs,
        outputs,
        expected,
        {dtype: LIMITS[dtype] for dtype in dtypes},
        condition,
    )


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
    condition: float | None,
    constant_from: str | None,
) -> Parity:
    """Compare outputs as `compare_outputs` does, for inputs that need not be one batch of images.

    Args:
        reference, stages, outputs, expected, limits, condition: As in `compare_outputs`.
        shapes: Shapes of the inputs as text, by number.
        constant_from: The first stage whose outputs do not depend on the input; None if all do.
    """
    checks: list[Check] = []
    worst: dict[str, OutputDifference] = {}
    first = next(iter(limits))
    for dtype, limit in limits.items():
        for number, shape in enumerate(shapes):
            for stage in stages:
                units = amplification(
                    outputs["float32", number][stage], outputs["float64", number][stage]
                )
                actual, original = outputs[dtype, number][stage], expected[dtype, number][stage]
                found = output_difference(actual, original, units, limit, dtype)
                if dtype == first:
                    worst[stage] = _larger(worst.get(stage), found)
            checks.append(Check(dtype, shape, found.max_abs, found.max_rel, limit, found.max_own))
    differing = tuple(
        StageDifference(name, each.max_rel, each.max_own) for name, each in worst.items()
    )
    return Parity(
        reference=reference,
        passed=constant_from is None
        and all(check.passed for check in checks)
        and all(_holds(stage, limits[first]) for stage in differing),
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


def _holds(stage: StageDifference, limit: float) -> bool:
    return stage.max_rel <= limit and stage.max_own <= 1  # False for NaN


def require(parity: Parity, model: str) -> None:
    """Raise an error unless parity holds, with random weights too where that was measured.

    Raises:
        ParityError: If it does not; names the first stage that differs, or the check that fails.
    """
    if parity.map_proof is not None and (cause := _failure(parity.map_proof)):
        raise ParityError(
            f"{model}: equal to its {parity.reference} reference with these weights, but not with "
            f"random ones, so arrays are mapped to wrong keys: {cause}",
            parity,
        )
    if parity.training is not None and not parity.training.passed:
        check = next(check for check in parity.training.checks if not check.passed)
        raise ParityError(
            f"{model}: does not train as Gluon does: {check.what} differ, most in {check.array} "
            f"({check.max_rel:.1e} in {check.dtype}, limit {check.limit:.0e})",
            parity,
        )
    if cause := _failure(parity):
        raise ParityError(
            f"{model}: not equal to its {parity.reference} reference: {cause}", parity
        )


def _failure(parity: Parity) -> str | None:
    """Describe what keeps parity from holding."""
    if parity.passed:
        return None
    if parity.constant_from is not None:
        return (
            f"the outputs do not depend on the input: {parity.constant_from} is the first stage "
            "whose outputs are constant or not finite, so nothing can be proved; check the "
            "weights, or convert them unproved with `--reference none`"
        )
    dtype, limit = parity.checks[0].dtype, parity.checks[0].limit
    first = next((stage for stage in parity.stages if not _holds(stage, limit)), None)
    if first is not None:
        figures = _figures(first.max_rel, first.max_own, limit, dtype)
        return f"the first stage that differs is {first.name} ({figures})"
    check = next(check for check in parity.checks if not check.passed)
    figures = _figures(check.max_rel, check.max_own, check.limit, check.dtype)
    return f"the logits differ at {check.input} ({figures})"


def _figures(max_rel: float, max_own: float, limit: float, dtype: str) -> str:
    if not max_rel <= limit:
        return f"{max_rel:.1e} in {dtype}, limit {limit:.0e}"
    return f"a single output by {max_own:.1e} times its own bound in {dtype}"


def stage_outputs(network: nn.Module, stages: Sequence[Stage], images: Array) -> Arrays:
    """Run a network on images (N, C, H, W) and return the output of each stage, by name."""
    outputs: Arrays = {}

    def capture(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
            outputs[name] = output.numpy().copy()  # a later activation may be in-place

        return hook

    hooks = [
        network.get_submodule(stage.torch).register_forward_hook(capture(stage.name))
        for stage in stages
    ]
    try:
        with torch.inference_mode():
            network(torch.from_numpy(images))
    finally:
        for handle in hooks:
            handle.remove()
    return outputs


def difference(actual: Array, expected: Array) -> tuple[float, float]:
    """Return the largest absolute difference, and that divided by the largest expected value."""
    if actual.shape != expected.shape:
        return float("inf"), float("inf")
    with np.errstate(invalid="ignore", over="ignore"):  # Inf - Inf is NaN, which never passes
        absolute = float(np.max(np.abs(actual - expected)))
        scale = float(np.max(np.abs(expected)))
    if absolute == 0.0:
        return 0.0, 0.0
    return absolute, absolute / scale if scale else float("inf")


def _condition(network: nn.Module, images: Array, seed: int) -> float:
    """Relative change of the logits over that of the input, in one random direction, in float64.

    A crop of half the height and width is enough for the order of magnitude, at a fraction of the
    cost of a forward pass.
    """
    _, _, height, width = images.shape
    image = images[:1, :, : -(-height // 2), : -(-width // 2)].astype(np.float64)
    change = PERTURBATION * image * np.random.default_rng(seed).uniform(-1, 1, image.shape)
    with torch.inference_mode():
        before, after = network(torch.from_numpy(np.concatenate([image, image + change]))).numpy()
    norm = np.linalg.norm
    with np.errstate(all="ignore"):  # NaN or Inf in the logits gives a NaN condition number
        return float(norm(after - before) / norm(before) / (norm(change) / norm(image)))
