"""Which options of `convert` go together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ..choices import FOLDER, OURS, SAVED

NOT_WITH_SYMBOL = (
    *("formats", "layout", "labels", "dtype", "backbone", "allow_nonfinite"),
    *("report", "save_reference"),
)


def check_usage(
    *,
    models: Sequence[str],
    everything: bool,
    params: Path | None,
    symbol: Path | None,
    backbone: bool,
    json_file: str | None,
    formats: Sequence[str],
    layout: str,
    reference: str,
    save_reference: Path | None,
    sizes: Sequence[object],
    **_: Any,
) -> None:
    """Refuse what is too little, too much, or means nothing together.

    Raises:
        click.UsageError: what it is.
    """
    if everything and (models or params):
        raise click.UsageError("--all takes neither a MODEL nor --params.")
    if params is not None and len(models) > 1:
        raise click.UsageError("--params is of one MODEL, or of none: then it is detected.")
    if params is not None and _is_given("init"):
        raise click.UsageError("--params is a source of weights as --init is: give one of them.")
    if json_file not in (None, "-"):
        target = Path(str(json_file)).resolve()
        if target.is_dir() or not target.parent.is_dir():
            raise click.UsageError(f"--json: there is no folder to write {json_file} to.")
    if backbone and params is None:
        raise click.UsageError("--backbone takes the trunk out of a file; name it with --params.")
    _check_formats(formats, layout)
    _check_reference(reference, save_reference, sizes, several=everything or len(models) > 1)
    if symbol is not None:
        _check_symbol(params, models, reference)
    if not (everything or models or params):
        raise click.UsageError("give a MODEL, or --all; --list shows the models known.")


def _check_formats(formats: Sequence[str], layout: str) -> None:
    if layout == FOLDER and _is_given("formats"):
        raise click.UsageError(f"--layout {FOLDER} has a format of its own: leave --format out.")
    if "onnx" in formats and layout not in (OURS, FOLDER):
        raise click.UsageError("--layout is of keys, which an ONNX file has none of.")


def _check_reference(
    reference: str, save_reference: Path | None, sizes: Sequence[object], *, several: bool
) -> None:
    if reference.endswith(SAVED) and sizes:
        raise click.UsageError("a saved reference has its own images: leave --size out.")
    if save_reference is None:
        return
    if reference == "none" or reference.endswith(SAVED):
        raise click.UsageError("--save-reference keeps what gluon or graph gives.")
    if several:
        raise click.UsageError("--save-reference is of one network.")
    if save_reference.suffix != SAVED:
        raise click.UsageError(f"--save-reference writes a FILE{SAVED}.")


def _check_symbol(params: Path | None, models: Sequence[str], reference: str) -> None:
    if params is None:
        raise click.UsageError("--symbol is of the arrays in a file: name it with --params.")
    if models:
        raise click.UsageError("--symbol says what is computed: leave the MODEL out.")
    for name in NOT_WITH_SYMBOL:
        if _is_given(name):
            command = click.get_current_context().command
            option = next(each.opts[-1] for each in command.params if each.name == name)
            raise click.UsageError(f"{option} is of the catalogue's networks, not of --symbol.")
    if reference.endswith(SAVED):
        raise click.UsageError("a saved reference is of the catalogue's networks, not of --symbol.")
    if reference == "graph":
        raise click.UsageError("--reference graph would hold the graph against itself.")


def _is_given(name: str) -> bool:
    """Whether an option stands on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE
