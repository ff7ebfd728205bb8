"""The `py` format: readable source of a network, and its weights in a safetensors file."""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ...errors import CheckpointError
from ...files.atomic_file import staging, write_text
from ...files.hashes import HASH_DIGITS
from ...graph.inputs.free_dimensions import Free, trials
from ...graph.inputs.input_spec import Specs, in_dtype
from ...graph.source_code.source_program import SourceProgram, write_source
from ...graph.source_code.text_layout import WIDTH
from ...mappings.catalog import load_catalog
from ...parity.source_proof import prove_source
from ...parity.varied_inputs import varied
from ..record import WrittenFile
from .job import GraphJob, Job, WeightsJob
from .safetensors import write_safetensors

if TYPE_CHECKING:
    from torch import fx

PREFIX = "gluon_"


def write_graph_source(job: GraphJob) -> WrittenFile:
    """Write `folder/name-<hash>.py` and the safetensors file with its weights.

    Equal graphs give equal bytes. The source is run by another process before it gets its name.

    Raises:
        GraphError: If the graph contains what has no source.
        CheckpointError: If the source's outputs differ from the module's, or the folder is not
            writable.
    """
    return _write(job, job.module, job.specs, job.free, job.origin)


def write_catalog_source(job: Job) -> WrittenFile:
    """Write the source of a network of the catalogue, from its stored graph; as above.

    Raises:
        GraphError: If the network has no stored graph.
        CheckpointError: As above, or if it is a backbone.
    """
    from ...graph.importer import build_module
    from ...graph.inputs.input_spec import InputSpec
    from ...graph.zoo.stored_graph import load_graph
    from ...weights.gluon_arrays import gluon_arrays

    record = job.record
    if not record.num_classes:
        raise CheckpointError(f"{job.name}: a network without a classifier has no source")
    stored = load_graph(record.model)
    arrays = gluon_arrays(record.family, job.tensors, job.name)
    graph = stored.of_stages(list(stored.stages[-1:]))
    specs = {"data": InputSpec((1, *job.image))}
    module = build_module(
        graph, arrays, dtype="float32", inputs={"data": specs["data"].shape}, any_dtype=True
    )
    licence = load_catalog().licence
    origin = f"GluonCV's {record.model}, whose licence is {licence}"
    return _write(job, module, specs, Free(batch=True), origin)


def _write(
    job: WeightsJob, module: fx.GraphModule, specs: Specs, free: Free, origin: str
) -> WrittenFile:
    example = in_dtype({key: spec.zeros() for key, spec in specs.items()}, "float32")
    inputs = {key: torch.from_numpy(value) for key, value in example.items()}
    name = job.name.removeprefix(PREFIX)
    with staging(job.folder) as staged:
        module.float()
        program = write_source(module, inputs, name)
        weights = _write_weights(program, module.state_dict(), staged, job.name)
        head = _head(name, program.network, weights.name, origin, program.classes)
        text = program.with_head(head)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        path = staged / f"{job.name}-{sha256[:HASH_DIGITS]}.py"
        write_text(text, path)
        prove_source(path, weights, program.network, module, trials(varied(module, specs), free))
    return WrittenFile("py", str(job.folder / path.name), sha256, len(text.encode()))


def _write_weights(
    program: SourceProgram, tensors: Mapping[str, torch.Tensor], folder: Path, name: str
) -> Path:
    own = {key: tensors[original] for key, original in program.keys.items()}
    return Path(write_safetensors(WeightsJob(own, folder, name)).file)


def _in_docstring(text: str) -> str:
    """A text as it is written within triple quotes: a file's name can have both characters."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _head(name: str, network: str, weights: str, origin: str, classes: int) -> str:
    """The docstring of a source: what it is, where it came from, and how it is loaded."""
    flat = (
        "" if classes > 1 else "No block of the graph is repeated, so that the network is flat.\n\n"
    )
    quotes = 3  # before the first line
    name, weights, origin = map(_in_docstring, (name, weights, origin))
    first = textwrap.fill(
        f"{name}, written by gluon2torch from {origin}.",
        WIDTH,
        initial_indent=" " * quotes,
        break_long_words=False,
    )
    return f"""{first[quotes:]}

{flat}    from safetensors.torch import load_file

    network = {network}()
    network.load_state_dict(load_file("{weights}"))
    network.eval()
"""
