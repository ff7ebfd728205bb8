"""The options of `finetune` and `train`, and the run of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConversionError
from ..mappings.choices import OPTIMIZERS, SCHEDULES, TRAINING_RANGES
from .interruption import interruptible
from .option_types import FiniteRange, OutputFolder
from .shared_options import (
    AMP,
    CHANNELS_LAST,
    DEVICE,
    JSON,
    PRESET,
    WORKERS,
    make_setup,
    shortened,
    write_json,
)

if TYPE_CHECKING:
    from ..finetuning.fine_tuning import Finetuned


def _number(name: str) -> click.ParamType[Any]:
    """The type of a number that `FinetuneOptions` has, too."""
    accepted = TRAINING_RANGES[name]
    if accepted.whole:
        return click.IntRange(accepted.min, accepted.max)
    return FiniteRange(accepted.min, accepted.max, accepted.min_open, accepted.max_open)


_OPTIONS = (
    click.option(
        "--resume",
        is_flag=True,
        help="Resume an interrupted training, or add epochs.",
    ),
    click.option("--epochs", type=_number("epochs"), default=10, show_default=True),
    click.option(
        "-b",
        "--batch-size",
        type=_number("batch_size"),
        default=32,
        show_default=True,
        help="Images per step, over all processes.",
    ),
    click.option(
        "--optimizer", type=click.Choice(OPTIMIZERS), default=OPTIMIZERS[0], show_default=True
    ),
    click.option(
        "--lr",
        type=_number("lr"),
        help="Default: 0.01 for sgd, 0.0005 for adamw.",
    ),
    click.option("--weight-decay", type=_number("weight_decay"), default=1e-4, show_default=True),
    click.option(
        "--schedule", type=click.Choice(SCHEDULES), default=SCHEDULES[0], show_default=True
    ),
    click.option(
        "--warmup",
        type=_number("warmup"),
        default=0.0,
        show_default=True,
        help="Epochs of learning rate warmup.",
    ),
    click.option(
        "--label-smoothing",
        type=_number("label_smoothing"),
        default=0.0,
        show_default=True,
    ),
    click.option(
        "--ema",
        type=_number("ema"),
        metavar="DECAY",
        help="Evaluate and write an exponential moving average of the weights.",
    ),
    click.option(
        "--min-scale",
        type=_number("min_scale"),
        default=0.35,
        show_default=True,
        help="Smallest share of an image's area in a training crop.",
    ),
    click.option(
        "--holdout",
        type=_number("holdout"),
        default=0.1,
        show_default=True,
        help="Share of the images held out for evaluation, if DIR has no folder for it.",
    ),
    click.option("--seed", type=_number("seed"), default=0, show_default=True),
    click.option(
        "--gluon-batch-norm",
        is_flag=True,
        help="Keep BatchNorm's running statistics as MXNet does.",
    ),
    click.option("--tensorboard", is_flag=True, help="Also write TensorBoard events."),
    PRESET,
    WORKERS,
    DEVICE,
    AMP,
    CHANNELS_LAST,
    JSON,
)


def training_options(out: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add all options of a training to a command, in the order in which `--help` lists them.

    Args:
        out: The default output folder.
    """
    folder = click.option(
        "-o",
        "--out",
        type=OutputFolder(),
        default=out,
        show_default=True,
        metavar="DIR",
        help="Output folder.",
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed((folder, *_OPTIONS)):
            command = option(command)
        return command

    return add


def _left(out: Path) -> str:
    """Say what an interrupted training has written, and how to go on."""
    from ..inference.images.labelled_images import STATE

    if not (out / STATE).exists():
        return "no epoch is finished, and nothing is left; the same command starts again"
    return f"{out / STATE} has the finished epochs; go on with the same command and `--resume`"


def train_and_show(
    start: Callable[..., Finetuned | None],
    images: Path,
    *,
    out: Path,
    resume: bool,
    tensorboard: bool,
    workers: int | None,
    device: str,
    amp: str | None,
    channels_last: bool,
    json_file: str | None,
    **training: Any,
) -> None:
    """Run `finetune` or `train`, whose first argument `start` has, and print the results.

    Raises:
        click.ClickException: The training is refused.
    """
    from ..finetuning.training_options import FinetuneOptions
    from ..inference.process_group import join_world
    from . import scoreboard

    setup = make_setup(device, amp, channels_last)
    try:
        with interruptible(lambda: _left(out)), join_world(setup.device) as world:
            silent = world.rank > 0
            done = start(
                images,
                out,
                FinetuneOptions(**training),
                resume=resume,
                tensorboard=tensorboard,
                setup=setup,
                world=world,
                workers=workers,
                watch=lambda epoch: scoreboard.counting(f"epoch {epoch}", silent=silent),
                report=(lambda row: None) if json_file == "-" else scoreboard.print_epoch,
                warn=lambda message: click.echo(f"skipped: {message}", err=True),
                note=lambda message: click.echo(f"note: {message}", err=True),
            )
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if done is None:
        return
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    if json_file is not None:
        row = {
            "model": done.best.model,
            "best": done.best.file,
            "best_accuracy": done.best_accuracy,
            "held_out": None if done.held_out is None else str(done.held_out),
            "last": done.last.file,
            "history": done.history,
        }
        write_json(row, json_file)
    if json_file != "-":
        click.echo(f"best  {done.best.file}  ({done.best_accuracy:.2%})")
        click.echo(f"last  {done.last.file}")
