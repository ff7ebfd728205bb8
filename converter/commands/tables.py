"""Tables on the console, at any width."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Collection, Sequence

import click

GAP = 2  # columns between cells, and the indent of what does not fit beside the first cell
NO_BREAK = "\xa0"  # a space at which no line ends


def terminal_width() -> int | None:
    """The width of the terminal; None in a pipe, where a row is one line whatever its length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str] = (),
) -> None:
    """Print a table as wide as the terminal; see `format_table`."""
    click.echo(format_table(headings, rows, right, terminal_width()))


def format_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str] = (),
    width: int | None = None,
) -> str:
    """Format a table.

    Args:
        headings: Of the columns, all different.
        rows: Their cells.
        right: The headings of columns that are aligned to the right.
        width: The longest line. Rows of a table that is wider are not cut: the cells after the
            first are below it, each with its heading.
    """
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    if width is not None and sum(widths) + GAP * (len(widths) - 1) > width:
        title = click.style(headings[0], bold=True)
        return "\n".join([title, *(_below(headings, row, width) for row in rows)])
    lines = []
    for cells in (headings, *rows):
        padded = (
            cell.rjust(size) if heading in right else cell.ljust(size)
            for heading, cell, size in zip(headings, cells, widths, strict=True)
        )
        lines.append((" " * GAP).join(padded).rstrip())
    lines[0] = click.style(lines[0], bold=True)
    return "\n".join(lines)


def _below(headings: Sequence[str], row: Sequence[str], width: int) -> str:
    """A row whose cells are below the first one; `-`, which stands for nothing, is left out."""
    pairs = zip(headings[1:], row[1:], strict=True)
    cells = ", ".join(
        f"{each} {cell}".replace(" ", NO_BREAK) for each, cell in pairs if cell != "-"
    )
    indent = " " * GAP
    lines = textwrap.wrap(
        cells,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join([row[0], *lines]).replace(NO_BREAK, " ")


def format_line(cells: Sequence[str], widths: Sequence[int], width: int | None = None) -> str:
    """Format cells as one line in columns of these widths, or each on a line if it is too long."""
    line = " ".join(
        cell.ljust(size) for cell, size in zip(cells, (*widths, 0), strict=True)
    ).rstrip()
    if width is None or len(line) <= width:
        return line
    first, *others = cells
    below = [" " * GAP + each for each in others if each]
    return "\n".join([first, *below] if first else below)
