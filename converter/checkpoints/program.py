"""A `.pt2` that this project wrote: its weights, and MXNet's graph, from which its module is built.

The program in the file runs without this project, on images of one size. With the graph beside it,
the network can be built again as a module that takes images of any size.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import fx

from ..errors import CheckpointError
from ..graph.image_sizes import Shapes, for_inputs
from ..graph.importer import build_module
from ..graph.symbol import Graph, parse_symbol
from ..graph.symbol_writer import symbol_json
from ..mappings.schema import Row, structure
from ..sources.arrays import Arrays
from ..weights.state_dict import Tensors
from .record import RecordedFacts, read_record

GRAPH_FILE = "mxnet-graph.json"  # in the archive


class _Contents(Row, frozen=True):
    """What stands beside the graph.

    Attributes:
        arrays: Shape and data type of each array of the graph, by name.
        inputs: Shape of each input that the program was written for.
        constants: Names of the arrays that are not trained.
    """

    arrays: dict[str, tuple[tuple[int, ...], str]]
    inputs: dict[str, tuple[int, ...]]
    constants: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """An opened `.pt2`.

    Attributes:
        path: Path of the file.
        graph: MXNet's graph.
        arrays: Shape and data type of each array of the graph.
        inputs: Shape of each input that the program was written for.
        constants: Names of the arrays that are not trained, such as anchors.
        tensors: The module's state_dict.
        record: The facts in the file's record; all None if the record is missing.
    """

    path: Path
    graph: Graph
    arrays: Mapping[str, tuple[tuple[int, ...], str]]
    inputs: Shapes
    constants: tuple[str, ...]
    tensors: Tensors
    record: RecordedFacts

    def module(self, inputs: Shapes | None = None) -> fx.GraphModule:
        """Build the module in eval mode, with the file's weights.

        Args:
            inputs: Shapes of inputs that it is to take; by default those of the program. Most
                networks then take images of other sizes, too.

        Raises:
            CheckpointError: If the weights are not those of the graph.
            GraphError: If the graph cannot be imported.
        """
        shapes = {**self.inputs, **(inputs or {})}
        graph = for_inputs(self.graph, self.inputs, shapes)
        zeros = {name: np.zeros(shape, dtype) for name, (shape, dtype) in self.arrays.items()}
        module = build_module(graph, zeros, inputs=shapes, constants=self.constants)
        try:
            module.load_state_dict(self.tensors, assign=True)
        except RuntimeError as error:
            reason = "; ".join(str(error).splitlines()[1:3])
            raise CheckpointError(
                f"{self.path}: its weights are not those of its graph ({reason.strip()}); "
                "convert the network again"
            ) from error
        return module


def graph_text(graph: Graph, arrays: Arrays, inputs: Shapes, constants: Sequence[str] = ()) -> str:
    """The text that a `.pt2` has beside its program.

    Args:
        graph: MXNet's graph.
        arrays: Its arrays, of which names, shapes and data types are written.
        inputs: Shape of each input that the program is written for.
        constants: Names of the arrays that are not trained.
    """
    contents = {
        "arrays": {name: [array.shape, _dtype(array.dtype)] for name, array in arrays.items()},
        "inputs": dict(inputs),
        "constants": list(constants),
    }
    return json.dumps({**json.loads(symbol_json(graph)), **contents}, separators=(",", ":"))


def _dtype(dtype: np.dtype[Any]) -> str:
    return "float32" if dtype.kind == "f" else dtype.name


def open_program(path: str | os.PathLike[str], model: str | None = None) -> Program:
    """Open a `.pt2` that `convert` wrote.

    Args:
        path: Path of the file.
        model: Name of the network, if the record is missing.

    Raises:
        CheckpointError: If it cannot be read, or another program wrote it.
    """
    path = Path(path)
    extra = {GRAPH_FILE: ""}
    try:
        if not zipfile.is_zipfile(path):
            path.open("rb").close()
            raise ValueError("not a zip archive, or cut short")
        program = torch.export.load(path, extra_files=extra)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (RuntimeError, ValueError, KeyError, AssertionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path}: is not a program of torch.export ({reason})") from error
    text = extra[GRAPH_FILE]
    if not text:
        raise CheckpointError(
            f"{path}: has no MXNet graph beside its program, so that gluon2torch did not write it, "
            "or an older version did; convert the network again"
        )
    graph = parse_symbol(text.encode(), f"{path}: {GRAPH_FILE}")
    try:
        table = json.loads(text)
        beside = {name: table.get(name) for name in _Contents.__struct_fields__}
        found = structure(beside, _Contents)
    except ValueError as error:
        raise CheckpointError(f"{path}: {GRAPH_FILE} is damaged ({error})") from error
    record = read_record(path) or RecordedFacts()
    if model is not None:
        record = replace(record, model=model)
    tensors = dict(program.state_dict)
    return Program(path, graph, found.arrays, found.inputs, found.constants, tensors, record)
