"""Checks of which options of `convert` can be combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ..pipeline.request import Request, RequestError
from ..sources.exported_pair import AUTO, symbol_beside
from .input_option import parse_inputs


def check_usage(models: Sequence[str], everything: bool, options: Mapping[str, Any]) -> None:
    """Check what only the command line accepts: several models, or none.

    Raises:
        click.UsageError: options or arguments that cannot be combined.
    """
    params = options["params"]
    if everything and (models or params):
        raise click.UsageError("--all accepts neither a MODEL nor --params.")
    if params is not None and len(models) > 1:
        raise click.UsageError("--params accepts only one MODEL; without one, it is detected.")
    if options["save_reference"] is not None and (everything or len(models) > 1):
        raise click.UsageError("--save-reference accepts only one network.")
    if not (everything or models or params or options["symbol"]):
        raise click.UsageError("give a MODEL, or --all; --list shows the known models.")


def make_requests(names: Sequence[str | None], options: Mapping[str, Any]) -> list[Request]:
    """Make a request for each model.

    Raises:
        click.UsageError: options that cannot be combined.
    """
    given = {name: value for name, value in options.items() if _is_given(name)}
    if "formats" in given:
        given["formats"] = tuple(dict.fromkeys(given["formats"]))
    if given.get("symbol") == Path(AUTO) and "params" in given:
        given["symbol"] = symbol_beside(given["params"])
    if "inputs" in given:
        given["inputs"] = parse_inputs(given["inputs"], given.get("symbol"))
    try:
        return [Request(model=name, **given) for name in names]
    except RequestError as error:
        raise click.UsageError(error.message(_option)) from error
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error


def _is_given(name: str) -> bool:
    """Whether an option was given on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def _option(name: str) -> str:
    """Spelling of a request's field on the command line."""
    if name == "model":
        return "MODEL"
    parameters = click.get_current_context().command.params
    return next(each.opts[-1] for each in parameters if each.name == name)
