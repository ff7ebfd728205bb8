"""The `inspect`, `detect` and `diff` commands: what a file contains."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConversionError
from .option_types import InputPath
from .shared_options import CONTEXT, JSON, shortened, write_json

if TYPE_CHECKING:
    from ..checkpoints.inspection import FileReport
    from ..mapping.detection import Detection

FILE = InputPath()


@click.command("inspect", context_settings=CONTEXT)
@click.argument("file", type=FILE)
@JSON
def inspect_command(file: Path, json_file: str | None) -> None:
    """Show what a .params file contains, and what each array is converted to.

    FILE can also be a .py that `convert --format py` wrote: the arrays are those of its weights.
    """
    from ..checkpoints.inspection import inspect_file
    from ..checkpoints.source_file import inspect_source, is_source

    try:
        report = inspect_source(file) if is_source(file) else inspect_file(file)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        write_json([report.as_dict()], json_file)
    if json_file != "-":
        click.echo(_inspection_text(report))


@click.command("detect", context_settings=CONTEXT)
@click.argument("files", type=FILE, nargs=-1, required=True)
@JSON
def detect_command(files: tuple[Path, ...], json_file: str | None) -> None:
    """Show which network each FILE belongs to, and why."""
    from dataclasses import asdict

    from ..checkpoints.file_detection import detect_file, next_step
    from ..mapping.assignment import array_specs
    from ..sources.params import read_params

    rows: list[dict[str, Any]] = []
    for file in files:
        try:
            specs = array_specs(read_params(file))
            detection = detect_file(specs)
        except ConversionError as error:
            click.echo(f"Error: {shortened(str(error), in_json=True)}", err=True)
            rows.append({"file": str(file), "error": str(error)})
            continue
        rows.append({"file": str(file), **asdict(detection)})
        if json_file != "-":
            click.echo(f"{file}: {_detection_text(detection)}")
            if not detection.models and (step := next_step(specs, file)):
                click.echo(f"  {step.removeprefix('; ')}")
    if json_file is not None:
        write_json(rows, json_file)
    sys.exit(0 if all(len(row.get("models", ())) == 1 for row in rows) else 1)


@click.command("diff", context_settings=CONTEXT)
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@click.option("--model", help="Network of both files, if names alone do not identify it.")
@click.option(
    "--names", "names_only", is_flag=True, help="Compare names, shapes and data types alone."
)
@JSON
def diff_command(
    first: Path, second: Path, model: str | None, names_only: bool, json_file: str | None
) -> None:
    """Compare two files by name and value: .params with names of any kind, or checkpoints.

    The exit status is 0 if they are equal, and 1 if they differ.
    """
    from ..checkpoints.comparison import compare_files

    try:
        comparison = compare_files(first, second, model, names_only=names_only)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        write_json([comparison.as_dict()], json_file)
    if json_file != "-":
        for difference in comparison.differences:
            by = "" if difference.max_abs is None else f", by up to {difference.max_abs:.3g}"
            click.echo(f"{difference.name}: {difference.what}{by}")
        click.echo(f"{comparison.equal} equal, {len(comparison.differences)} different")
    sys.exit(1 if comparison.differences else 0)


def _detection_text(detection: Detection) -> str:
    names = f"{detection.dialect} names" + (
        f" with the prefix {detection.prefix}" if detection.prefix else ""
    )
    if detection.models:
        models = " or ".join(detection.models)
        heads = [f"{detection.num_classes} classes"] if detection.num_classes is not None else []
        heads += [f"{detection.in_chans} image channels"] if detection.in_chans is not None else []
        return (
            f"{models} ({'; '.join([', '.join(heads), names, detection.why]).removeprefix('; ')})"
        )
    if detection.nearest is None:
        return f"unknown ({names}; {detection.why})"
    summary = f"unknown; the nearest is {detection.nearest} ({names}; {detection.why})"
    return shortened("\n  ".join([summary, *detection.differs]), in_json=True)


def _inspection_text(report: FileReport) -> str:
    rows = [
        (
            each.name if each.name.isprintable() else repr(each.name),
            each.dtype or "-",
            "-" if each.shape is None else "x".join(map(str, each.shape)) or "scalar",
            each.target or "-",
            _remarks(each.layout, each.nan, each.inf),
        )
        for each in report.arrays
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]])
        for row in rows
    ]
    megabytes = report.bytes / 1e6
    total = f"{len(rows)} arrays, {report.values:,} values, {megabytes:.1f} MB"
    head = [f"{report.path}: {report.version}, {total}"]
    head += [_detection_text(report.detection)] if report.detection is not None else []
    return "\n".join([*head, *(line.rstrip() for line in lines)])


def _remarks(layout: str, nan: int, inf: int) -> str:
    parts = [] if layout == "dense" else [layout]
    parts += [f"{nan} NaN"] if nan else []
    parts += [f"{inf} Inf"] if inf else []
    return ", ".join(parts)
