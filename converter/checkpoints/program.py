"""A network that was converted as a graph: its weights, and MXNet's graph, which builds its module.

The program in a `.pt2` runs without this project. With the graph beside it, the network can be
built again as a module, which takes images of other sizes and can be trained; the weights in a
`.pth` or `.safetensors` have their graph beside them, too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import safetensors
from torch import fx

from ..errors import CheckpointError, GraphError
from ..graph.array_recovery import recover_arrays
from ..graph.importer import build_module
from ..graph.inputs.image_sizes import Shapes, for_inputs
from ..graph.inputs.input_spec import InputSpec
from ..graph.inputs.shapes import check_shapes, input_specs
from ..graph.symbols.symbol import Graph
from ..sources.arrays import Arrays
from ..weights.state_dict import Tensors
from .formats.job import GRAPH_KEY
from .formats.pt2 import GRAPH_FILE
from .graph_text import parse_graph_text
from .program_archive import read_program_archive
from .recorded_facts import RecordedFacts, read_record
from .weights_file import PROGRAM, read_tensors


@dataclass(frozen=True, repr=False)
class Program:
    """An opened `.pt2`, or an opened `.pth` or `.safetensors` of a graph's network.

    Attributes:
        path: Path of the file.
        graph: MXNet's graph.
        arrays: Shape and data type of each array of the graph.
        inputs: Shape of each input that the file was written for.
        constants: Names of the arrays that are not trained, such as anchors.
        tensors: The module's state_dict.
        record: The facts in the file's record; all None if the record is missing.
        dtypes: Data type of each input that is not float32.
        detections: Of a detector's outputs, whether they are `sorted` by score, or `all`; None for
            other networks.
    """

    path: Path
    graph: Graph
    arrays: Mapping[str, tuple[tuple[int, ...], str]]
    inputs: Shapes
    constants: tuple[str, ...]
    tensors: Tensors
    record: RecordedFacts
    dtypes: Mapping[str, str] = field(default_factory=dict)
    detections: str | None = None

    def __repr__(self) -> str:
        return f"Program({str(self.path)!r}, {self.record.model!r}, inputs={dict(self.inputs)})"

    @property
    def specs(self) -> dict[str, InputSpec]:
        """The inputs that the file was written for."""
        given = {n: (shape, self.dtypes.get(n, "float32")) for n, shape in self.inputs.items()}
        return input_specs(self.graph, self.arrays, given)

    def module(self, inputs: Shapes | None = None) -> fx.GraphModule:
        """Build the module in eval mode, with a copy of the file's weights.

        Args:
            inputs: Shapes of inputs that it is to take; by default those of the file. Most networks
                then take images of other sizes, too.

        Raises:
            CheckpointError: If the weights are not those of the graph.
            GraphError: If the graph cannot be imported, or has no input of a name.
        """
        check_shapes(self.graph, inputs or {})
        shapes = {**self.inputs, **(inputs or {})}
        graph = for_inputs(self.graph, self.inputs, shapes)
        module = build_module(
            graph, self._zeros(), inputs=shapes, any_dtype=True, constants=self.constants
        )
        try:
            copies = {name: tensor.clone() for name, tensor in self.tensors.items()}
            module.load_state_dict(copies, assign=True)
        except RuntimeError as error:
            reason = "; ".join(str(error).splitlines()[1:3])
            raise CheckpointError(
                f"{self.path}: its weights are not those of its graph ({reason.strip()}); "
                "convert the network again"
            ) from error
        return module

    def gluon_arrays(self) -> Arrays:
        """The arrays that the graph was imported with, from the weights in the file.

        Returns:
            The arrays by their names in the graph, in its order.

        Raises:
            CheckpointError: If the weights do not determine them, or are not those of the graph.
            GraphError: If the graph cannot be imported.
        """
        try:
            return recover_arrays(
                self.graph, self.arrays, self.tensors, self.inputs, self.constants
            )
        except GraphError as error:
            raise CheckpointError(f"{self.path}: {error}") from error

    def _zeros(self) -> Arrays:
        return {name: np.zeros(shape, dtype) for name, (shape, dtype) in self.arrays.items()}


def has_graph(path: str | os.PathLike[str]) -> bool:
    """Whether `open_program` opens a file: a `.pt2`, or weights with a graph beside them.

    False for files that cannot be read, too.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                return GRAPH_KEY in (file.metadata() or {})
        except (safetensors.SafetensorError, OSError):
            return False
    try:
        record = read_record(path) if path.suffix == ".pth" else None
    except CheckpointError:
        return False
    return path.suffix == PROGRAM or (record is not None and record.graph is not None)


def open_program(path: str | os.PathLike[str], model: str | None = None) -> Program:
    """Open a file of a graph's network that `convert` wrote: `.pt2`, `.pth` or `.safetensors`.

    Args:
        path: Path of the file.
        model: Name of the network, if the record is missing.

    Raises:
        CheckpointError: If it cannot be read, or another program wrote it.
    """
    path = Path(path)
    is_program = path.suffix not in (".pth", ".safetensors")
    tensors, text = read_program_archive(path, GRAPH_FILE) if is_program else _read_weights(path)
    place = GRAPH_FILE if is_program else GRAPH_KEY
    if not text:
        raise CheckpointError(
            f"{path}: has no MXNet graph beside its program, so that gluon2torch did not write it, "
            "or an older version did; convert the network again"
            if is_program
            else f"{path}: has no MXNet graph beside its weights: it is a checkpoint of a network "
            "of the catalogue (use gluon2torch.open_checkpoint), or its record is missing"
        )
    graph, found = parse_graph_text(text, f"{path}: {place}")
    record = read_record(path) or RecordedFacts()
    if model is not None:
        record = replace(record, model=model)
    return Program(
        path,
        graph,
        found.arrays,
        found.inputs,
        found.constants,
        tensors,
        record,
        found.dtypes,
        found.detections,
    )


def opened_program(program: Program | str | os.PathLike[str]) -> Program:
    """Open a file as `open_program` does; an opened one is returned as it is.

    Raises:
        CheckpointError: If it cannot be read, or another program wrote it.
    """
    return program if isinstance(program, Program) else open_program(program)


def _read_weights(path: Path) -> tuple[Tensors, str | None]:
    """The state_dict of a `.pth` or `.safetensors`, and the graph in its record or metadata."""
    tensors, metadata = read_tensors(path)
    record = read_record(path)
    return tensors, metadata.get(GRAPH_KEY) or (record.graph if record is not None else None)
