"""Batches of crops, prepared by worker processes while the network computes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ...errors import ImageError
from .image_file import read_image, require_pillow
from .presets import Crop


@dataclass(frozen=True)
class Batch:
    """A batch of a list of images.

    Attributes:
        indices: Positions in the list of the images that were read.
        pixels: Their crops, (N, H, W, 3), 8-bit.
        broken: Images that could not be read: position in the list → error message.
    """

    indices: tuple[int, ...]
    pixels: torch.Tensor
    broken: dict[int, str]


@dataclass(frozen=True)
class _Batches(Dataset[Batch]):
    paths: Sequence[str]
    crop: Crop
    batch_size: int

    def __len__(self) -> int:
        return -(-len(self.paths) // self.batch_size)

    def __getitem__(self, number: int) -> Batch:
        start = number * self.batch_size
        crops: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = {}
        broken: dict[int, str] = {}
        for index in range(start, min(start + self.batch_size, len(self.paths))):
            try:
                crops[index] = self.crop(read_image(self.paths[index]))
            except ImageError as error:
                broken[index] = str(error)
        shape = (0, *self.crop.size, 3)
        pixels = np.stack(list(crops.values())) if crops else np.empty(shape, np.uint8)
        return Batch(tuple(crops), torch.from_numpy(pixels), broken)


def load_batches(
    paths: Sequence[str],
    crop: Crop,
    *,
    batch_size: int,
    workers: int = 0,
    part: int = 0,
    parts: int = 1,
) -> Iterator[Batch]:
    """Split a list of images into batches, and yield every `parts`-th of them.

    The batches are the same for any `parts`: the last bits of a network's output depend on which
    images share a batch, and so sharing the work changes no result.

    Args:
        paths: The image files.
        crop: How they are prepared.
        batch_size: Images per batch.
        workers: Processes that read and crop; 0 does so in this process.
        part: The first batch to yield, 0 … parts - 1.
        parts: Number of processes that share the batches.

    Raises:
        MissingDependencyError: Pillow is not installed.
    """
    require_pillow()
    batches = _Batches(paths, crop, batch_size)
    mine = range(part, len(batches), parts)
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=mine,
        num_workers=min(workers, len(mine)),
        worker_init_fn=_lower_priority if workers else None,
    )
    yield from loader


def default_workers() -> int:
    """One worker per core, divided by the processes that torchrun started here; at most 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return max(1, min((cores or 1) // processes, 16))


def _lower_priority(worker: int) -> None:
    """Lower the priority of a worker.

    The network's threads wait for each other: a worker that delays one of them delays them all.
    """
    if hasattr(os, "nice"):
        os.nice(5)
