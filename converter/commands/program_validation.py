"""`validate` for a `.pt2`: metrics of detectors and the like on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .option_types import InputPath, ScalesType
from .program_options import check_options

if TYPE_CHECKING:
    from ..inference.process_group import World
    from ..inference.runner import Setup
    from ..inference.task_validation import TaskValidation

VOC_METRICS = ("voc07", "voc")  # with 11 points, and the area
METRIC = click.option(
    "--metric",
    type=click.Choice(VOC_METRICS),
    help="Average precision on Pascal VOC, for a .pt2: at 11 points, or the area. Default: "
    "11 points for VOC2007.",
)
DETECTOR = click.option(
    "--detector",
    type=InputPath(),
    metavar="FILE",
    help="The .pt2 of a detector, to find the people for a pose network, instead of the "
    "annotated boxes.",
)
SCALES = click.option(
    "--scales",
    type=ScalesType(),
    help="Evaluate segmentation at several scales, in crops of the size that the .pt2 was written "
    "for. GluonCV's are 0.5,0.75,1,1.25,1.5,1.75.",
)
FLIP = click.option("--flip", is_flag=True, help="With --scales: mirror the crops, too.")
BASE_SIZE = click.option(
    "--base-size",
    type=click.IntRange(min=1),
    metavar="PIXELS",
    help="With --scales: longer side of an image at scale 1. Default: 520, and 2048 for "
    "Cityscapes, as in GluonCV.",
)


def validate_program(
    path: Path,
    data: Path,
    *,
    setup: Setup,
    world: World,
    metric: str | None,
    detector: Path | None,
    segments: int,
    scales: tuple[float, ...] | None,
    flip: bool,
    base_size: int | None,
    labels: Path | None,
    preset: str,
    model: str | None,
    **_of_checkpoints: Any,
) -> dict[str, Any] | None:
    """Validate a `.pt2`, with a progress bar, and report what was left out on stderr.

    Returns:
        The metrics as `--json` writes them; None in processes of a world other than the first.

    Raises:
        click.UsageError: An option is for another task.
        ConversionError: One of its subclasses (errors.py).
    """
    from ..checkpoints.program import open_program
    from ..inference.task_validation import validate_task
    from ..inference.tasks.task_options import TaskOptions
    from ..mappings.class_labels import read_labels
    from . import scoreboard

    program = open_program(path, model)
    check_options(program, detector)
    with scoreboard.counting(path.name, silent=world.rank > 0) as progress:
        done: TaskValidation | None = validate_task(
            program,
            data,
            TaskOptions(
                segments=segments,
                preset=preset,
                scales=scales or (),
                flip=flip,
                base_size=base_size,
            ),
            labels=read_labels(labels) if labels is not None else None,
            eleven_points=None if metric is None else metric == VOC_METRICS[0],
            detector=open_program(detector) if detector is not None else None,
            setup=setup,
            world=world,
            progress=progress,
        )
    if done is None:
        return None
    row = done.as_dict()
    for message in row["notes"]:
        click.echo(message, err=True)
    for message in row["skipped_images"]:
        click.echo(f"skipped: {message}", err=True)
    return row
