"""Classification of many images in batches, shared among the processes of a world."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..mappings.choices import BATCH_SIZES, check_range
from ..sources.arrays import Array
from .images.batches import default_workers, load_batches
from .process_group import World

if TYPE_CHECKING:
    from .images.labelled_images import LabelledImages
    from .images.presets import Crop
    from .runner import Runner

TOP = 5
UNKNOWN = -1  # in place of a class, where logits are not finite
BATCH_SIZE = 64


@dataclass(frozen=True)
class Answers:
    """Predictions for a list of images.

    Attributes:
        indices: Positions in the list of the images that were read, ascending, (N,).
        targets: Their true classes, (N,).
        top: The most probable classes of each, (N, up to 5), most probable first.
        probability: Softmax probability of the top-1 class, (N,).
        broken: Images that could not be read: position in the list → error message.
        seconds: Time from the first image to the last.
        images_per_second: Throughput after the first batch; None if there was no other.
    """

    indices: Array
    targets: Array
    top: Array
    probability: Array
    broken: dict[int, str]
    seconds: float
    images_per_second: float | None

    @property
    def images(self) -> int:
        """Number of images that were classified."""
        return len(self.indices)

    @property
    def top1(self) -> int:
        """Images whose top-1 prediction is correct."""
        return int((self.top[:, :1] == self.targets[:, None]).sum())

    @property
    def top5(self) -> int:
        """Images whose true class is among the top 5."""
        return int((self.top == self.targets[:, None]).sum())

    def as_dict(self) -> dict[str, Any]:
        """The counts, in the form that `--json` writes."""
        rate = self.images_per_second
        return {
            "images": self.images,
            "top1": self.top1,
            "top5": self.top5,
            "skipped": len(self.broken),
            "seconds": round(self.seconds, 3),
            "images_per_second": None if rate is None else round(rate, 1),
        }


@dataclass(frozen=True)
class Progress:
    """Progress of this process: images done, images in total, correct top-1 predictions.

    The last is None for networks that do not classify.
    """

    done: int
    total: int
    right: int | None = None


def classify(
    run: Runner,
    images: LabelledImages,
    crop: Crop,
    *,
    batch_size: int = BATCH_SIZE,
    workers: int | None = None,
    world: World | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Answers:
    """Classify a list of images.

    Each process of a world classifies its share of the batches and returns the predictions of all
    processes. Images that cannot be read are listed in `broken` and not counted.

    Args:
        run: The network, ready on its device.
        images: The files and their classes.
        crop: How the images are prepared.
        batch_size: Images per batch, 1 at least.
        workers: Image-reading processes for each process of the world; None for
            `default_workers`.
        world: The processes that share the work; this one alone by default.
        progress: Called after each batch.

    Raises:
        ValueError: The batch size is below 1.
        MissingDependencyError: Pillow is not installed.
    """
    check_range("batch_size", batch_size, BATCH_SIZES)
    world = world or World()
    targets = np.array(images.targets)
    rows: list[_Rows] = []
    broken: dict[int, str] = {}
    start = time.perf_counter()
    first = start, 0
    done = right = 0
    total = sum(
        min(batch_size, len(targets) - at)
        for at in range(world.rank * batch_size, len(targets), world.size * batch_size)
    )
    for batch in load_batches(
        images.paths,
        crop,
        batch_size=batch_size,
        workers=default_workers() if workers is None else workers,
        part=world.rank,
        parts=world.size,
    ):
        broken |= batch.broken
        done += len(batch.indices) + len(batch.broken)
        if batch.indices:
            result = _classify_batch(run, batch.indices, batch.pixels)
            right += int((result.top[:, 0] == targets[result.indices]).sum())
            rows.append(result)
        if first[1] == 0:
            first = time.perf_counter(), done
        if progress is not None:
            progress(Progress(done, total, right))
    end = time.perf_counter()
    parts = world.gather((rows, broken, end - start, (done - first[1]) / (end - first[0])))
    return _merge(targets, parts)


@dataclass(frozen=True)
class _Rows:
    indices: Array
    top: Array
    probability: Array


def _classify_batch(run: Runner, indices: Sequence[int], pixels: Any) -> _Rows:
    logits = run(pixels).cpu().double()  # some devices have no float64
    top = logits.topk(min(TOP, logits.shape[1]), dim=1).indices
    probability = logits.softmax(1).gather(1, top[:, :1])[:, 0]
    top[~logits.isfinite().all(1)] = UNKNOWN
    return _Rows(np.array(indices), top.numpy(), probability.numpy())


def _merge(targets: Array, parts: Sequence[Any]) -> Answers:
    """Merge the results of all processes, in the order of the images."""
    all_rows = [row for rows, *_ in parts for row in rows]
    empty = _Rows(np.empty(0, np.int64), np.empty((0, 1), np.int64), np.empty(0))
    indices, top, probability = (
        np.concatenate([getattr(each, name) for each in (all_rows or [empty])])
        for name in ("indices", "top", "probability")
    )
    order = np.argsort(indices)
    broken: dict[int, str] = {}
    for _, part_broken, *_ in parts:
        broken |= part_broken
    return Answers(
        indices=indices[order],
        targets=targets[indices[order]],
        top=top[order],
        probability=probability[order],
        broken=dict(sorted(broken.items())),
        seconds=max(seconds for _, _, seconds, _ in parts),
        images_per_second=sum(rate for *_, rate in parts) or None,
    )
