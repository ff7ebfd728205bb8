"""Is the converted network the reference? Measured, stage by stage, in float64 and float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from ..errors import ParityError
from ..mappings.key_map import Stage
from ..sources.arrays import Array, Arrays
from .result import Check, Parity, StageDifference

# float64 is the proof: a right network was measured at 2e-15. float32 is the smoke test: it shows
# rounding of the order of 1e-6, in which small errors hide.
LIMITS = {"float64": 1e-12, "float32": 1e-5}
BATCH = 2
PERTURBATION = 1e-6


class Reference(Protocol):
    """What a network is measured against."""

    name: str
    dtypes: Sequence[str]  # that it computes in; stages are compared in the first

    def cast(self, dtype: str) -> None:
        """Compute in this dtype from here on."""

    def __call__(self, images: Array) -> Arrays:
        """Images (N, C, H, W) → each stage's output, by name."""


def random_images(
    sizes: Sequence[tuple[int, int]], in_chans: int = 3, seed: int = 0
) -> list[Array]:
    """A batch for each height and width: random, with the spread of normalised images."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((BATCH, in_chans, *size), np.float32) for size in sizes]


def measure(
    network: nn.Module,
    reference: Reference,
    stages: Sequence[Stage],
    inputs: Sequence[Array],
    *,
    seed: int = 0,
) -> Parity:
    """Compare the two networks.

    float64 comes first, from the weights as they are; the network is left in the last dtype.
    Casting in place keeps one copy of the weights in memory.

    Args:
        network: the converted one, with its weights.
        reference: what it should equal.
        stages: where both give out; the last is the logits.
        inputs: batches of images (N, C, H, W) in float32.
        seed: of the direction in which the condition is measured.
    """
    network.eval()
    condition = _condition(network.double(), min(inputs, key=np.size), seed)
    checks: list[Check] = []
    worst: dict[str, float] = {}
    for dtype in reference.dtypes:
        network.to(getattr(torch, dtype))
        reference.cast(dtype)
        for images in inputs:
            images = images.astype(dtype, copy=False)
            expected, actual = reference(images), stage_outputs(network, stages, images)
            differences = {
                stage.name: difference(actual[stage.name], expected[stage.name]) for stage in stages
            }
            if dtype == reference.dtypes[0]:
                for name, (_, relative) in differences.items():
                    worst[name] = float(np.maximum(worst.get(name, 0.0), relative))  # keeps NaN
            shape = "x".join(map(str, images.shape))
            checks.append(Check(dtype, shape, *differences[stages[-1].name], LIMITS[dtype]))
    differing = [StageDifference(name, relative) for name, relative in worst.items()]
    return Parity(
        reference=reference.name,
        passed=all(check.passed for check in checks)
        and all(stage.max_rel <= LIMITS[reference.dtypes[0]] for stage in differing),
        checks=tuple(checks),
        stages=tuple(differing),
        condition=condition,
    )


def require(parity: Parity, model: str) -> None:
    """Raise unless parity holds.

    Raises:
        ParityError: names the first stage that differs, or the check that fails.
    """
    if parity.passed:
        return
    dtype, limit = parity.checks[0].dtype, parity.checks[0].limit
    first = next((stage for stage in parity.stages if not stage.max_rel <= limit), None)
    if first is not None:
        what = f"the first stage that differs is {first.name} ({first.max_rel:.1e} in {dtype}"
    else:
        check = next(check for check in parity.checks if not check.passed)
        limit = check.limit
        what = f"the logits differ at {check.input} ({check.max_rel:.1e} in {check.dtype}"
    raise ParityError(
        f"{model}: not equal to its {parity.reference} reference: {what}, limit {limit:.0e})",
        parity,
    )


def stage_outputs(network: nn.Module, stages: Sequence[Stage], images: Array) -> Arrays:
    """Images (N, C, H, W) → each stage's output, by name."""
    outputs: Arrays = {}

    def remember(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
            outputs[name] = output.numpy().copy()  # a later activation may work in place

        return hook

    hooks = [
        network.get_submodule(stage.torch).register_forward_hook(remember(stage.name))
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
    """Largest absolute difference, and the same over the largest expected value."""
    if actual.shape != expected.shape:
        return float("inf"), float("inf")
    with np.errstate(invalid="ignore", over="ignore"):  # Inf - Inf is NaN, which never passes
        absolute = float(np.max(np.abs(actual - expected)))
        scale = float(np.max(np.abs(expected)))
    if absolute == 0.0:
        return 0.0, 0.0
    return absolute, absolute / scale if scale else float("inf")


def _condition(network: nn.Module, images: Array, seed: int) -> float:
    """Relative change of the logits over that of the input, in one random direction, float64.

    Half an image is enough to tell the order of magnitude, in a fraction of a forward pass.
    """
    _, _, height, width = images.shape
    image = images[:1, :, : -(-height // 2), : -(-width // 2)].astype(np.float64)
    nudge = PERTURBATION * image * np.random.default_rng(seed).uniform(-1, 1, image.shape)
    with torch.inference_mode():
        before, after = network(torch.from_numpy(np.concatenate([image, image + nudge]))).numpy()
    norm = np.linalg.norm
    with np.errstate(all="ignore"):  # logits that are no numbers give a condition that is none
        return float(norm(after - before) / norm(before) / (norm(nudge) / norm(image)))
