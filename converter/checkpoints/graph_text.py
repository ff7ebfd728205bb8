"""The text that describes a graph's network in its files: the graph, and shapes beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from ..errors import CheckpointError
from ..graph.inputs.image_sizes import Shapes
from ..graph.inputs.input_spec import Specs
from ..graph.symbols.symbol import Graph, parse_symbol
from ..graph.symbols.symbol_writer import symbol_json
from ..mappings.schema import Row, structure
from ..sources.arrays import Arrays


class Contents(Row, frozen=True):
    """What stands beside the graph.

    Attributes:
        arrays: Shape and data type of each array of the graph, by name.
        inputs: Shape of each input that the file was written for.
        constants: Names of the arrays that are not trained.
        dtypes: Data type of each input that is not float32.
        detections: Of a detector's outputs, whether they are `sorted` by score, or `all`.
    """

    arrays: dict[str, tuple[tuple[int, ...], str]]
    inputs: dict[str, tuple[int, ...]]
    constants: tuple[str, ...]
    dtypes: dict[str, str] = msgspec.field(default_factory=dict)
    detections: str | None = None


def graph_text(
    graph: Graph,
    arrays: Arrays,
    inputs: Specs | Shapes,
    constants: Sequence[str] = (),
    detections: str | None = None,
) -> str:
    """The text that a file has beside its weights or its program.

    Args:
        graph: MXNet's graph.
        arrays: Its arrays, of which names, shapes and data types are written.
        inputs: The inputs that the file is written for, or their shapes.
        constants: Names of the arrays that are not trained.
        detections: As in `Contents`.
    """
    shapes = {n: getattr(each, "shape", each) for n, each in inputs.items()}
    dtypes = {n: getattr(each, "dtype", "float32") for n, each in inputs.items()}
    contents: dict[str, Any] = {
        "arrays": {name: [array.shape, _dtype(array.dtype)] for name, array in arrays.items()},
        "inputs": shapes,
        "constants": list(constants),
        "dtypes": {name: dtype for name, dtype in dtypes.items() if dtype != "float32"},
        "detections": detections,
    }
    return json.dumps({**json.loads(symbol_json(graph)), **contents}, separators=(",", ":"))


def parse_graph_text(text: str, where: str) -> tuple[Graph, Contents]:
    """Read back what `graph_text` wrote.

    Args:
        where: Path of the file, and the place in it, for errors.

    Raises:
        GraphError: If there is no valid graph.
        CheckpointError: If what stands beside it is damaged.
    """
    graph = parse_symbol(text.encode(), where)
    try:
        table: Mapping[str, Any] = json.loads(text)
        fields = Contents.__struct_fields__
        contents = structure({name: table[name] for name in fields if name in table}, Contents)
    except ValueError as error:
        raise CheckpointError(f"{where} is damaged ({error})") from error
    return graph, contents


def _dtype(dtype: np.dtype[Any]) -> str:
    return "float32" if dtype.kind == "f" else dtype.name
