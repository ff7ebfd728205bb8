"""Extraction of pooled features and feature maps from images."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..checkpoints.checkpoint import Checkpoint, open_checkpoint
from ..checkpoints.program import Program
from ..errors import ImageError
from ..files.atomic_file import new_file
from ..mappings.choices import BATCH_SIZES, check_range
from ..sources.arrays import Array, Arrays
from .classification import BATCH_SIZE
from .graph_network import GraphNetwork, PixelScale
from .images.batches import default_workers, load_batches
from .images.image_file import Paths, find_images
from .images.presets import Crop, make_crop
from .runner import Setup, make_runner

POOLED = "features"


@dataclass(frozen=True)
class Features:
    """Features of images.

    Attributes:
        images: The files, in the order of the arrays.
        arrays: `features` (N, num_features), pooled over the image; or the feature maps of the
            stem and of each stage, `stem`, `stage1` … (N, channels, height, width); or the outputs
            of a graph's network. The dtype is float32, or float64 if the weights are float64.
        broken: An error message for each file that could not be read; the arrays leave these out.
    """

    images: tuple[str, ...]
    arrays: Arrays
    broken: tuple[str, ...]


def extract_features(
    checkpoint: Checkpoint | str | os.PathLike[str],
    images: Paths,
    *,
    stages: bool = False,
    preset: str = "gluon",
    setup: Setup | None = None,
    batch_size: int = BATCH_SIZE,
    workers: int | None = None,
) -> Features:
    """Extract pooled features, which the classifier receives, or the feature map of every stage.

    Args:
        checkpoint: An open checkpoint or its path; a backbone without a classifier works too.
        images: Files, or folders of them; a single one need not be in a list.
        stages: Extract the feature maps of the stem and the stages instead of pooled features.
        preset: How images are prepared (images/presets.py).
        setup: Device and precision; the CPU by default.
        batch_size: Images per batch, 1 at least.
        workers: Processes that read images; None for `default_workers`.

    Raises:
        ImageError: None of the images can be read; if only some cannot, `broken` says why.
        CheckpointError: The checkpoint cannot be read, or does not take RGB images.
        ValueError: The batch size is below 1.
    """
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = open_checkpoint(checkpoint)
    files = find_images(images)
    run = make_runner(checkpoint, setup or Setup(torch.device("cpu")), features_only=stages)
    if not stages:
        network: Any = run.network
        network.reset_classifier(0)

    def outputs(pixels: torch.Tensor) -> list[Array]:
        out = run(pixels)
        return [_array(each) for each in (out if stages else [out])]

    crop = make_crop(checkpoint.preprocessing, preset)
    images, together, broken = _extract(files, crop, outputs, batch_size, workers)
    names = ["stem", *(f"stage{n}" for n in range(1, len(together)))] if stages else [POOLED]
    return Features(images, dict(zip(names, together, strict=False)), broken)


def extract_outputs(
    program: Program,
    images: Paths,
    *,
    preset: str = "gluon",
    scale: PixelScale | None = None,
    setup: Setup | None = None,
    batch_size: int = BATCH_SIZE,
    workers: int | None = None,
) -> Features:
    """Compute the outputs of a graph's network for images, by the names of MXNet's nodes.

    Args:
        program: The opened file.
        images, preset, setup, batch_size, workers: As in `extract_features`.
        scale: Mean and standard deviation of its inputs.

    Raises:
        ImageError: None of the images can be read; if only some cannot, `broken` says why.
        CheckpointError: The network does not take one batch of RGB images.
        ValueError: The batch size is below 1.
    """
    files = find_images(images)
    setup = setup or Setup(torch.device("cpu"))
    network = GraphNetwork(program, setup, preset=preset, scale=scale)
    found, together, broken = _extract(files, network.crop, network, batch_size, workers)
    return Features(found, dict(zip(network.outputs, together, strict=False)), broken)


def _extract(
    files: list[str],
    crop: Crop,
    run: Callable[[torch.Tensor], list[Array]],
    batch_size: int,
    workers: int | None,
) -> tuple[tuple[str, ...], list[Array], tuple[str, ...]]:
    """The images that could be read, the network's outputs for them, and messages on the others.

    Raises:
        ImageError: None can be read.
        ValueError: The batch size is below 1.
    """
    check_range("batch_size", batch_size, BATCH_SIZES)
    if not files:
        raise ImageError("there are no images; give files, or folders of them")
    found: list[int] = []
    broken: dict[int, str] = {}
    batches: list[list[Array]] = []
    workers = default_workers() if workers is None else workers
    for batch in load_batches(files, crop, batch_size=batch_size, workers=workers):
        broken |= batch.broken
        if batch.indices:
            found += batch.indices
            batches.append(run(batch.pixels))
    if not found:
        first = next(iter(broken.values()))
        raise ImageError(f"none of the images can be read; the first: {first}")
    together = [np.concatenate(each) for each in zip(*batches, strict=True)]
    return tuple(files[index] for index in found), together, tuple(broken.values())


def write_features(features: Features, path: Path) -> None:
    """Write the arrays to an `.npz` file, with the image file names as `images`.

    Raises:
        CheckpointError: The file cannot be written.
    """
    with new_file(path) as file:
        np.savez(file, images=np.array(features.images, dtype=np.str_), **features.arrays)


def _array(tensor: torch.Tensor) -> Array:
    # on CPUs AMP returns bfloat16, which NumPy does not support
    return (tensor if tensor.dtype == torch.float64 else tensor.float()).cpu().numpy()
