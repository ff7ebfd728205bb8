"""Progress display of one task on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import rich.progress
from rich.console import Console

from .download import Progress


@contextmanager
def working(name: str) -> Iterator[Progress]:
    """Show a spinner on stderr, and a bar during downloads; nothing if stderr is not a terminal."""
    columns = (
        rich.progress.SpinnerColumn(),
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TransferSpeedColumn(),
    )
    spinner, description, *bar = columns
    stderr = Console(stderr=True)
    with rich.progress.Progress(
        spinner, description, console=stderr, transient=True, disable=not stderr.is_terminal
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
