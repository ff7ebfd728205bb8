"""Checks of which options of `convert` can be combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ..pipeline.request import NO_NMS, Request, RequestError
from ..sources.exported_pair import AUTO, symbol_beside
from .input_option import parse_inputs
from .shared_options import given

LIST = "@"  # before the name of a file that lists files
BESIDE_LIST = {"listing", "models", "wide", "json_file"}


def params_files(paths: Sequence[Path]) -> list[Path]:
    """The files that `--params` names: files, the `.params` in folders, and lines of `@FILE`.

    Raises:
        click.UsageError: A folder or a list has no files, or the list cannot be read.
    """
    files: list[Path] = []
    for path in paths:
        if str(path).startswith(LIST):
            found = _listed(Path(str(path).removeprefix(LIST)))
        elif path.is_dir():
            found = sorted(path.glob("*.params"))
        else:
            found = [path]
        if not found:
            what = "lists no files" if str(path).startswith(LIST) else "has no .params files"
            raise click.UsageError(f"--params: {path} {what}.")
        files += found
    return list(dict.fromkeys(files))


def _listed(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # Windows' editors add the mark
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.UsageError(f"--params: {path} cannot be read ({reason}).") from error
    return [Path(line.strip()) for line in lines if line.strip()]


def check_usage(
    models: Sequence[str], files: Sequence[Path], everything: bool, options: Mapping[str, Any]
) -> None:
    """Check what only the command line accepts: several models or files, or none.

    Raises:
        click.UsageError: Options or arguments that cannot be combined.
    """
    if everything and (models or files):
        raise click.UsageError("--all accepts neither a MODEL nor --params.")
    if files and len(models) > 1:
        raise click.UsageError("--params accepts only one MODEL; without one, it is detected.")
    if options["save_reference"] is not None and (everything or max(len(models), len(files)) > 1):
        raise click.UsageError("--save-reference accepts only one network.")
    several = {"symbol": options["symbol"] not in (None, Path(AUTO)), "report": options["report"]}
    for name, wanted in several.items():
        if wanted and len(files) > 1:
            raise click.UsageError(f"--{name} accepts only one file of --params.")
    if not (everything or models or files or options["symbol"]):
        raise click.UsageError("give a MODEL, or --all; --list shows the known models.")


def refuse_beside_list() -> None:
    """Refuse the options that `--list` does not use.

    Raises:
        click.UsageError: One of them was given.
    """
    parameters = click.get_current_context().command.params
    names = [each.name for each in parameters if each.name is not None and given(each.name)]
    if others := [_option(name) for name in names if name not in BESIDE_LIST]:
        raise click.UsageError(f"--list converts nothing: omit {', '.join(others)}.")


def files_hint(models: Sequence[str]) -> str:
    """Say how a file is converted that is given as MODEL, as the end of a sentence."""
    for name in models:
        if name.endswith(".params"):
            options = f"--symbol {AUTO} " if symbol_beside(name) is not None else ""
            return f"; it is a file: `gluon2torch convert {options}--params {name}`"
        if name.endswith("-symbol.json"):
            return f"; it is a graph: `gluon2torch convert --symbol {name} --params FILE.params`"
        if Path(name).exists():
            return "; files are given with --params"
    return ""


def make_requests(
    names: Sequence[str | None], files: Sequence[Path], options: Mapping[str, Any]
) -> list[Request]:
    """Make a request for each model, or for each file.

    Raises:
        click.UsageError: Options that cannot be combined.
    """
    chosen = {name: value for name, value in options.items() if given(name)}
    if "formats" in chosen:
        chosen["formats"] = tuple(dict.fromkeys(chosen["formats"]))
    wanted: list[tuple[str | None, Path | None]] = [(names[0], file) for file in files]
    wanted = wanted or [(name, None) for name in names]
    try:
        return [_request(name, file, chosen) for name, file in wanted]
    except RequestError as error:
        raise click.UsageError(error.message(_option)) from error
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error


def _request(model: str | None, file: Path | None, chosen: Mapping[str, Any]) -> Request:
    values = dict(chosen)
    if file is not None:
        values["params"] = file
        if values.get("symbol") == Path(AUTO):
            values["symbol"] = _symbol_of(file)
    if "inputs" in values:
        values["inputs"] = parse_inputs(values["inputs"], values.get("symbol"))
    return Request(model=model, **values)


def _symbol_of(file: Path) -> Path | None:
    """The `-symbol.json` beside a file; a note says if there is none, and `auto` does nothing."""
    symbol = symbol_beside(file)
    if symbol is None and file.is_file() and not click.get_current_context().params["quiet"]:
        click.echo(
            f"note: {file}: no -symbol.json is beside it; it is converted as a network of GluonCV",
            err=True,
        )
    return symbol


def _option(name: str) -> str:
    """Spelling of a request's field on the command line."""
    if name == "model":
        return "MODEL"
    parameters = click.get_current_context().command.params
    if name == NO_NMS:
        return next(each.secondary_opts[-1] for each in parameters if each.name == "nms")
    return next(each.opts[-1] for each in parameters if each.name == name)
