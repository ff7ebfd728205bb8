"""The files of MXNet that a graph's network is written back to."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import CheckpointError, GraphError
from ..files.atomic_file import write_text
from ..files.output_path import output_file
from ..graph.symbols.graph_differences import first_difference
from ..graph.symbols.roles import auxiliary_names
from ..graph.symbols.symbol import parse_symbol, read_symbol
from ..graph.symbols.symbol_writer import symbol_json
from ..mappings.zoo import load_zoo
from ..sources.arrays import Arrays
from ..sources.params_writer import write_params
from .program import Program

_EPOCH = re.compile(r"(-[0-9]{4,})?\.params$")


def symbol_file(out: Path) -> Path:
    """The path of the graph of a `.params`: `NAME-symbol.json` for `NAME-0000.params`."""
    return out.with_name(_EPOCH.sub("", out.name) + "-symbol.json")


def write_gluon_files(program: Program, out: Path) -> tuple[Path, Arrays]:
    """Write a network's arrays as `.params`, and its graph as `-symbol.json` beside them.

    The arrays of GluonCV's networks have structural names, for `load_parameters`. All others have
    the prefixes `arg:` and `aux:`, as `export` and Module write them.

    Args:
        program: The opened file.
        out: The `.params` file; the graph is written to its `symbol_file`.

    Returns:
        Path of the `-symbol.json`, and the arrays.

    Raises:
        CheckpointError: If the weights do not determine the arrays, the folder is not writable, or
            the `-symbol.json` exists and is not this graph.
    """
    symbol, text = symbol_file(out), symbol_json(program.graph)
    _check_replaceable(symbol, text)
    arrays = program.gluon_arrays()
    if program.record.model not in load_zoo():
        states = auxiliary_names(program.graph)
        arrays = {f"{'aux' if n in states else 'arg'}:{n}": array for n, array in arrays.items()}
    write_params(out, arrays)
    write_text(text, symbol)
    return symbol, arrays


def _check_replaceable(symbol: Path, text: str) -> None:
    """Check that nothing else than the same graph is at the path of a `-symbol.json`.

    Args:
        symbol: The path.
        text: The graph that is to be written there.

    Raises:
        CheckpointError: Another graph is there, or something else.
    """
    output_file(symbol)
    if not symbol.exists():
        return
    try:
        other = first_difference(read_symbol(symbol), parse_symbol(text.encode(), str(symbol)))
    except GraphError:
        other = "no graph"
    if other is not None:
        raise CheckpointError(
            f"{symbol}: is there already and is not the graph of these arrays, which belongs there "
            f"({other}); choose another name with `--out`, or move the file away"
        )
