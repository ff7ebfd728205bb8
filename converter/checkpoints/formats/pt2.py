"""The `.pt2` format: a program of torch.export that runs without this project."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import fx

from ...errors import CheckpointError, ExportError
from ...files.atomic_file import publish, temporary_file
from ...files.hashes import HASH_DIGITS
from ...graph.input_spec import Specs, describe, in_dtype, random_inputs, with_batch
from ...parity.head_measurement import run
from ...parity.measurement import LIMITS
from ...parity.output_comparison import difference
from ..record import WrittenFile

EXAMPLE_BATCH = 2
BATCHES = (1, 3)  # batch sizes that are checked; the program accepts any
# where a node came from: useless to readers of the file, and different in every process
_TRACES = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn", "custom")


def write_program(
    module: fx.GraphModule,
    specs: Specs,
    folder: Path,
    name: str,
    *,
    any_batch: bool = True,
    beside: Mapping[str, str] | None = None,
) -> WrittenFile:
    """Write `folder/name-<hash>.pt2`, a program that takes the inputs in order and returns heads.

    Equal modules give equal bytes. The program is loaded and run before the file gets its name.

    Args:
        module: The module to export.
        specs: Its inputs; float32 unless they are integers.
        folder: Folder to write to.
        name: Start of the file name.
        any_batch: All inputs have the same batch, which may have any size; otherwise, the program
            accepts the given shapes only.
        beside: Further files of the archive, by name.

    Raises:
        ExportError: If the module cannot be exported.
        CheckpointError: If the loaded program's outputs differ, or the folder is not writable.
    """
    content = _export(module, specs, name, any_batch, beside or {})
    _check(content, module, specs, name, any_batch)
    sha256 = hashlib.sha256(content).hexdigest()
    target = folder / f"{name}-{sha256[:HASH_DIGITS]}.pt2"
    with temporary_file(folder) as (file, path):
        file.write(content)
        publish(file, path, target)
    return WrittenFile("pt2", str(target), sha256, len(content))


def _export(
    module: fx.GraphModule, specs: Specs, name: str, any_batch: bool, beside: Mapping[str, str]
) -> bytes:
    # the exporter treats a batch size of one as a constant
    example = with_batch(specs, EXAMPLE_BATCH) if any_batch else specs
    zeros = in_dtype({key: spec.zeros() for key, spec in example.items()}, "float32")
    batch = torch.export.Dim("batch")
    shapes = tuple({spec.batch_axis: batch} for spec in example.values()) if any_batch else None
    try:
        with warnings.catch_warnings():
            # about torch's own recurrent layers; the outputs are compared afterwards
            warnings.filterwarnings("ignore", "The tensor attributes? .* assigned during export")
            program = torch.export.export(
                module, tuple(map(torch.from_numpy, zeros.values())), dynamic_shapes=shapes
            )
    except (RuntimeError, ValueError, torch._dynamo.exc.UserError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        size = "a variable batch size" if any_batch else "inputs of these shapes"
        raise ExportError(
            f"{name}: torch.export cannot export it with {size} ({reason}); "
            "use gluon2torch.import_graph and save its module",
            reason,
        ) from error
    # with the graphs of loops, such as the one in non-maximum suppression
    graphs = [
        each.graph for each in program.graph_module.modules() if isinstance(each, fx.GraphModule)
    ]
    for node in [node for graph in graphs for node in graph.nodes]:
        for trace in _TRACES:
            node.meta.pop(trace, None)
    content = io.BytesIO()
    torch.export.save(program, content, extra_files=dict(beside))
    return content.getvalue()


def _check(
    content: bytes, module: fx.GraphModule, specs: Specs, name: str, any_batch: bool
) -> None:
    loaded = torch.export.load(io.BytesIO(content)).module()
    rng = np.random.default_rng(0)
    for example in [with_batch(specs, batch) for batch in BATCHES] if any_batch else [specs]:
        inputs = in_dtype(random_inputs(example, rng), "float32")
        for one, other in zip(run(loaded, inputs), run(module, inputs), strict=True):
            _, relative = difference(one, other)
            if not relative <= LIMITS["float32"]:
                shape = describe({key: spec.shape for key, spec in example.items()})
                raise CheckpointError(
                    f"{name}: the program differs from the module by {relative:.1e} of the largest "
                    f"output on inputs of shape {shape}; no .pt2 was written"
                )
