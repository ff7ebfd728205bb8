"""Parity of a converted network with its reference: both run, in float64 and in float32."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from ..mappings.key_map import Stage
from ..sources.arrays import Array, Arrays
from .cores import run_both
from .output_comparison import compare_outputs
from .result import Parity

# float64 is the proof: a correct network was measured at 2e-15. float32 is a smoke test: its
# rounding errors, of the order of 1e-6, can hide small mistakes.
LIMITS = {"float64": 1e-12, "float32": 1e-5}
BATCH = 2
PERTURBATION = 1e-6
CROP = 48  # pixels


Outputs = dict[tuple[str, int], Arrays]
"""Outputs of a network, by data type and number of the inputs."""


class Castable(Protocol):
    """A network that computes in either data type."""

    def cast(self, dtype: str) -> None:
        """Compute in this data type from now on."""

    def __call__(self, inputs: Any, /) -> Arrays:
        """Return the outputs, by name."""


class Reference(Castable, Protocol):
    """A network that converted networks are compared with."""

    name: str
    dtypes: Sequence[str]  # data types that it supports; stages are compared in the first

    def __call__(self, images: Array) -> Arrays:
        """Return the output of each stage, by name, for images of shape (N, C, H, W)."""


def images_in_dtype(images: Array, dtype: str) -> Array:
    """Images in a data type; the same array if they have it."""
    return images.astype(dtype, copy=False)


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
    condition: bool = True,
    seed: int = 0,
    announce: Callable[[str, float], None] = lambda what, done: None,
) -> Parity:
    """Compare a converted network with its reference; both run at the same time.

    Casting in place keeps one copy of the weights in memory. It ends in float64, since casts take
    time, unless the weights are in float64: then that is measured first, from the unrounded ones.

    Args:
        network: The converted network, with its weights.
        reference: The network that it is expected to equal.
        stages: Stages whose outputs are compared; the last is the logits.
        inputs: Batches of images of shape (N, C, H, W), in float32.
        dtypes: Data types to compare in; by default all that the reference supports.
        condition: Whether to measure the condition number, too.
        seed: Seed of the direction in which the condition number is measured.
        announce: Called with the data type and size of each part, and the share before it.
    """
    dtypes = reference.dtypes if dtypes is None else dtypes
    network.eval()
    wide = any(each.dtype == torch.float64 for each in network.state_dict().values())
    order = ("float64", "float32") if wide else ("float32", "float64")
    perturbation = seed if condition else None
    (outputs, conditioned), expected = run_both(
        lambda: _run_network(network, stages, order, inputs, perturbation, announce),
        lambda: run_reference(
            reference, [each for each in order if each in dtypes], inputs, images_in_dtype
        ),
    )
    return compare_outputs(
        reference.name,
        [stage.name for stage in stages],
        inputs,
        outputs,
        expected,
        {dtype: LIMITS[dtype] for dtype in dtypes},
        conditioned,
    )


def _run_network(
    network: nn.Module,
    stages: Sequence[Stage],
    dtypes: Sequence[str],
    inputs: Sequence[Array],
    seed: int | None,
    announce: Callable[[str, float], None],
) -> tuple[Outputs, float | None]:
    """The outputs of all stages, and the condition number unless its seed is None.

    Args:
        announce: Called with the data type and size of each part, and the share before it.
    """
    outputs, condition = {}, None
    whole, done = len(dtypes) * sum(images.size for images in inputs), 0
    for dtype in dtypes:
        network.to(getattr(torch, dtype))
        for number, images in enumerate(inputs):
            announce("{} {}x{}".format(dtype, *images.shape[-2:]), done / whole)
            done += images.size
            cast = images_in_dtype(images, dtype)
            outputs[dtype, number] = stage_outputs(network, stages, cast)
        if dtype == "float64" and seed is not None:
            condition = _condition(network, min(inputs, key=np.size), seed)
    return outputs, condition


def run_reference(
    reference: Castable,
    dtypes: Iterable[str],
    inputs: Sequence[Any],
    in_dtype: Callable[[Any, str], Any],
) -> Outputs:
    """The outputs of a reference for each of the inputs, in each data type.

    Args:
        in_dtype: Converts inputs to a data type.
    """
    outputs = {}
    for dtype in dtypes:
        reference.cast(dtype)
        for number, values in enumerate(inputs):
            outputs[dtype, number] = reference(in_dtype(values, dtype))
    return outputs


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


def _condition(network: nn.Module, images: Array, seed: int) -> float:
    """Relative change of the logits over that of the input, in one random direction, in float64.

    A crop of at most half the height and width is enough for the order of magnitude, at a fraction
    of the cost of a forward pass.
    """
    _, _, height, width = images.shape
    rows, columns = min(CROP, -(-height // 2)), min(CROP, -(-width // 2))
    image = images[:1, :, :rows, :columns].astype(np.float64)
    change = PERTURBATION * image * np.random.default_rng(seed).uniform(-1, 1, image.shape)
    with torch.inference_mode():
        before, after = network(torch.from_numpy(np.concatenate([image, image + change]))).numpy()
    norm = np.linalg.norm
    with np.errstate(all="ignore"):  # NaN or Inf in the logits gives a NaN condition number
        return float(norm(after - before) / norm(before) / (norm(change) / norm(image)))
