"""Training from start to end: images, epochs, checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import torch

from ..checkpoints.checkpoint import Checkpoint, open_checkpoint
from ..checkpoints.record import Record
from ..errors import CheckpointError, ImageError
from ..files.atomic_file import check_writable
from ..inference.classification import Progress
from ..inference.images.batches import default_workers
from ..inference.images.labelled_images import BOARD, STATE
from ..inference.process_group import World
from ..inference.runner import Setup, compute_dtype, place, require_rgb
from ..mappings.zoo import find_in_catalog
from ..models import ResNet, create_model
from ..sources.source import Source
from ..weights.content_hash import content_sha256
from .training import Row, Training, Work
from .training_data import split_images
from .training_options import FinetuneOptions
from .training_output import Board, Origin, write_checkpoint, write_curves

if TYPE_CHECKING:
    from typing_extensions import Unpack

Watch = Callable[[int], AbstractContextManager[Callable[[Progress], None]]]


@dataclass(frozen=True)
class Finetuned:
    """Result of a training.

    Attributes:
        best: Record of the checkpoint with the highest accuracy.
        last: Record of the checkpoint of the last epoch.
        best_accuracy: Accuracy of `best` on the held-out images, or on the training images if none
            are held out.
        held_out: The folder of the held-out images; None if they are a share of the others, or if
            there are none.
        history: A row for each epoch.
        notes: Outputs that are missing, and why.
    """

    best: Record
    last: Record
    best_accuracy: float
    held_out: Path | None
    history: list[Row]
    notes: tuple[str, ...]


class Keywords(TypedDict, total=False):
    """Keywords of `finetune` and `train`.

    Attributes:
        resume: Resume the training in `out`, or start one if there is none.
        tensorboard: Also write TensorBoard events.
        setup: Device and precision; the CPU by default.
        world: The processes that share each batch; this one alone by default.
        workers: Processes that read images; None for `default_workers`.
        watch: Called with the number of each epoch; returns a context manager that yields the
            epoch's progress callback.
        report: Called with the row of each finished epoch.
        warn: Called with a message for each image that cannot be read.
        note: Called with the folder of held-out images, if there is one, and with what `resume`
            found, if that is nothing.
    """

    resume: bool
    tensorboard: bool
    setup: Setup | None
    world: World | None
    workers: int | None
    watch: Watch
    report: Callable[[Row], None]
    warn: Callable[[str], None]
    note: Callable[[str], None]


def finetune(
    checkpoint: Checkpoint | str | os.PathLike[str],
    images: str | os.PathLike[str],
    out: str | os.PathLike[str],
    options: FinetuneOptions | None = None,
    **keywords: Unpack[Keywords],
) -> Finetuned | None:
    """Fine-tune a checkpoint for the classes of a folder of images.

    Its classifier is replaced by a new one; all weights are trained. After each epoch the state of
    the training is written to `out`; with `resume`, a run that was killed continues from there and
    ends with the same bits on the same machine.

    Args:
        checkpoint: An open checkpoint or its path.
        images: A folder with one subfolder per class, or with `train` and `val` folders of that
            form; other names of `val` are in training_data.HELD_OUT.
        out: The folder for `best-<hash>.pth`, `last-<hash>.pth`, curves.csv and curves.png.
        options: Hyperparameters.
        keywords: `resume`, `tensorboard`, `setup`, `world`, `workers`, `watch`, `report`,
            `warn` and `note`; see `Keywords`.

    Returns:
        The result; None in every process of a world but the first.

    Raises:
        CheckpointError: The checkpoint cannot be read, or `out` cannot be written to or contains
            another training.
        ImageError: There are fewer than two classes, or too few images.
        MissingDependencyError: Pillow is not installed, or tensorboardX, which `tensorboard` needs.
    """
    opened = checkpoint if isinstance(checkpoint, Checkpoint) else open_checkpoint(checkpoint)
    require_rgb(opened)
    options = options or FinetuneOptions()
    source = Source("finetuned", path=str(opened.path), seed=options.seed)
    start = content_sha256(opened.tensors)
    origin = Origin(opened.entry, opened.preprocessing, source, start)

    def make(num_classes: int) -> ResNet:
        return _with_new_classifier(opened, num_classes, options)

    return run_training(origin, make, Path(images), Path(out), options, **keywords)


def train(
    model: str,
    images: str | os.PathLike[str],
    out: str | os.PathLike[str],
    options: FinetuneOptions | None = None,
    **keywords: Unpack[Keywords],
) -> Finetuned | None:
    """Train a network of the catalogue from its own initialisation.

    The rest is as in `finetune`.

    Args:
        model: GluonCV's or the published name of the network.
        images: A folder with one subfolder per class, or with `train` and `val` folders of that
            form.
        out: The folder for the results.
        options: Hyperparameters; their seed is also that of the initial weights.
        keywords: See `Keywords`.

    Returns:
        The result; None in every process of a world but the first.

    Raises:
        UnknownModelError: No network has that name; the message suggests similar names.
        CheckpointError: `out` cannot be written to or contains another training.
        ImageError: There are fewer than two classes, or too few images.
        MissingDependencyError: Pillow is not installed, or tensorboardX, which `tensorboard` needs.
    """
    entry = find_in_catalog(model)
    options = options or FinetuneOptions()
    source = Source("trained", seed=options.seed)
    origin = Origin(entry, entry.dataset.preprocessing, source)

    def make(num_classes: int) -> ResNet:
        torch.manual_seed(options.seed)
        return create_model(
            entry.name, num_classes=num_classes, gluon_batch_norm=options.gluon_batch_norm
        )

    return run_training(origin, make, Path(images), Path(out), options, **keywords)


def run_training(
    origin: Origin,
    make: Callable[[int], ResNet],
    images: Path,
    out: Path,
    options: FinetuneOptions,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    setup: Setup | None = None,
    world: World | None = None,
    workers: int | None = None,
    watch: Watch = lambda epoch: nullcontext(lambda progress: None),
    report: Callable[[Row], None] = lambda row: None,
    warn: Callable[[str], None] = lambda message: None,
    note: Callable[[str], None] = lambda message: None,
) -> Finetuned | None:
    """Train the network that `make` builds for a number of classes, and write the results."""
    setup, world = setup or Setup(torch.device("cpu")), world or World()
    split = split_images(images, options.holdout, options.seed, out)
    _require_enough(images, len(split.train.paths), options.batch_size, least=2 * world.size)
    check_writable(out)
    if not resume:
        _require_no_training(out / STATE)
    first = world.rank == 0
    if split.held_out is not None and split.folder is not None and first:
        note(f"{split.folder}: its {len(split.held_out.paths)} images are held out for evaluation")
    board = Board(out / BOARD) if tensorboard and first else None
    work = Work(
        model=origin.entry.name,
        kind=origin.source.kind,
        start=origin.start,
        options=options,
        split=split,
        preprocessing=origin.preprocessing,
        setup=setup,
        world=world,
        workers=default_workers() if workers is None else workers,
        warn=warn,
    )
    network = make(len(split.labels.ids))
    network.to(compute_dtype(network))
    place(network, setup)
    training = Training(network, work)
    if resume and (message := _resume(training, out / STATE)) is not None and first:
        note(message)
    while len(training.history) < options.epochs:
        with watch(len(training.history) + 1) as progress:
            row = training.run_epoch(progress)
        if first:
            training.save(out / STATE)
            report(row)
            if board is not None:
                board.add(row)
    if board is not None:
        board.close()

    def write(name: str, tensors: dict[str, torch.Tensor]) -> Record:
        return write_checkpoint(name, tensors, origin, split.labels, out)

    try:
        if not first:
            return None
        missing = write_curves(training.history, out)
        return Finetuned(
            best=write("best", training.best),
            last=write("last", training.weights()),
            best_accuracy=training.best_accuracy,
            held_out=split.folder,
            history=training.history,
            notes=(missing,) if missing else (),
        )
    finally:
        world.wait()  # where one process fails, torchrun ends the others, also one that writes


def _require_enough(images: Path, count: int, batch_size: int, least: int) -> None:
    """Require the images of a batch: two per process, for the statistics of BatchNorm.

    Raises:
        ImageError: There are too few.
    """
    if min(count, batch_size) < least:
        raise ImageError(
            f"{images}: a batch has {min(count, batch_size)} images, but training needs at least "
            f"{least}, two per process; add images or increase the batch size"
        )


def _require_no_training(state: Path) -> None:
    """Require that no training would be replaced.

    Raises:
        CheckpointError: There is one.
    """
    if state.exists():
        raise CheckpointError(
            f"{state}: a training already exists; resume it with `--resume`, or choose another "
            "folder with `--out`"
        )


def _resume(training: Training, state: Path) -> str | None:
    """Restore the state of an earlier run, and say if there is nothing to resume.

    Raises:
        CheckpointError: The state is that of another training.
    """
    if not state.exists():
        return f"{state} does not exist: a new training starts"
    training.load(state)
    if len(training.history) < training.work.options.epochs:
        return None
    finished = len(training.history)
    return f"all {finished} epochs are finished; resume with a larger `--epochs` to train on"


def _with_new_classifier(
    checkpoint: Checkpoint, num_classes: int, options: FinetuneOptions
) -> ResNet:
    """The checkpoint's network with a new classifier; it shares no memory with the checkpoint."""
    network = checkpoint.network(gluon_batch_norm=options.gluon_batch_norm)
    torch.manual_seed(options.seed)
    network.reset_classifier(num_classes)
    return network
