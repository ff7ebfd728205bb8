"""The `validate` command."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import ConversionError, MissingDependencyError
from .checkpoint_validation import validate_checkpoints
from .option_types import InputPath, OutputFile
from .program_validation import BASE_SIZE, DETECTOR, FLIP, METRIC, SCALES, validate_program
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
    SEGMENTS,
    WORKERS,
    given,
    make_setup,
    shortened,
    write_json,
)


@click.command("validate", context_settings=CONTEXT)
@click.argument("paths", metavar="CHECKPOINT DATA", nargs=-1, type=InputPath())
@click.option(
    "--all",
    "folder",
    type=InputPath(file_okay=False, exists=True),
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
@SCALES
@FLIP
@BASE_SIZE
@DEVICE
@AMP
@CHANNELS_LAST
@click.option(
    "--predictions", type=OutputFile(), metavar="FILE", help="Write every prediction as CSV."
)
@click.option(
    "--confusion", type=OutputFile(), metavar="FILE", help="Draw the confusion matrix, as PNG."
)
@MODEL
@JSON
def validate_command(
    paths: tuple[Path, ...],
    folder: Path | None,
    device: str,
    amp: str | None,
    channels_last: bool,
    predictions: Path | None,
    confusion: Path | None,
    json_file: str | None,
    **options: Any,
) -> None:
    """Measure the accuracy of a network on labelled images, or on a data set of its task.

    For a classifier, DATA is a folder with one folder of images per class, or a list with lines of
    `path class`. For the .pt2 of a detector or a pose network, it is the folder of Pascal VOC or
    COCO; for segmentation, that of Pascal VOC, Cityscapes or ADE20K; for action recognition, a
    list with lines of `video class`. Processes started by torchrun share the work: torchrun
    --nproc-per-node 4 -m gluon2torch validate …
    """
    from ..checkpoints.program import has_graph

    program = folder is None and bool(paths) and has_graph(paths[0])
    written = {"--predictions": predictions, "--confusion": confusion}
    _check_usage(paths, folder, program=program, written=written, **options)
    from ..inference.process_group import join_world
    from . import scoreboard

    setup = make_setup(device, amp, channels_last)
    try:
        with join_world(setup.device) as world:
            if confusion is not None and (reason := _no_figures()) is not None:
                confusion = None
                if world.rank == 0:
                    click.echo(f"note: {reason}; --confusion is left out", err=True)
            if program:
                row = validate_program(*paths, setup=setup, world=world, **options)
                rows = [row] if row is not None else []
            else:
                rows = validate_checkpoints(
                    paths,
                    folder,
                    setup=setup,
                    world=world,
                    predictions=predictions,
                    confusion=confusion,
                    **options,
                )
            if world.rank > 0:
                return
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        write_json(rows if folder is not None else rows[0], json_file)
    if json_file != "-" and program:
        scoreboard.print_metrics(rows[0])
    elif json_file != "-" and (measured := [row for row in rows if "error" not in row]):
        scoreboard.print_accuracy(measured)
    sys.exit(1 if any("error" in row for row in rows) else 0)


def _no_figures() -> str | None:
    """Say why figures cannot be drawn; None if they can."""
    from ..inference.figures import require_matplotlib

    try:
        require_matplotlib()
    except MissingDependencyError as error:
        return str(error)
    return None


def _check_usage(
    paths: tuple[Path, ...],
    folder: Path | None,
    *,
    program: bool,
    written: Mapping[str, Path | None],
    model: str | None,
    **_others: Any,
) -> None:
    """Require that the arguments and options belong together.

    Raises:
        click.UsageError: They do not.
    """
    if folder is None and len(paths) != 2:
        raise click.UsageError("give a CHECKPOINT and DATA.")
    if folder is not None and len(paths) != 1:
        raise click.UsageError("--all DIR replaces CHECKPOINT: give only DATA.")
    if folder is not None and (any(written.values()) or model):
        raise click.UsageError(
            "--predictions, --confusion and --model need one CHECKPOINT, without --all."
        )
    if program and any(written.values()):
        raise click.UsageError("--predictions and --confusion are for checkpoints of classifiers.")
    for name in ("flip", "base_size"):
        if given(name) and not given("scales"):
            raise click.UsageError(f"--{name.replace('_', '-')} needs --scales.")
    of_programs = ("metric", "detector", "segments", "scales")
    for name in ("batch_size", "workers") if program else of_programs:
        if given(name):
            where = "checkpoints of classifiers" if program else ".pt2 files"
            raise click.UsageError(f"--{name.replace('_', '-')} is for {where}.")
