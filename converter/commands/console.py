"""Console output of conversions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import click

from ..checkpoints.record import Failure, GraphRecord, Record
from ..graph.inputs.free_dimensions import IMAGES
from ..mappings.choices import OURS
from ..mappings.costs import abbreviated
from ..parity.result import Parity
from .tables import format_line, print_table, terminal_width

if TYPE_CHECKING:
    from ..checkpoints.verification import Verification
    from ..mappings.catalog import Entry
    from ..mappings.costs import Costs
    from ..mappings.zoo import ZooEntry

COSTS = ("mult-adds", "FLOPs", "activations", "file")  # headings of `--list --wide`
WIDTHS = (24, 50)  # of a network's name, and of its parity


def result_line(result: Record | GraphRecord | Failure) -> str:
    """Format the result of one conversion: a line, and its notes below."""
    if isinstance(result, Failure):
        path = result.source.path if result.source is not None else None
        line = f"{result.model or 'unknown':24} {'not converted':{WIDTHS[1]}}"
        return (line if path is None else f"{line} {path}").rstrip()
    cells, width = (result.model, parity_line(result.parity), result.file), terminal_width()
    lines = [format_line(cells, WIDTHS, width)]
    if isinstance(result, GraphRecord):
        lines += [format_line(("", "", each.file), WIDTHS, width) for each in result.files[1:]]
        lines.append(f"  takes {_inputs(result)}")
        return "\n".join([*lines, *(f"  note: {note}" for note in result.notes)])
    lines += [format_line(("", "", each.file), WIDTHS, width) for each in result.files[1:]]
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
        # the shapes of a network that has a name are given whole
        of_images = record.family == "graph" and len(record.inputs[0].shape) == IMAGES
        options = "--size and --input give" if of_images else "--input gives"
        return f"({shapes[record.input]}); {options} other shapes"
    return ", ".join(f"{name} ({shape})" for name, shape in shapes.items())


def _sizes(shape: Sequence[int | None]) -> list[str]:
    """A shape's sizes, with N for the batch, H and W for sides of images, and L for lengths."""
    letters = ["N", *"L" * (len(shape) - 1)]
    if len(shape) >= IMAGES:
        letters[-2:] = "HW"
    return [
        letter if size is None else str(size) for letter, size in zip(letters, shape, strict=True)
    ]


def summary_line(results: Sequence[Record | GraphRecord | Failure]) -> str:
    """Format the number of conversions, and how many of them are proved equal."""
    records = [result for result in results if not isinstance(result, Failure)]
    equal = sum(record.parity.passed is True for record in records)
    return f"{len(records)} of {len(results)} converted, {equal} proved equal"


def parity_line(parity: Parity) -> str:
    """Format the reference, and the largest relative difference from it for each dtype."""
    if parity.passed is None:
        return "parity was not run"
    worst: dict[str, float] = {}
    for check in parity.checks:
        worst[check.dtype] = max(worst.get(check.dtype, 0.0), check.max_rel)
    figures = ", ".join(f"{dtype} {value:.1e}" for dtype, value in worst.items())
    return f"equal to {parity.reference}: {figures}"


def verified_line(found: Verification) -> str:
    """Format what was compared with a checkpoint's record, and its parity."""
    names = ", ".join(found.compared)
    hashes = f"matches its {names}" if names else "no hash to compare it with"
    assert found.parity is not None, "parity is measured if there are no problems"
    return f"{found.file}: {hashes}; {parity_line(found.parity)}"


def print_networks(
    entries: Collection[Entry], others: Iterable[ZooEntry], *, wide: bool = False
) -> None:
    """Print networks of the catalogue as a table, and others as a table for each task.

    Args:
        wide: Whether the tables have the networks' costs, too.
    """
    if entries:
        _print_catalog(entries, wide=wide)
    _print_zoo(others, below=bool(entries), wide=wide)


def _print_catalog(entries: Iterable[Entry], *, wide: bool) -> None:
    rows = [
        (
            entry.name,
            entry.published if entry.sha1 else "never published",
            "{}x{}".format(*entry.dataset.input_size),
            f"{entry.parameters / 1e6:.2f}M",
            *(_costs(entry.costs) if wide else ()),
            *(
                "-" if accuracy is None else f"{accuracy:.2f}"
                for accuracy in (entry.top1, entry.top5)
            ),
        )
        for entry in entries
    ]
    figures = ("params", *(COSTS if wide else ()), "top-1", "top-5")
    print_table(("GluonCV", "published as", "input", *figures), rows, right=figures)


def _print_zoo(entries: Iterable[ZooEntry], *, below: bool, wide: bool) -> None:
    by_task: dict[str, list[tuple[str, ...]]] = {}
    for entry in entries:
        shapes = ("x".join(map(str, shape[1:])) for shape in entry.inputs.values())
        metrics = (f"{name} {value:g}" for name, value in entry.metrics.items())
        weights = f"the weights of {entry.float_name}" if entry.float_name else "-"
        by_task.setdefault(entry.task, []).append(
            (
                entry.name,
                str(entry.classes or "-"),
                ", ".join(shapes),
                *(_costs(entry.costs) if wide else ()),
                ", ".join(metrics) or ("without figures" if entry.sha1 else weights),
            )
        )
    costs = COSTS if wide else ()
    for number, (task, rows) in enumerate(by_task.items()):
        if below or number > 0:
            click.echo()
        print_table((task, "classes", "input", *costs, "published"), rows, right=costs)


def _costs(costs: Costs) -> tuple[str, ...]:
    """The cells of a network's costs, below the headings COSTS."""
    counts = (abbreviated(each).replace(" ", "") for each in (costs.multiply_adds, costs.flops))
    return *counts, f"{costs.activations / 1e6:.2f}M", f"{costs.file_bytes / 1e6:.1f} MB"
