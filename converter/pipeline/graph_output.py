"""The files of an imported graph, in each of the requested formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checkpoints.formats import write_graph_file
from ..checkpoints.formats.job import GraphJob
from ..checkpoints.graph_text import graph_text
from ..checkpoints.record import RecordedInput, WrittenFile
from ..errors import ExportError
from ..graph.inputs.free_dimensions import Free
from ..graph.inputs.input_spec import with_batch
from ..graph.summary import output_names
from .graph_inputs import BuiltGraph
from .graph_proof import Network

FIXED = (
    "the {format} file accepts {what} only: torch cannot export it otherwise ({reason}); that of "
    "`--format pth` accepts others"
)


@dataclass(frozen=True)
class WrittenGraph:
    """A file that was written.

    Attributes:
        file: The file.
        inputs: The inputs that it accepts.
        notes: Remarks for the user.
        graph: MXNet's graph as text, if the file's record has to contain it.
    """

    file: WrittenFile
    inputs: tuple[RecordedInput, ...]
    notes: tuple[str, ...] = ()
    graph: str | None = None


def write_graph(
    built: BuiltGraph,
    network: Network,
    folder: Path,
    name: str,
    formats: Sequence[str],
    origin: str,
) -> list[WrittenGraph]:
    """Write a module in each format, with all dimensions free that may be.

    Where torch cannot export what the module can do, fewer dimensions are free in that file, and a
    note says why.

    Args:
        built: The module, in float32, and its inputs.
        network: Its graph and arrays; the graph is written beside the weights.
        folder: Folder to write to.
        name: Start of the file names.
        formats: The formats.
        origin: Where the network comes from, and its licence.

    Raises:
        ExportError: If torch cannot export the module for the given shapes either.
        CheckpointError: If a file differs from the module, a format cannot express it, or the
            folder is not writable.
    """
    return [_write(format_, built, network, folder, name, origin) for format_ in formats]


def _write(
    format_: str, built: BuiltGraph, network: Network, folder: Path, name: str, origin: str
) -> WrittenGraph:
    specs = with_batch(built.specs, 1) if built.free.batch else built.specs
    text = graph_text(
        network.graph, network.arrays, specs, network.constants, network.detection_order
    )
    tensors = built.module.state_dict()
    reasons: list[tuple[Free, str]] = []
    for free in built.free.less(built.specs):
        outputs = output_names(network.graph)
        job = GraphJob(
            tensors, folder, name, built.module, built.specs, outputs, free, text, origin
        )
        try:
            file = write_graph_file(format_, job)
        except ExportError as error:
            if free == Free():
                raise
            reasons.append((free, error.reason))
            continue
        inputs = tuple(
            RecordedInput(key, free.shape(key, built.specs), spec.dtype)
            for key, spec in built.specs.items()
        )
        return WrittenGraph(
            file, inputs, tuple(_notes(format_, free, reasons)), text if format_ == "pth" else None
        )
    raise AssertionError("the last attempt has no free dimension")


def _notes(format_: str, free: Free, reasons: Sequence[tuple[Free, str]]) -> list[str]:
    """Why fewer dimensions of a file are free than of the module."""
    notes: dict[str, str] = {}
    for tried, reason in reasons:
        if tried.dimensions != free.dimensions:
            what = _sizes(tried, free)
            notes[what] = notes.get(what, reason)
        elif tried.batch and not free.batch:
            notes["this batch"] = reason
    return [
        FIXED.format(format=format_, what=what, reason=reason) for what, reason in notes.items()
    ]


def _sizes(tried: Free, free: Free) -> str:
    """The only sizes that a file accepts, where others were tried."""
    if free.dimensions:
        return f"images whose sides are multiples of {free.dimensions[0].multiple}"
    names = {each.name for each in tried.dimensions}
    return "images of this size" if names <= {"height", "width"} else "inputs of these lengths"
