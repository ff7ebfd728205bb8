"""The `.pt2` format: a program of torch.export that runs without this project."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import torch
from torch import fx

from ...errors import CheckpointError
from ...files.atomic_file import publish, temporary_file
from ...files.hashes import HASH_DIGITS
from ...parity.head_measurement import run
from ...parity.measurement import LIMITS, difference
from ..record import WrittenFile

BATCHES = (1, 3)  # batch sizes that are checked; the program accepts any
# where a node came from: useless to readers of the file, and different in every process
_TRACES = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn")


def write_program(
    module: fx.GraphModule, shape: tuple[int, ...], folder: Path, name: str
) -> WrittenFile:
    """Write `folder/name-<hash>.pt2`: an input (N, *shape) in float32 → the heads, for any N.

    Equal modules give equal bytes. The program is loaded and run before the file gets its name.

    Args:
        module: The module to export.
        shape: Shape of the input, without the batch dimension.
        folder: Folder to write to.
        name: Start of the file name.

    Raises:
        CheckpointError: If the module cannot be exported, the loaded program's outputs differ, or
            the folder is not writable.
    """
    content = _export(module, shape, name)
    _check(content, module, shape, name)
    sha256 = hashlib.sha256(content).hexdigest()
    target = folder / f"{name}-{sha256[:HASH_DIGITS]}.pt2"
    with temporary_file(folder) as (file, path):
        file.write(content)
        publish(file, path, target)
    return WrittenFile("pt2", str(target), sha256, len(content))


def _export(module: fx.GraphModule, shape: tuple[int, ...], name: str) -> bytes:
    example = torch.zeros(2, *shape)  # the exporter treats a batch size of one as a constant
    batch = torch.export.Dim("batch")
    try:
        program = torch.export.export(module, (example,), dynamic_shapes=({0: batch},))
    except (RuntimeError, ValueError, torch._dynamo.exc.UserError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{name}: torch.export cannot export it with a variable batch size ({reason}); "
            "use gluon2torch.import_graph and save its module"
        ) from error
    for node in program.graph.nodes:
        for trace in _TRACES:
            node.meta.pop(trace, None)
    content = io.BytesIO()
    torch.export.save(program, content)
    return content.getvalue()


def _check(content: bytes, module: fx.GraphModule, shape: tuple[int, ...], name: str) -> None:
    loaded = torch.export.load(io.BytesIO(content)).module()
    rng = np.random.default_rng(0)
    for batch in BATCHES:
        data = rng.standard_normal((batch, *shape)).astype(np.float32)
        for one, other in zip(run(loaded, data), run(module, data), strict=True):
            _, relative = difference(one, other)
            if not relative <= LIMITS["float32"]:
                raise CheckpointError(
                    f"{name}: the program differs from the module by {relative:.1e} of the largest "
                    f"output at batch size {batch}; no .pt2 was written"
                )
