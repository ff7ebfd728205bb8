"""`convert`: options in, lines or JSON out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..choices import FOLDER, OURS, SAVED
from ..errors import ConversionError, UnknownModelError
from .common import CONTEXT, shortened, write_json
from .convert_options import convert_options

if TYPE_CHECKING:
    from ..catalog import Entry
    from ..record import Failure, GraphRecord, Record


NOT_WITH_SYMBOL = (
    *("formats", "layout", "labels", "dtype", "backbone", "allow_nonfinite"),
    *("report", "save_reference"),
)


@click.command("convert", context_settings=CONTEXT)
@convert_options
def convert_command(
    models: tuple[str, ...],
    everything: bool,
    listing: bool,
    init: str,
    seed: int,
    params: Path | None,
    symbol: Path | None,
    out: Path,
    formats: tuple[str, ...],
    layout: str,
    labels: Path | None,
    report: Path | None,
    reference: str,
    save_reference: Path | None,
    dtype: str,
    allow_nonfinite: bool,
    backbone: bool,
    sizes: tuple[tuple[int, int], ...],
    json_file: str | None,
    quiet: bool,
) -> None:
    """Convert GluonCV networks to PyTorch, each proved equal before it is written.

    MODEL is GluonCV's name (resnet50_v1d) or the published one (gluon_resnet50_v1d). With --params
    it can be left out: the network is read off the file.
    """
    from ..catalog import load_catalog

    catalog = load_catalog()
    if listing:
        show_catalog(catalog.values(), json_file)
        return
    if everything and (models or params):
        raise click.UsageError("--all takes neither a MODEL nor --params.")
    if params is not None and len(models) > 1:
        raise click.UsageError("--params is of one MODEL, or of none: then it is detected.")
    if json_file not in (None, "-"):
        target = Path(str(json_file)).resolve()
        if target.is_dir() or not target.parent.is_dir():
            raise click.UsageError(f"--json: there is no folder to write {json_file} to.")
    given = click.get_current_context().get_parameter_source
    if layout == FOLDER and given("formats") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--layout {FOLDER} has a format of its own: leave --format out.")
    if params is not None and given("init") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--params is a source of weights as --init is: give one of them.")
    if "onnx" in formats and layout not in (OURS, FOLDER):
        raise click.UsageError("--layout is of keys, which an ONNX file has none of.")
    if save_reference is not None and (reference == "none" or reference.endswith(SAVED)):
        raise click.UsageError("--save-reference keeps what gluon or graph gives.")
    if reference.endswith(SAVED) and sizes:
        raise click.UsageError("a saved reference has its own images: leave --size out.")
    if save_reference is not None and (everything or len(models) > 1):
        raise click.UsageError("--save-reference is of one network.")
    if save_reference is not None and save_reference.suffix != ".npz":
        raise click.UsageError("--save-reference writes a FILE.npz.")
    if backbone and params is None:
        raise click.UsageError("--backbone takes the trunk out of a file; name it with --params.")
    if symbol is not None:
        check_symbol_usage(params, models)
    if not (everything or models or params):
        raise click.UsageError("give a MODEL, or --all; --list shows the models known.")
    try:
        wanted = catalog.published_set if everything else models
        names: list[str | None] = [catalog.find(name).name for name in wanted]
    except UnknownModelError as error:
        raise click.UsageError(str(error)) from error

    from ..pipeline import convert

    def one(name: str | None, progress: Any) -> Record | GraphRecord:
        if symbol is not None and params is not None:
            from ..graph.pipeline import convert_graph

            return convert_graph(
                symbol, params, out=out, reference=reference, sizes=sizes or None, seed=seed
            )
        return convert(
            name,
            params=params,
            init=init,
            seed=seed,
            out=out,
            formats=tuple(dict.fromkeys(formats)),
            layout=layout,
            labels=labels,
            report=report,
            reference=reference,
            save_reference=save_reference,
            sizes=sizes or None,
            dtype=dtype,
            allow_nonfinite=allow_nonfinite,
            backbone=backbone,
            progress=progress,
        )

    results = run_each(names or [None], one, quiet=quiet or json_file == "-")
    if json_file is not None:
        write_json([result.as_dict() for result in results], json_file)
    sys.exit(0 if all(result.succeeded for result in results) else 1)


def check_symbol_usage(params: Path | None, models: Sequence[str]) -> None:
    """Refuse what does not go with --symbol.

    Raises:
        click.UsageError: it needs --params, and takes no option of the catalogue's networks.
    """
    context = click.get_current_context()
    if params is None:
        raise click.UsageError("--symbol is of the arrays in a file: name it with --params.")
    if models:
        raise click.UsageError("--symbol says what is computed: leave the MODEL out.")
    for name in NOT_WITH_SYMBOL:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = next(each.opts[-1] for each in context.command.params if each.name == name)
            raise click.UsageError(f"{option} is of the catalogue's networks, not of --symbol.")
    if context.params["reference"].endswith(SAVED):
        raise click.UsageError("a saved reference is of the catalogue's networks, not of --symbol.")
    if context.params["reference"] == "graph":
        raise click.UsageError("--reference graph would hold the graph against itself.")


def run_each(
    names: Sequence[str | None],
    one: Callable[[str | None, Any], Record | GraphRecord],
    *,
    quiet: bool,
) -> list[Record | GraphRecord | Failure]:
    """Convert one after another; a failure is told at once on stderr and does not stop the rest."""
    from .. import console
    from ..record import Failure

    results: list[Record | GraphRecord | Failure] = []
    for name in names:
        try:
            with console.working(name or "the file") as progress:
                result: Record | GraphRecord | Failure = one(name, progress)
        except ConversionError as error:
            result = error.failure or Failure(model=name, error=str(error))
            click.echo(f"error: {shortened(str(error))}", err=True)
        results.append(result)
        if not quiet:
            click.echo(console.result_line(result))
    if len(results) > 1 and not quiet:
        click.echo(console.summary_line(results))
    return results


def show_catalog(entries: Iterable[Entry], json_file: str | None) -> None:
    """The models known, as a table or as JSON."""
    from .. import console

    if json_file is None:
        console.print_catalog(entries)
    else:
        write_json([asdict(entry) for entry in entries], json_file)
