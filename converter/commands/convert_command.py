"""The `convert` command."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UnknownModelError
from .convert_options import convert_options
from .convert_usage import (
    check_usage,
    files_hint,
    make_requests,
    params_files,
    refuse_beside_list,
)
from .interruption import NOTHING_LEFT, InterruptibleCommand, interruptible
from .shared_options import CONTEXT, plugins, shortened, write_json

if TYPE_CHECKING:
    from ..checkpoints.record import Failure, GraphRecord, Record
    from ..mappings.catalog import Entry
    from ..mappings.zoo import ZooEntry
    from ..pipeline.batch import Outcome
    from ..pipeline.request import Request


@click.command("convert", cls=InterruptibleCommand, context_settings=CONTEXT)
@convert_options
def convert_command(
    models: tuple[str, ...],
    everything: bool,
    listing: bool,
    wide: bool,
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
        refuse_beside_list()
        from ..mappings.network_filter import matching

        entries, others = catalog.values(), load_zoo().values()
        try:
            show_networks(*matching(entries, others, models), json_file, wide=wide)
        except UnknownModelError as error:
            raise click.UsageError(str(error)) from error
        return
    if wide:
        raise click.UsageError("--wide is for --list.")
    shard, jobs = options.pop("shard"), options.pop("jobs")
    files = params_files(options.pop("params"))
    check_usage(models, files, everything, options)
    try:
        chosen = catalog.published_set if everything else models
        # a network that is named twice is converted once
        names: list[str | None] = [*dict.fromkeys(find_network(name).name for name in chosen)]
    except UnknownModelError as error:
        raise click.UsageError(f"{error}{files_hint(chosen)}") from error
    requests = make_requests(names or [None], files, options)
    if shard is not None:
        number, count = shard
        requests = requests[number - 1 :: count]

    from ..pipeline.batch import convert_in_processes, convert_in_turn

    if jobs > 1 and len(requests) > 1:
        outcomes = convert_in_processes(requests, jobs, verbose=verbose, plugins=plugins())
    else:
        outcomes = convert_in_turn(requests, verbose=verbose)
    results = show_each(outcomes, requests, quiet=quiet or json_file == "-")
    if json_file is not None:
        write_json([result.as_dict() for result in results], json_file)
    sys.exit(0 if all(result.succeeded for result in results) else 1)


def show_each(
    outcomes: Iterable[Outcome], requests: Sequence[Request], *, quiet: bool
) -> list[Record | GraphRecord | Failure]:
    """Print a line for each outcome as it comes, and a failure to stderr.

    Raises:
        Interrupted: If the user interrupts the conversion; says what is left.
    """
    from . import console

    results: list[Record | GraphRecord | Failure] = []
    with interruptible(lambda: _left(requests, results)):
        for outcome in outcomes:
            if outcome.error is not None:
                click.echo(f"Error: {shortened(outcome.error, in_json=True)}", err=True)
            results.append(outcome.result)
            if not quiet:
                click.echo(console.result_line(outcome.result))
    if len(results) > 1 and not quiet:
        click.echo(console.summary_line(results))
    for note in _unproved(requests, results):
        click.echo(f"note: {note}", err=True)
    return results


def _unproved(
    requests: Sequence[Request], results: Sequence[Record | GraphRecord | Failure]
) -> Iterator[str]:
    """What to know about networks whose parity was not run."""
    from ..checkpoints.record import Failure
    from ..checkpoints.recorded_facts import read_record

    no_mxnet = False
    for request, result in zip(requests, results, strict=True):
        if isinstance(result, Failure) or result.parity.passed is not None:
            continue
        no_mxnet |= request.reference == "auto"
        earlier = read_record(Path(result.file))
        if earlier is not None and earlier.parity is not None and earlier.parity.passed:
            yield f"{result.file}: its record, of an earlier run that proved it, is kept"
    if no_mxnet:
        yield (
            "parity was not run, because MXNet is not installed and these graphs need it; "
            "--reference takes a file that --save-reference wrote where it is"
        )


def _left(requests: Sequence[Request], results: Sequence[Record | GraphRecord | Failure]) -> str:
    """Say what an interrupted run has converted, and how to convert the rest."""
    if len(requests) == 1:
        return NOTHING_LEFT
    finished = sum(result.succeeded for result in results)
    rest = " ".join(str(each.params or each.model) for each in requests[len(results) :])
    return (
        f"{finished} of {len(requests)} are converted, and their files stay; go on with the same "
        f"options for {rest}"
    )


def show_networks(
    entries: Collection[Entry],
    others: Collection[ZooEntry],
    json_file: str | None,
    *,
    wide: bool = False,
) -> None:
    """Print the known networks as tables or as JSON: the catalogue's, and then the zoo's.

    Args:
        wide: Whether the tables have the networks' costs, too; JSON always has.
    """
    from ..mappings.schema import plain
    from . import console

    if json_file is None:
        console.print_networks(entries, others, wide=wide)
    else:
        networks: list[Entry | ZooEntry] = [*entries, *others]
        rows = [{**plain(each), "costs": each.costs.as_dict()} for each in networks]
        write_json(rows, json_file)
