"""The `to-gluon` command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import ConversionError
from .option_types import InputPath, OutputFile, claim_beside
from .shared_options import CONTEXT, JSON, MODEL, PLUGIN, shortened, write_json

SHOWN_NAMES = 3  # of parameters that a file lacks


@click.command("to-gluon", context_settings=CONTEXT)
@click.argument("checkpoint", type=InputPath())
@click.option(
    "-o",
    "--out",
    type=OutputFile(),
    required=True,
    metavar="FILE",
    help="The .params file to write.",
)
@PLUGIN
@MODEL
@JSON
def to_gluon_command(checkpoint: Path, out: Path, model: str | None, json_file: str | None) -> None:
    """Write a converted checkpoint as .params, for GluonCV's load_parameters or MXNet.

    CHECKPOINT is a .pth or .safetensors file in any layout, or a timm folder: GluonCV itself saves
    the same bytes. Of a network that was converted as a graph, it can be a .pt2, too, and its graph
    is written beside the arrays, as NAME-symbol.json.
    """
    from ..checkpoints.program import has_graph

    try:
        row = (_of_graph if has_graph(checkpoint) else _of_catalogue)(checkpoint, out, model)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        write_json([row], json_file)
    if json_file != "-":
        graph = f", its graph in {row['symbol']}" if "symbol" in row else ""
        click.echo(f"{row['model']}: {row['arrays']} arrays in {out}{graph}")
    if missing := row.get("missing"):
        click.echo(f"note: {missing_note(row['model'], missing)}", err=True)


def _of_catalogue(checkpoint: Path, out: Path, model: str | None) -> dict[str, Any]:
    from ..checkpoints.checkpoint import open_checkpoint
    from ..sources.params_writer import write_params

    opened = open_checkpoint(checkpoint, model)
    arrays = opened.gluon_arrays()
    write_params(out, arrays)
    return {"model": opened.entry.name, "file": str(out), "arrays": len(arrays)}


def _of_graph(checkpoint: Path, out: Path, model: str | None) -> dict[str, Any]:
    from ..checkpoints.gluon_files import symbol_file, write_gluon_files
    from ..checkpoints.program import open_program
    from ..mappings.zoo import load_zoo

    claim_beside(symbol_file(out), "out", "the graph beside ")
    opened = open_program(checkpoint, model)
    symbol, arrays = write_gluon_files(opened, out)
    name = opened.record.model or checkpoint.stem
    entry = load_zoo().get(name)
    return {
        "model": name,
        "file": str(out),
        "arrays": len(arrays),
        "symbol": str(symbol),
        "missing": entry.unused if entry is not None else (),
    }


def missing_note(model: str, missing: tuple[str, ...]) -> str:
    """Say which parameters of GluonCV's network a file lacks, and how it is loaded then."""
    hidden = len(missing) - SHOWN_NAMES
    more = f" and {hidden} more" if hidden > 0 else ""
    return (
        f"GluonCV's {model} has {len(missing)} parameters with which it does not compute, and "
        f"which the file lacks ({', '.join(missing[:SHOWN_NAMES])}{more}); load it with "
        "net.load_parameters(FILE, allow_missing=True), after net.initialize() if MXNet asks for it"
    )
