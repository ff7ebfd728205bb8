"""Console output of validations and trainings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import rich.progress
from rich.console import Console

from .tables import print_table

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
    figures = ("images", "skipped", "top-1", "top-5", "published top-1", "published top-5")
    lines = []
    for row in rows:
        shares = (100 * row[top] / max(row["images"], 1) for top in ("top1", "top5"))
        published = (row["published_top1"], row["published_top5"])
        rate = row["images_per_second"]
        lines.append(
            (
                row["model"],
                f"{row['images']:,}",
                f"{row['skipped']:,}",
                *(f"{share:.2f}" for share in shares),
                *("-" if share is None else f"{share:.2f}" for share in published),
                "-" if rate is None else f"{rate:.1f}",
            )
        )
    print_table(("model", *figures, "images/s"), lines, right=(*figures, "images/s"))
    for by in dict.fromkeys(row["classes"] for row in rows):
        click.echo(f"classes: {by}")


def print_metrics(row: Mapping[str, Any]) -> None:
    """Print the metrics of a network on a data set, beside the published ones, in per cent."""
    click.echo(f"{row['model']}: {row['images']:,} {row['data']}, {row['skipped']:,} skipped")
    measured, published = row["metrics"], row["published"]
    lines = []
    for name in dict.fromkeys((*measured, *published)):
        figures = (measured.get(name), published.get(name))
        lines.append((name, *("-" if each is None else f"{each:.2f}" for each in figures)))
    titles = ("measured", "published")
    print_table(("metric", *titles), lines, right=titles)


def print_epoch(row: Mapping[str, float]) -> None:
    """Print one epoch of a training on a line."""
    accuracies = (f"{name} {row[name]:.4f}" for name in row if name.endswith("accuracy"))
    parts = [f"loss {row['train loss']:.4f}", *accuracies, f"lr {row['learning rate']:.2g}"]
    click.echo(f"epoch {row['epoch']:>3}  " + "  ".join(parts))
