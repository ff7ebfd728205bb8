"""The `predict` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..errors import ConversionError, ImageError
from .shared_options import (
    AMP,
    CHANNELS_LAST,
    CONTEXT,
    DEVICE,
    JSON,
    LABELS,
    MODEL,
    PRESET,
    make_setup,
    shortened,
    write_json,
)


@click.command("predict", context_settings=CONTEXT)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option(
    "--topk",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Number of classes to show.",
)
@LABELS
@PRESET
@DEVICE
@AMP
@CHANNELS_LAST
@MODEL
@JSON
def predict_command(
    checkpoint: Path,
    images: tuple[str, ...],
    topk: int,
    labels: Path | None,
    preset: str,
    device: str,
    amp: bool,
    channels_last: bool,
    model: str | None,
    json_file: str | None,
) -> None:
    """Classify images.

    IMAGE is a file, a folder, or - for standard input. The exit status is 1 if an image cannot be
    read; the others are still classified.
    """
    from ..checkpoints.checkpoint import open_checkpoint
    from ..inference.images.image_file import find_images
    from ..inference.prediction import Predictor
    from ..mappings.class_labels import read_labels

    rows: list[dict[str, Any]] = []
    failed = False
    try:
        opened = open_checkpoint(checkpoint, model)
        names = read_labels(labels) if labels is not None else None
        predictor = Predictor(
            opened,
            topk=topk,
            labels=names,
            preset=preset,
            setup=make_setup(device, amp, channels_last),
        )
        for image in find_images(images):
            try:
                prediction = predictor(image)
            except ImageError as error:
                click.echo(f"error: {error}", err=True)
                rows.append({"image": image, "error": str(error)})
                failed = True
                continue
            rows.append(prediction.as_dict())
            if json_file != "-":
                click.echo(image)
                for guess in prediction.top:
                    click.echo(f"  {guess.probability:6.1%}  {guess.label}")
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        write_json(rows, json_file)
    sys.exit(1 if failed else 0)
