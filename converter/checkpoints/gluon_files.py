"""The files of MXNet that a graph's network is written back to."""

from __future__ import annotations

import re
from pathlib import Path

from ..files.atomic_file import write_text
from ..files.output_path import output_file
from ..graph.symbols.roles import auxiliary_names
from ..graph.symbols.symbol_writer import symbol_json
from ..mappings.zoo import load_zoo
from ..sources.arrays import Arrays
from ..sources.params_writer import write_params
from .program import Program

_EPOCH = re.compile(r"(-[0-9]{4})?\.params$")


def write_gluon_files(program: Program, out: Path) -> tuple[Path, Arrays]:
    """Write a network's arrays as `.params`, and its graph as `-symbol.json` beside them.

    The arrays of GluonCV's networks have structural names, for `load_parameters`. All others have
    the prefixes `arg:` and `aux:`, as `export` and Module write them.

    Args:
        program: The opened file.
        out: The `.params` file; the graph's name is `NAME-symbol.json` for `NAME-0000.params`.

    Returns:
        Path of the `-symbol.json`, and the arrays.

    Raises:
        CheckpointError: If the weights do not determine the arrays, or the folder is not writable.
    """
    arrays = program.gluon_arrays()
    if program.record.model not in load_zoo():
        states = auxiliary_names(program.graph)
        arrays = {f"{'aux' if n in states else 'arg'}:{n}": array for n, array in arrays.items()}
    symbol = out.with_name(_EPOCH.sub("", out.name) + "-symbol.json")
    output_file(symbol)  # before the arrays are written
    write_params(out, arrays)
    write_text(symbol_json(program.graph), symbol)
    return symbol, arrays
