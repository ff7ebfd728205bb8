"""Progress display of one task on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .download import Progress
from .stages import watched


@contextmanager
def working(name: str, *, task: str = "converting", verbose: bool = False) -> Iterator[Progress]:
    """Show the stage of a conversion on stderr, and a bar during downloads.

    Args:
        task: What is done with the network, but for downloads.
        verbose: Print a line for each stage, for a log. Otherwise, nothing is shown if stderr is
            not a terminal.
    """
    if verbose:
        with watched(lambda stage, share: _print(f"{name}: {stage} ({share:.0%})")):
            yield lambda done, total: None
        return
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    import rich.progress
    from rich.console import Console

    columns = (
        rich.progress.SpinnerColumn(),
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TransferSpeedColumn(),
    )
    spinner, description, *bar = columns
    with rich.progress.Progress(
        spinner, description, console=Console(stderr=True), transient=True
    ) as live:
        bar_id = live.add_task(f"{task} {name}", total=None)

        def progress(done: int, total: int | None) -> None:
            downloading = done != total
            live.columns = (spinner, description, *bar) if downloading else (spinner, description)
            live.update(
                bar_id,
                description=f"{'downloading' if downloading else task} {name}",
                completed=done,
                total=total,
            )

        def show(stage: str, share: float) -> None:
            live.columns = (spinner, description)
            live.update(bar_id, description=f"{task} {name}: {stage} ({share:.0%})")

        with watched(show):
            yield progress


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
