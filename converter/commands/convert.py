"""`convert`: options in, lines or JSON out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConversionError, UnknownModelError
from .common import CONTEXT, shortened, write_json
from .convert_options import convert_options
from .convert_usage import check_usage

if TYPE_CHECKING:
    from ..catalog import Entry
    from ..record import Failure, GraphRecord, Record


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
    check_usage(**click.get_current_context().params)
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
