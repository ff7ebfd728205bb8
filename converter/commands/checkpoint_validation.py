"""`validate` for checkpoints of classifiers: accuracy on labelled images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConversionError
from .shared_options import shortened

if TYPE_CHECKING:
    from ..inference.process_group import World
    from ..inference.runner import Setup
    from ..inference.validation import Validation


def validate_checkpoints(
    paths: tuple[Path, ...],
    folder: Path | None,
    *,
    setup: Setup,
    world: World,
    predictions: Path | None,
    confusion: Path | None,
    labels: Path | None,
    preset: str,
    batch_size: int,
    workers: int | None,
    model: str | None,
    **_of_programs: Any,
) -> list[dict[str, Any]]:
    """Validate a checkpoint, or all in a folder, and write its predictions.

    Args:
        paths: The checkpoint, unless a folder is given, and the images.
        folder: A folder of checkpoints.

    Returns:
        What `--json` writes of each.

    Raises:
        ConversionError: One of its subclasses (errors.py).
    """
    from ..checkpoints.checkpoint import open_checkpoint
    from ..inference.figures import draw_confusion
    from ..inference.validation import find_checkpoints, validate, write_predictions
    from ..mappings.class_labels import read_labels
    from . import scoreboard

    names = read_labels(labels) if labels is not None else None

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

    if folder is not None:
        return _each_row(find_checkpoints(folder), validate_one, silent=world.rank > 0)
    done = validate_one(paths[0])
    if world.rank == 0 and predictions is not None:
        write_predictions(done, predictions)
    if world.rank == 0 and confusion is not None:
        draw_confusion(done.answers.targets, done.answers.top[:, 0], done.names, confusion)
    return [done.as_dict()]


def _each_row(
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
                click.echo(f"Error: {shortened(str(error), in_json=True)}", err=True)
    return rows
