"""The `validate` command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConversionError
from .program_validation import DETECTOR, METRIC, SEGMENTS, validate_program
from .shared_options import (
    AMP,
    BATCH_SIZE,
    CHANNELS_LAST,
    CONTEXT,
    DEVICE,
    JSON,
    LABELS,
    MODEL,
    PRESET,
    PROGRAM,
    WORKERS,
    make_setup,
    shortened,
    write_json,
)

if TYPE_CHECKING:
    from ..inference.validation import Validation

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("validate", context_settings=CONTEXT)
@click.argument("paths", metavar="CHECKPOINT DATA", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--all",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Validate every checkpoint in a folder, instead of CHECKPOINT.",
)
@BATCH_SIZE
@WORKERS
@LABELS
@PRESET
@METRIC
@DETECTOR
@SEGMENTS
@DEVICE
@AMP
@CHANNELS_LAST
@click.option("--predictions", type=FILE, metavar="FILE", help="Write every prediction as CSV.")
@click.option("--confusion", type=FILE, metavar="FILE", help="Draw the confusion matrix, as PNG.")
@MODEL
@JSON
def validate_command(
    paths: tuple[Path, ...],
    folder: Path | None,
    batch_size: int,
    workers: int | None,
    labels: Path | None,
    preset: str,
    metric: str | None,
    detector: Path | None,
    segments: int,
    device: str,
    amp: bool,
    channels_last: bool,
    predictions: Path | None,
    confusion: Path | None,
    model: str | None,
    json_file: str | None,
) -> None:
    """Measure the accuracy of a network on labelled images, or on a data set of its task.

    For a classifier, DATA is a folder with one folder of images per class, or a list with lines of
    `path class`. For the .pt2 of a detector or a pose network, it is the folder of Pascal VOC or
    COCO; for segmentation, that of Pascal VOC, Cityscapes or ADE20K; for action recognition, a
    list with lines of `video class`. Processes started by torchrun share the work: torchrun
    --nproc-per-node 4 -m gluon2torch validate …
    """
    if folder is None and len(paths) != 2:
        raise click.UsageError("give a CHECKPOINT, and a DIR or LIST of images.")
    if folder is not None and len(paths) != 1:
        raise click.UsageError("--all DIR replaces CHECKPOINT: give only a DIR or LIST of images.")
    if folder is not None and (predictions or confusion or model):
        raise click.UsageError(
            "--predictions, --confusion and --model need one CHECKPOINT, without --all."
        )
    program = folder is None and paths[0].suffix == PROGRAM
    if program and (predictions or confusion):
        raise click.UsageError("--predictions and --confusion are for checkpoints of classifiers.")
    if not program and (metric or detector or segments > 1):
        raise click.UsageError("--metric, --detector and --segments are for .pt2 files.")
    from ..checkpoints.checkpoint import open_checkpoint
    from ..inference.figures import draw_confusion, require_matplotlib
    from ..inference.process_group import join_world
    from ..inference.validation import find_checkpoints, validate, write_predictions
    from ..mappings.class_labels import read_labels
    from . import scoreboard

    setup = make_setup(device, amp, channels_last)
    try:
        names = read_labels(labels) if labels is not None else None
        if confusion is not None:
            require_matplotlib()
        with join_world(setup.device) as world:

            def validate_one(checkpoint: Path) -> Validation:
                with scoreboard.counting(checkpoint.name, silent=world.rank > 0) as progress:
                    done = validate(
                        open_checkpoint(checkpoint, model),
                        paths[-1],
                        labels=names,
                        preset=preset,
                        setup=setup,
                        world=world,
                        progress=progress,
                        batch_size=batch_size,
                        workers=workers,
                    )
                if world.rank == 0:
                    for message in done.answers.broken.values():
                        click.echo(f"skipped: {message}", err=True)
                return done

            if program:
                row = validate_program(
                    *paths,
                    setup=setup,
                    world=world,
                    metric=metric,
                    detector=detector,
                    segments=segments,
                    labels=labels,
                    preset=preset,
                    model=model,
                )
                rows = [row] if row is not None else []
            elif folder is not None:
                rows = each_row(find_checkpoints(folder), validate_one, silent=world.rank > 0)
            else:
                done = validate_one(paths[0])
                rows = [done.as_dict()]
            if world.rank > 0:
                return
        if predictions is not None:
            write_predictions(done, predictions)
        if confusion is not None:
            draw_confusion(done.answers.targets, done.answers.top[:, 0], done.names, confusion)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        write_json(rows if folder is not None else rows[0], json_file)
    if json_file != "-" and program:
        scoreboard.print_metrics(rows[0])
    elif json_file != "-":
        scoreboard.print_accuracy([row for row in rows if "error" not in row])
    sys.exit(1 if any("error" in row for row in rows) else 0)


def each_row(
    checkpoints: list[Path], one: Callable[[Path], Validation], *, silent: bool
) -> list[dict[str, Any]]:
    """Validate one after another; an error in one does not stop the others."""
    rows: list[dict[str, Any]] = []
    for checkpoint in checkpoints:
        try:
            rows.append(one(checkpoint).as_dict())
        except ConversionError as error:
            rows.append({"checkpoint": str(checkpoint), "error": str(error)})
            if not silent:
                click.echo(f"error: {shortened(str(error))}", err=True)
    return rows
