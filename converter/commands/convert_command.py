"""The `convert` command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConversionError, UnknownModelError
from .convert_options import convert_options
from .convert_usage import check_usage, make_requests
from .interruption import NOTHING_LEFT, InterruptibleCommand, interruptible
from .shared_options import CONTEXT, shortened, write_json

if TYPE_CHECKING:
    from ..checkpoints.record import Failure, GraphRecord, Record
    from ..files.download import Progress
    from ..mappings.catalog import Entry
    from ..mappings.zoo import ZooEntry
    from ..pipeline.request import Request


@click.command("convert", cls=InterruptibleCommand, context_settings=CONTEXT)
@convert_options
def convert_command(
    models: tuple[str, ...],
    everything: bool,
    listing: bool,
    json_file: str | None,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Convert GluonCV networks to PyTorch; each is proved equal before it is written.

    MODEL is the GluonCV name (resnet50_v1d) or the published name (gluon_resnet50_v1d). With
    --params it is optional: the network is detected from the file.
    """
    from ..mappings.catalog import load_catalog
    from ..mappings.zoo import find_network, load_zoo

    catalog = load_catalog()
    if listing:
        from ..mappings.network_filter import matching

        entries, others = catalog.values(), load_zoo().values()
        try:
            show_networks(*matching(entries, others, models), json_file)
        except UnknownModelError as error:
            raise click.UsageError(str(error)) from error
        return
    check_usage(models, everything, options)
    try:
        chosen = catalog.published_set if everything else models
        names: list[str | None] = [find_network(name).name for name in chosen]
    except UnknownModelError as error:
        raise click.UsageError(str(error)) from error
    requests = make_requests(names or [None], options)

    from ..pipeline.conversion import run

    results = run_each(requests, run, quiet=quiet or json_file == "-", verbose=verbose)
    if json_file is not None:
        write_json([result.as_dict() for result in results], json_file)
    sys.exit(0 if all(result.succeeded for result in results) else 1)


def run_each(
    requests: Sequence[Request],
    one: Callable[[Request, Progress], Record | GraphRecord],
    *,
    quiet: bool,
    verbose: bool = False,
) -> list[Record | GraphRecord | Failure]:
    """Convert one after another.

    A failure is printed to stderr at once and does not stop the rest.
    """
    from ..checkpoints.record import Failure
    from ..files.progress_bar import working
    from . import console

    results: list[Record | GraphRecord | Failure] = []
    for request in requests:
        try:
            with (
                interruptible(lambda: _left(requests, results)),
                working(request.model or "the file", verbose=verbose) as progress,
            ):
                result: Record | GraphRecord | Failure = one(request, progress)
        except ConversionError as error:
            result = error.failure or Failure(model=request.model, error=str(error))
            click.echo(f"Error: {shortened(str(error))}", err=True)
        results.append(result)
        if not quiet:
            click.echo(console.result_line(result))
    if len(results) > 1 and not quiet:
        click.echo(console.summary_line(results))
    return results


def _left(requests: Sequence[Request], results: Sequence[Record | GraphRecord | Failure]) -> str:
    """Say what an interrupted run has converted, and how to convert the rest."""
    if len(requests) == 1:
        return NOTHING_LEFT
    finished = sum(result.succeeded for result in results)
    rest = " ".join(str(each.model or each.params) for each in requests[len(results) :])
    return (
        f"{finished} of {len(requests)} are converted, and their files stay; go on with the same "
        f"options for {rest}"
    )


def show_networks(
    entries: Collection[Entry], others: Collection[ZooEntry], json_file: str | None
) -> None:
    """Print the known networks as tables or as JSON: the catalogue's, and then the zoo's."""
    from ..mappings.schema import plain
    from . import console

    if json_file is None:
        console.print_networks(entries, others)
    else:
        rows = [*map(plain, entries), *map(plain, others)]
        write_json(rows, json_file)
