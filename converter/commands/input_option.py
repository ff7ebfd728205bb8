"""Parser of `--input NAME=SHAPE[:DTYPE]`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import ConversionError
from ..mappings.choices import INPUT_DTYPES

_OPTION = re.compile(r"(?P<name>.+)=(?P<shape>[1-9]\d{0,8}([,x][1-9]\d{0,8})*)(:(?P<dtype>\w+))?")


def parse_inputs(
    texts: Sequence[str], symbol: Path | None
) -> dict[str, tuple[tuple[int, ...], str]]:
    """Parse the inputs of a graph; sizes are separated by `,` or `x`.

    Args:
        texts: The option's values.
        symbol: The graph, whose inputs an error lists.

    Returns:
        Name → shape with the batch, and data type.

    Raises:
        click.UsageError: If a text has another form, or a name occurs twice.
    """
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for text in texts:
        match = _OPTION.fullmatch(text)
        dtype = (match["dtype"] or "float32") if match else ""
        if match is None or dtype not in INPUT_DTYPES:
            raise click.UsageError(
                f"--input {text!r} is not NAME=SHAPE[:DTYPE], such as data=1,3,224,224, with DTYPE "
                f"one of {', '.join(INPUT_DTYPES)}{_listed(symbol)}."
            )
        if match["name"] in found:
            raise click.UsageError(f"--input gives {match['name']!r} twice{_listed(symbol)}.")
        sizes = re.split("[,x]", match["shape"])
        found[match["name"]] = tuple(map(int, sizes)), dtype
    return found


def _listed(symbol: Path | None) -> str:
    """The graph's inputs as the end of a sentence; nothing if it cannot be read."""
    from ..graph.symbols.roles import roles
    from ..graph.symbols.symbol import read_symbol

    if symbol is None:
        return ""
    try:
        inputs = roles(read_symbol(symbol)).inputs
    except ConversionError:
        return ""
    return f"; the graph's inputs are {', '.join(inputs)}"
