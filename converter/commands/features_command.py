"""The `features` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..errors import ConversionError
from ..mappings.choices import SAVED
from .option_types import InputPath, OutputFile
from .shared_options import (
    AMP,
    BATCH_SIZE,
    CHANNELS_LAST,
    CONTEXT,
    DEVICE,
    JSON,
    MEAN,
    MODEL,
    PLUGIN,
    PRESET,
    STD,
    WORKERS,
    make_scale,
    make_setup,
    refuse_scale,
    shortened,
    write_json,
)


@click.command("features", context_settings=CONTEXT)
@click.argument("checkpoint", type=InputPath())
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    type=OutputFile(suffix=SAVED),
    required=True,
    metavar="FILE",
    help="The .npz file to write.",
)
@click.option(
    "--stages", is_flag=True, help="Write feature maps of the stem and stages, not pooled features."
)
@BATCH_SIZE
@WORKERS
@PRESET
@MEAN
@STD
@DEVICE
@AMP
@CHANNELS_LAST
@PLUGIN
@MODEL
@JSON
def features_command(
    checkpoint: Path,
    images: tuple[str, ...],
    out: Path,
    stages: bool,
    batch_size: int,
    workers: int | None,
    preset: str,
    mean: tuple[float, float, float] | None,
    std: tuple[float, float, float] | None,
    device: str,
    amp: str | None,
    channels_last: bool,
    model: str | None,
    json_file: str | None,
) -> None:
    """Extract features of images, and write them as arrays.

    IMAGE is a file or a folder. The .npz has the file names as `images`, and in the same order
    `features` (N, channels), or with --stages `stem`, `stage1` … (N, channels, height, width). Of a
    graph's network, it has the outputs, by the names of their nodes.
    """
    from ..checkpoints.checkpoint import open_checkpoint
    from ..checkpoints.program import has_graph, open_program
    from ..inference.feature_extraction import extract_features, extract_outputs, write_features

    options: dict[str, Any] = {
        "preset": preset,
        "setup": make_setup(device, amp, channels_last),
        "batch_size": batch_size,
        "workers": workers,
    }
    try:
        if has_graph(checkpoint):
            if stages:
                raise click.UsageError(
                    "--stages is for networks of the catalogue; convert a graph with --output NODE."
                )
            program = open_program(checkpoint, model)
            scale = make_scale(program, mean, std)
            found = extract_outputs(program, images, scale=scale, **options)
        else:
            refuse_scale()
            opened = open_checkpoint(checkpoint, model)
            found = extract_features(opened, images, stages=stages, **options)
        for message in found.broken:
            click.echo(f"Error: {message}", err=True)
        write_features(found, out)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    shapes = {name: list(array.shape) for name, array in found.arrays.items()}
    if json_file is not None:
        row = {"file": str(out), "images": len(found.images), "arrays": shapes}
        write_json([{**row, "skipped": len(found.broken)}], json_file)
    if json_file != "-":
        count = "1 image" if len(found.images) == 1 else f"{len(found.images)} images"
        click.echo(f"{count} in {out}")
        for name, shape in shapes.items():
            click.echo(f"  {name:10} {'x'.join(map(str, shape))}")
    sys.exit(1 if found.broken else 0)
