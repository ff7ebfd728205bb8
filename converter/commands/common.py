"""What the commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

SHOWN_PROBLEMS = 10
CONTEXT = {"help_option_names": ["-h", "--help"]}
JSON = click.option(
    "--json", "json_file", metavar="FILE|-", help="Write the results as JSON; - is stdout."
)

MODEL = click.option(
    "--model", metavar="MODEL", help="Which network it is, where its record is lost."
)


def shortened(message: str) -> str:
    """A file of another network has hundreds of problems; ten are enough to see which."""
    lines = message.splitlines()
    if len(lines) <= SHOWN_PROBLEMS + 1:
        return message
    hidden = len(lines) - 1 - SHOWN_PROBLEMS
    return "\n".join([*lines[: SHOWN_PROBLEMS + 1], f"  … and {hidden} more; --json tells all"])


def write_json(records: list[dict[str, Any]], json_file: str) -> None:
    """Records → stdout (`-`) or a file."""
    from ..record import to_json

    text = to_json(records)
    if json_file == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(json_file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(json_file, error.strerror or str(error)) from error
