"""The program of an imported graph, as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..checkpoints.formats.pt2 import write_program
from ..checkpoints.program import GRAPH_FILE, graph_text
from ..checkpoints.record import RecordedInput, WrittenFile
from ..errors import ExportError
from ..graph.input_spec import with_batch
from .graph_inputs import FIXED, BuiltGraph
from .graph_proof import Network


@dataclass(frozen=True)
class WrittenGraph:
    """A program that was written.

    Attributes:
        file: Its file.
        inputs: The inputs that it accepts.
        notes: Remarks for the user.
    """

    file: WrittenFile
    inputs: tuple[RecordedInput, ...]
    notes: tuple[str, ...] = ()


def write_graph(built: BuiltGraph, network: Network, folder: Path, name: str) -> WrittenGraph:
    """Write a module's program, for any batch size if it has one.

    Where the module runs with any batch size, but torch cannot export it so, the program is for the
    given shapes only, and a note says why.

    Args:
        built: The module and its inputs.
        network: Its graph and arrays; the graph is written beside the program.
        folder: Folder to write to.
        name: Start of the file name.

    Raises:
        ExportError: If torch cannot export the module for the given shapes either.
        CheckpointError: If the program differs from the module, or the folder is not writable.
    """
    module, specs, any_batch = built.module, built.specs, built.any_batch
    notes = []

    def write(*, any_batch: bool) -> WrittenFile:
        example = with_batch(specs, 1) if any_batch else specs
        shapes = {key: spec.shape for key, spec in example.items()}
        beside = {GRAPH_FILE: graph_text(network.graph, network.arrays, shapes, network.constants)}
        return write_program(module, specs, folder, name, any_batch=any_batch, beside=beside)

    try:
        written = write(any_batch=any_batch)
    except ExportError as error:
        if not any_batch:
            raise
        any_batch = False
        written = write(any_batch=any_batch)
        reason = f"torch.export cannot export the network with a variable batch ({error.reason})"
        notes.append(FIXED.format(reason=reason))
    inputs = []
    for key, spec in specs.items():
        shape: list[int | None] = list(spec.shape)
        if any_batch:
            shape[spec.batch_axis] = None
        inputs.append(RecordedInput(key, tuple(shape), spec.dtype))
    return WrittenGraph(written, tuple(inputs), tuple(notes))
