"""Progress display of one task on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .download import Progress


@contextmanager
def working(name: str) -> Iterator[Progress]:
    """Show a spinner on stderr, and a bar during downloads; nothing if stderr is not a terminal."""
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
        task = live.add_task(f"converting {name}", total=None)

        def progress(done: int, total: int | None) -> None:
            downloading = done != total
            live.columns = (spinner, description, *bar) if downloading else (spinner, description)
            live.update(
                task,
                description=f"{'downloading' if downloading else 'converting'} {name}",
                completed=done,
                total=total,
            )

        yield progress
