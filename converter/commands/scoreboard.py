"""Console output of validations and trainings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rich.progress
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ..inference.classification import Progress


@contextmanager
def counting(name: str, *, silent: bool = False) -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar on stderr, with images per second and top-1 so far; none in a pipe."""
    stderr = Console(stderr=True)
    with rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TextColumn("{task.fields[rate]}  {task.fields[accuracy]}"),
        rich.progress.TimeRemainingColumn(),
        console=stderr,
        transient=True,
        disable=silent or not stderr.is_terminal,
    ) as live:
        task = live.add_task(name, total=None, rate="", accuracy="")

        def progress(counted: Progress) -> None:
            speed = live.tasks[task].speed
            live.update(
                task,
                total=counted.total,
                completed=counted.done,
                rate="" if speed is None else f"{speed:.0f} images/s",
                accuracy=""
                if counted.right is None
                else f"top-1 {counted.right / max(counted.done, 1):.2%}",
            )

        yield progress


def print_accuracy(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the accuracy of each checkpoint on a line, beside the published accuracy."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    table.add_column("model", no_wrap=True)
    for title in ("images", "skipped", "top-1", "top-5", "published", "published", "images/s"):
        table.add_column(title, no_wrap=True, justify="right")
    for row in rows:
        shares = (100 * row[top] / max(row["images"], 1) for top in ("top1", "top5"))
        published = (row["published_top1"], row["published_top5"])
        rate = row["images_per_second"]
        table.add_row(
            row["model"],
            f"{row['images']:,}",
            f"{row['skipped']:,}",
            *(f"{share:.2f}" for share in shares),
            *("-" if share is None else f"{share:.2f}" for share in published),
            "-" if rate is None else f"{rate:.1f}",
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    for by in dict.fromkeys(row["classes"] for row in rows):
        print(f"classes: {by}")


def print_metrics(row: Mapping[str, Any]) -> None:
    """Print the metrics of a network on a data set, beside the published ones, in per cent."""
    print(f"{row['model']}: {row['images']:,} {row['data']}, {row['skipped']:,} skipped")
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    table.add_column("metric", no_wrap=True)
    for title in ("measured", "published"):
        table.add_column(title, no_wrap=True, justify="right")
    measured, published = row["metrics"], row["published"]
    for name in dict.fromkeys((*measured, *published)):
        figures = (measured.get(name), published.get(name))
        table.add_row(name, *("-" if each is None else f"{each:.2f}" for each in figures))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def print_epoch(row: Mapping[str, float]) -> None:
    """Print one epoch of a training on a line."""
    accuracies = (f"{name} {row[name]:.4f}" for name in row if name.endswith("accuracy"))
    parts = [f"loss {row['train loss']:.4f}", *accuracies, f"lr {row['learning rate']:.2g}"]
    print(f"epoch {row['epoch']:>3}  " + "  ".join(parts), flush=True)
