"""The `to-gluon` command."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import ConversionError
from .option_types import OutputFile
from .shared_options import CONTEXT, JSON, MODEL, shortened, write_json


@click.command("to-gluon", context_settings=CONTEXT)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=OutputFile(),
    required=True,
    metavar="FILE",
    help="The .params file to write.",
)
@MODEL
@JSON
def to_gluon_command(checkpoint: Path, out: Path, model: str | None, json_file: str | None) -> None:
    """Write a converted checkpoint as .params for GluonCV's load_parameters.

    CHECKPOINT is a .pth or .safetensors file in any layout, or a timm folder. GluonCV itself saves
    the same bytes.
    """
    from ..checkpoints.checkpoint import open_checkpoint
    from ..sources.params_writer import write_params

    try:
        opened = open_checkpoint(checkpoint, model)
        arrays = opened.gluon_arrays()
        write_params(out, arrays)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        row = {"model": opened.entry.name, "file": str(out), "arrays": len(arrays)}
        write_json([row], json_file)
    if json_file != "-":
        click.echo(f"{opened.entry.name}: {len(arrays)} arrays in {out}")
