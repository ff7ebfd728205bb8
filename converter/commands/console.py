"""Console output of conversions."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..checkpoints.record import Failure, GraphRecord, Record
from ..mappings.choices import OURS
from ..parity.result import Parity

IMAGE_AXES = 4

if TYPE_CHECKING:
    from rich.table import Table

    from ..mappings.catalog import Entry
    from ..mappings.zoo import ZooEntry


def result_line(result: Record | GraphRecord | Failure) -> str:
    """Format the result of one conversion: a line, and its notes below."""
    if isinstance(result, Failure):
        line = f"{result.model or 'unknown':24} {'not converted':42}"
        path = result.source.path if result.source is not None else None
        return (line if path is None else f"{line} {path}").rstrip()
    lines = [f"{result.model:24} {parity_line(result.parity):42} {result.file}"]
    if isinstance(result, GraphRecord):
        lines += [f"{'':67} {each.file}" for each in result.files[1:]]
        lines.append(f"  takes {_inputs(result)}")
        return "\n".join([*lines, *(f"  note: {note}" for note in result.notes)])
    lines += [f"{'':67} {each.file}" for each in result.files[1:]]
    if result.left_out is not None:
        left_out = ", ".join(f"{len(names)} {rule}*" for rule, names in result.left_out.items())
        lines.append(f"  the trunk of a {result.backbone_of} network; left out: {left_out}")
    if result.note is not None:
        lines.append(f"  {result.note}")
    if result.layout != OURS and result.load is not None:
        lines += ["", *(f"    {line}" for line in result.load.splitlines()), ""]
    return "\n".join(lines)


def _inputs(record: GraphRecord) -> str:
    """Format the inputs that a network takes; letters are sizes that may have any value."""
    shapes = {each.name: ", ".join(_sizes(each.shape)) for each in record.inputs}
    if record.input is not None:
        return f"({shapes[record.input]}); --size and --input give other shapes"
    return ", ".join(f"{name} ({shape})" for name, shape in shapes.items())


def _sizes(shape: Sequence[int | None]) -> list[str]:
    sides = len(shape) >= IMAGE_AXES and shape[-2:] == (None, None)
    texts = ["N" if size is None else str(size) for size in shape]
    return [*texts[:-2], "H", "W"] if sides else texts


def summary_line(results: Sequence[Record | GraphRecord | Failure]) -> str:
    """Format the number of conversions, and how many of them are proved equal."""
    records = [result for result in results if not isinstance(result, Failure)]
    equal = sum(record.parity.passed is True for record in records)
    return f"{len(records)} of {len(results)} converted, {equal} proved equal"


def parity_line(parity: Parity) -> str:
    """Format the largest relative difference that parity measured, for each dtype."""
    if parity.passed is None:
        return "parity was not run"
    worst: dict[str, float] = {}
    for check in parity.checks:
        worst[check.dtype] = max(worst.get(check.dtype, 0.0), check.max_rel)
    return "equal: " + ", ".join(f"{dtype} {value:.1e}" for dtype, value in worst.items())


def print_catalog(entries: Iterable[Entry]) -> None:
    """Print the known models as a table."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for title in ("GluonCV", "published as", "input"):
        table.add_column(title, no_wrap=True)
    for title in ("params", "top-1", "top-5"):
        table.add_column(title, no_wrap=True, justify="right")
    for entry in entries:
        table.add_row(
            entry.name,
            entry.published if entry.sha1 else "never published",
            "{}x{}".format(*entry.dataset.input_size),
            f"{entry.parameters / 1e6:.2f}M",
            *(
                "-" if accuracy is None else f"{accuracy:.2f}"
                for accuracy in (entry.top1, entry.top5)
            ),
        )
    _print(table)


def print_zoo(entries: Iterable[ZooEntry]) -> None:
    """Print the networks of mappings/zoo/, a table for each task."""
    from rich.table import Table

    by_task: dict[str, list[ZooEntry]] = {}
    for entry in entries:
        by_task.setdefault(entry.task, []).append(entry)
    for task, group in by_task.items():
        table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
        for title in (task, "classes", "input", "published"):
            table.add_column(title, no_wrap=True)
        for entry in group:
            shapes = ("x".join(map(str, shape[1:])) for shape in entry.inputs.values())
            metrics = (f"{name} {value:g}" for name, value in entry.metrics.items())
            weights = f"the weights of {entry.float_name}" if entry.float_name else "-"
            table.add_row(
                entry.name,
                str(entry.classes or "-"),
                ", ".join(shapes),
                ", ".join(metrics) or ("without figures" if entry.sha1 else weights),
            )
        print()
        _print(table)


def _print(table: Table) -> None:
    from rich.console import Console

    # in a pipe each model is one line, whatever its length
    Console(width=None if sys.stdout.isatty() else 120).print(table)
