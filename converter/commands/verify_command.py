"""The `verify` command: one checkpoint, compared with its record and proved again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..errors import ConversionError
from .option_types import InputPath, ReferenceType
from .shared_options import CONTEXT, JSON, MODEL, PLUGIN, SIZE, shortened, write_json


@click.command("verify", context_settings=CONTEXT)
@click.argument("checkpoint", type=InputPath())
@PLUGIN
@MODEL
@click.option(
    "--reference",
    type=ReferenceType(),
    default="auto",
    show_default=True,
    help="Reference for parity; none skips it.",
)
@SIZE
@JSON
def verify_command(
    checkpoint: Path,
    model: str | None,
    reference: str,
    sizes: tuple[tuple[int, int], ...],
    json_file: str | None,
) -> None:
    """Compare a checkpoint with its name and its record, and measure its parity.

    CHECKPOINT is a .pth or .safetensors file in any layout, a timm folder, or hf:OWNER/NAME on the
    Hugging Face Hub; or a .pt2, .pth or .safetensors file of a network that was converted as a
    graph, which is compared with MXNet. Of a .py, the source and the file with its weights are
    compared with their names and the record.
    """
    from ..checkpoints.program import has_graph
    from ..checkpoints.source_file import is_source, verify_source
    from ..checkpoints.verification import verify

    try:
        if is_source(checkpoint):
            if sizes or reference != "auto" or model is not None:
                raise click.UsageError(
                    "--model, --reference and --size measure parity, but not of a .py."
                )
            found = verify_source(checkpoint)
        elif has_graph(checkpoint):
            from ..pipeline.graph_verification import verify_graph

            if sizes:
                raise click.UsageError("--size is for networks of the catalogue.")
            found = verify_graph(checkpoint, model, reference=reference)
        else:
            found = verify(checkpoint, model, reference=reference, sizes=sizes or None)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    for problem in found.problems:
        click.echo(f"Error: {checkpoint}: {shortened(problem, in_json=True)}", err=True)
    if found.passed and json_file != "-":
        from .console import verified_line

        click.echo(verified_line(found))
    if json_file is not None:
        write_json([found.as_dict()], json_file)
    sys.exit(0 if found.passed else 1)
