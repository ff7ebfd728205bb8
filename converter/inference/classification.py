"""What a network says of many images, by as many processes as there are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..sources.arrays import Array
from .images.batches import default_workers, load_batches
from .process_group import World

if TYPE_CHECKING:
    from .images.labelled_images import LabelledImages
    from .images.presets import Crop
    from .runner import Runner

TOP = 5
BATCH_SIZE = 64


@dataclass(frozen=True)
class Answers:
    """What a network said of a list of images.

    Attributes:
        indices: which of the list were read, ascending.
        targets: the classes they are of.
        top: the likeliest classes of each, (images, up to 5), the likeliest first.
        probability: of the first of them, by the softmax.
        broken: those that could not be read: place in the list → what is wrong.
        seconds: from the first image to the last.
        images_per_second: after the first batch; None where there is no other.
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
        """How many were answered."""
        return len(self.indices)

    @property
    def top1(self) -> int:
        """How many are what the network holds for the likeliest."""
        return int((self.top[:, :1] == self.targets[:, None]).sum())

    @property
    def top5(self) -> int:
        """How many are among its five likeliest."""
        return int((self.top == self.targets[:, None]).sum())

    def as_dict(self) -> dict[str, Any]:
        """The counts, as `--json` prints them."""
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
    """How far this process is: images done of how many, and how many of them are right."""

    done: int
    total: int
    right: int


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
    """Classify a list of images; each process of a world takes its part, and gets all answers.

    An image that cannot be read is told in `broken`, and counts for nothing.

    Args:
        workers: processes that read images, of each process of the world; None for one a core.
        progress: called after each batch.

    Raises:
        MissingDependencyError: Pillow is not installed.
    """
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
            answer = _answer(run, batch.indices, batch.pixels)
            right += int((answer.top[:, 0] == targets[answer.indices]).sum())
            rows.append(answer)
        if first[1] == 0:
            first = time.perf_counter(), done
        if progress is not None:
            progress(Progress(done, total, right))
    end = time.perf_counter()
    parts = world.gather((rows, broken, end - start, (done - first[1]) / (end - first[0])))
    return _together(targets, parts)


@dataclass(frozen=True)
class _Rows:
    indices: Array
    top: Array
    probability: Array


def _answer(run: Runner, indices: Sequence[int], pixels: Any) -> _Rows:
    logits = run(pixels).double()
    top = logits.topk(min(TOP, logits.shape[1]), dim=1).indices
    probability = logits.softmax(1).gather(1, top[:, :1])[:, 0]
    return _Rows(np.array(indices), top.cpu().numpy(), probability.cpu().numpy())


def _together(targets: Array, parts: Sequence[Any]) -> Answers:
    """What the processes of a world found, as one would have found it."""
    all_rows = [row for rows, *_ in parts for row in rows]
    empty = _Rows(np.empty(0, np.int64), np.empty((0, 1), np.int64), np.empty(0))
    indices, top, probability = (
        np.concatenate([getattr(each, name) for each in (all_rows or [empty])])
        for name in ("indices", "top", "probability")
    )
    order = np.argsort(indices)
    broken: dict[int, str] = {}
    for _, its, *_ in parts:
        broken |= its
    return Answers(
        indices=indices[order],
        targets=targets[indices[order]],
        top=top[order],
        probability=probability[order],
        broken=dict(sorted(broken.items())),
        seconds=max(seconds for _, _, seconds, _ in parts),
        images_per_second=sum(rate for *_, rate in parts) or None,
    )
