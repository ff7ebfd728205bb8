"""What the commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..mappings.choices import PRESETS

if TYPE_CHECKING:
    from ..inference.runner import Setup

SHOWN_PROBLEMS = 10
CONTEXT = {"help_option_names": ["-h", "--help"]}
JSON = click.option(
    "--json", "json_file", metavar="FILE|-", help="Write the results as JSON; - is stdout."
)

MODEL = click.option(
    "--model", metavar="MODEL", help="Which network it is, where its record is lost."
)
# what the verbs that run a network share
LABELS = click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The names of the classes, a line each; the record's by default.",
)
PRESET = click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default=PRESETS[0],
    show_default=True,
    help="How images are prepared: as GluonCV does, or as timm (bicubic).",
)
DEVICE = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="cpu, cuda, cuda:1 …; auto is a GPU where there is one.",
)
AMP = click.option("--amp", is_flag=True, help="Compute in half precision where that is safe.")
CHANNELS_LAST = click.option(
    "--channels-last", is_flag=True, help="Another order of memory; often faster."
)
BATCH_SIZE = click.option(
    "-b", "--batch-size", type=click.IntRange(min=1), default=64, show_default=True
)
WORKERS = click.option(
    "-j",
    "--workers",
    type=click.IntRange(min=0),
    metavar="N",
    help="Processes that read images; as many as cores by default.",
)


def make_setup(device: str, amp: bool, channels_last: bool) -> Setup:
    """The options of how to compute, as the rooms take them."""
    from ..inference.runner import Setup, find_device

    try:
        return Setup(find_device(device), amp, channels_last)
    except ValueError as error:
        raise click.UsageError(f"--device: {error}.") from error


def shortened(message: str) -> str:
    """A file of another network has hundreds of problems; ten are enough to see which."""
    lines = message.splitlines()
    if len(lines) <= SHOWN_PROBLEMS + 1:
        return message
    hidden = len(lines) - 1 - SHOWN_PROBLEMS
    return "\n".join([*lines[: SHOWN_PROBLEMS + 1], f"  … and {hidden} more; --json tells all"])


def write_json(records: list[dict[str, Any]] | dict[str, Any], json_file: str) -> None:
    """Records, or one thing → stdout (`-`) or a file."""
    from ..checkpoints.record import to_json

    text = to_json(records)
    if json_file == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(json_file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(json_file, error.strerror or str(error)) from error
