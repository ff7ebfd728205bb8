"""The command line `gluon2torch`: a verb each; nothing heavy is imported before it is used."""

from __future__ import annotations

import click

from . import __version__
from .commands.convert_command import convert_command
from .commands.features_command import features_command
from .commands.file_commands import detect_command, diff_command, inspect_command
from .commands.finetune_command import finetune_command
from .commands.graph_command import graph_command
from .commands.predict_command import predict_command
from .commands.release_commands import release_command, verify_command
from .commands.to_gluon_command import to_gluon_command
from .commands.validate_command import validate_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gluon2torch")
def main() -> None:
    """MXNet Gluon's networks in PyTorch, exactly."""


for command in (
    convert_command,
    inspect_command,
    detect_command,
    diff_command,
    to_gluon_command,
    graph_command,
    release_command,
    verify_command,
    predict_command,
    validate_command,
    features_command,
    finetune_command,
):
    main.add_command(command)
