"""The `predict` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConversionError, ImageError
from .option_types import BoxType, FiniteRange, InputPath, OutputFolder
from .program_options import TASKS, check_options, listed
from .shared_options import (
    AMP,
    CHANNELS_LAST,
    CONTEXT,
    DEVICE,
    JSON,
    LABELS,
    MEAN,
    MODEL,
    PLUGIN,
    PRESET,
    SEGMENTS,
    STD,
    given,
    make_scale,
    make_setup,
    refuse_scale,
    shortened,
    write_json,
)

if TYPE_CHECKING:
    from ..inference.prediction import Prediction
    from ..inference.tasks.task_result import TaskResult

Line = tuple[dict[str, Any], Iterable[str]]
"""A result as `--json` writes it, and as lines of text."""


@click.command("predict", context_settings=CONTEXT)
@click.argument("checkpoint", type=InputPath())
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option(
    "--topk",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Number of classes to show.",
)
@click.option(
    "-o",
    "--out",
    type=OutputFolder(),
    metavar="DIR",
    help="Draw detections, segments, poses, depth or tracks into this folder.",
)
@click.option(
    "--threshold",
    type=FiniteRange(0, 1),
    default=0.5,
    show_default=True,
    help="Lowest score of a detection.",
)
@click.option(
    "--detector",
    type=InputPath(),
    metavar="FILE",
    help="The .pt2 of a detector, to find the people for a pose network.",
)
@click.option(
    "--box",
    type=BoxType(),
    help="Left, top, width and height of the object to track, in the first frame of the video.",
)
@SEGMENTS
@LABELS
@PRESET
@MEAN
@STD
@DEVICE
@AMP
@CHANNELS_LAST
@PLUGIN
@MODEL
@JSON
def predict_command(
    checkpoint: Path,
    images: tuple[str, ...],
    out: Path | None,
    json_file: str | None,
    **options: Any,
) -> None:
    """Classify images; or find objects, segments, poses or depth in them, or track an object.

    IMAGE is a file, a folder, or - for standard input; for action recognition, tracking and a
    camera's motion, a video file or a folder of frames. The exit status is 1 if an image cannot be
    read; predictions are still made for the others.
    """
    from ..checkpoints.program import has_graph

    rows: list[dict[str, Any]] = []
    failed = False
    try:
        make = _program if has_graph(checkpoint) else _classifier
        paths, predict = make(checkpoint, images, out, **options)
        for image in paths:
            try:
                row, lines = predict(image)
            except ImageError as error:
                click.echo(f"Error: {error}", err=True)
                rows.append({"image": image, "error": str(error)})
                failed = True
                continue
            rows.append(row)
            if json_file != "-":
                click.echo(image)
                for line in lines:
                    click.echo(f"  {line}")
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        write_json(rows, json_file)
    sys.exit(1 if failed else 0)


def _classifier(
    checkpoint: Path,
    images: tuple[str, ...],
    _out: Path | None,
    *,
    topk: int,
    labels: Path | None,
    preset: str,
    device: str,
    amp: str | None,
    channels_last: bool,
    model: str | None,
    **_others: Any,
) -> tuple[Iterable[str], Callable[[str], Line]]:
    """The image files, and a function that classifies one with a checkpoint of the catalogue.

    Raises:
        click.UsageError: An option is for programs.
    """
    from ..checkpoints.checkpoint import open_checkpoint
    from ..inference.images.image_file import find_images
    from ..inference.prediction import Predictor
    from ..mappings.class_labels import read_labels

    for name in ("out", "detector", "threshold", "segments", "box"):
        if given(name):
            raise click.UsageError(f"--{name} is for {listed(TASKS[name])}.")
    refuse_scale()
    predictor = Predictor(
        open_checkpoint(checkpoint, model),
        topk=topk,
        labels=read_labels(labels) if labels is not None else None,
        preset=preset,
        setup=make_setup(device, amp, channels_last),
    )

    return find_images(images), partial(_classified, predictor)


def _classified(classify: Callable[[str], Prediction], image: str) -> Line:
    prediction = classify(image)
    return prediction.as_dict(), map(str, prediction.top)


def _program(
    checkpoint: Path,
    images: tuple[str, ...],
    out: Path | None,
    *,
    topk: int,
    threshold: float,
    detector: Path | None,
    box: tuple[float, float, float, float] | None,
    segments: int,
    labels: Path | None,
    preset: str,
    device: str,
    amp: str | None,
    channels_last: bool,
    model: str | None,
    mean: tuple[float, float, float] | None,
    std: tuple[float, float, float] | None,
) -> tuple[Iterable[str], Callable[[str], Line]]:
    """The image files or videos, and a function that predicts on one with a graph's network.

    Raises:
        click.UsageError: An option is for another task.
    """
    from ..checkpoints.program import open_program
    from ..inference.graph_prediction import GraphPredictor
    from ..inference.images.image_file import find_images
    from ..inference.tasks.task_options import TaskOptions
    from ..inference.tasks.task_predictor import TaskPredictor
    from ..mappings.class_labels import read_labels
    from ..mappings.zoo import load_zoo

    program = open_program(checkpoint, model)
    check_options(program, detector)
    if len(images) > 1 and box is not None:
        raise click.UsageError("--box is of one video: give one.")
    names_of = read_labels(labels) if labels is not None else None
    setup = make_setup(device, amp, channels_last)
    if program.record.model not in load_zoo():
        classify = GraphPredictor(
            program,
            topk=topk,
            labels=names_of,
            preset=preset,
            scale=make_scale(program, mean, std),
            setup=setup,
        )
        return find_images(images), partial(_classified, classify)
    refuse_scale()
    predictor = TaskPredictor(
        program,
        TaskOptions(threshold=threshold, topk=topk, segments=segments, box=box, preset=preset),
        labels=names_of,
        detector=open_program(detector) if detector is not None else None,
        setup=setup,
    )
    files = predictor.files(images)
    names = set(map(_real, files))  # of the images, and of what was drawn

    def predict(image: str) -> Line:
        result = predictor(image)
        pictures = [] if out is None else list(_draw(result, out, names))
        row = {**result.as_dict(), **({"pictures": pictures} if pictures else {})}
        return row, (*result.lines, *(f"drawn: {path}" for path in pictures))

    return files, predict


def _real(path: str | Path) -> str:
    """A file's name, equal for all its names, also where upper and lower case are the same."""
    return os.path.realpath(path).casefold()


def _draw(result: TaskResult, folder: Path, used: set[str]) -> Iterator[str]:
    """Write the pictures of a result; those whose names are used get numbers.

    Raises:
        CheckpointError: The folder or a file in it cannot be written.
    """
    from ..files.atomic_file import write_bytes
    from ..inference.tasks.task_result import png

    stem = Path(result.image).stem.strip("<>")  # of standard input, which is called <stdin>
    for kind, draw in result.pictures.items():
        path, number = folder / f"{stem}-{kind}.png", 1
        while _real(path) in used:
            number += 1
            path = folder / f"{stem}-{number}-{kind}.png"
        used.add(_real(path))
        write_bytes(png(draw()), path)
        yield str(path)
