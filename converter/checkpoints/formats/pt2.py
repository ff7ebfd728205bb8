"""The `.pt2` format: a program of torch.export that runs without this project."""

from __future__ import annotations

import io
import logging
import warnings

import torch
from torch import fx

from ...errors import ExportError
from ...graph.inputs.free_dimensions import Free
from ...graph.inputs.input_spec import Specs, in_dtype, with_batch
from ...parity.head_measurement import run
from ..record import WrittenFile
from ..weights_file import PROGRAM
from .job import GraphJob
from .module_check import check_equal
from .symbolic_lengths import symbolic_lengths

GRAPH_FILE = "mxnet-graph.json"  # in the archive
EXAMPLE_BATCH = 2
# where a node came from: useless to readers of the file, and different in every process
_TRACES = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn", "custom")


def write_program(job: GraphJob) -> WrittenFile:
    """Write `folder/name-<hash>.pt2`, a program that takes the inputs in order and returns heads.

    Equal modules give equal bytes. The program is loaded and run before the file gets its name.

    Raises:
        ExportError: If the module cannot be exported with these free dimensions.
        CheckpointError: If the loaded program's outputs differ, or the folder is not writable.
    """
    program = export_program(job.module, job.specs, job.free, job.name)
    # with the graphs of loops, such as the one in non-maximum suppression
    graphs = [
        each.graph for each in program.graph_module.modules() if isinstance(each, fx.GraphModule)
    ]
    for node in [node for graph in graphs for node in graph.nodes]:
        for trace in _TRACES:
            node.meta.pop(trace, None)
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={GRAPH_FILE: job.graph})
    content = buffer.getvalue()
    loaded = _load(content, job.name)
    check_equal(job, lambda inputs: run(loaded, inputs), "the program")
    return job.write("pt2", PROGRAM, content)


def _load(content: bytes, name: str) -> torch.nn.Module:
    """Load a program that was saved.

    Raises:
        ExportError: If torch cannot, as where a size that is free depends on values.
    """
    log = logging.getLogger("torch.export")
    level = log.level
    try:
        log.setLevel(logging.ERROR)  # it warns of the failure that is reported below
        return torch.export.load(io.BytesIO(content)).module()
    except RuntimeError as error:
        reason = _first_reason(error)
        raise ExportError(
            f"{name}: torch cannot load the program that it has saved ({reason}); use another "
            "`--format`",
            reason,
        ) from error
    finally:
        log.setLevel(level)


def _first_reason(error: BaseException) -> str:
    """The first line of the error that others followed."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    return (str(error).splitlines() or [type(error).__name__])[0]


def export_program(
    module: fx.GraphModule, specs: Specs, free: Free, name: str
) -> torch.export.ExportedProgram:
    """Export a module with torch.export.

    Args:
        module: The module.
        specs: Its inputs; float32 unless they are integers.
        free: Their dimensions that may have any size.
        name: Name of the network, for errors.

    Raises:
        ExportError: If torch cannot export it so.
    """
    # the exporter treats a batch size of one as a constant
    example = with_batch(specs, EXAMPLE_BATCH) if free.batch else specs
    zeros = in_dtype({key: spec.zeros() for key, spec in example.items()}, "float32")
    try:
        with warnings.catch_warnings(), symbolic_lengths():
            # about torch's own recurrent layers; the outputs are compared afterwards
            warnings.filterwarnings("ignore", "The tensor attributes? .* assigned during export")
            return torch.export.export(
                module,
                tuple(map(torch.from_numpy, zeros.values())),
                dynamic_shapes=_dynamic_shapes(specs, free),
            )
    except (RuntimeError, ValueError, torch._dynamo.exc.UserError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        names = (["batch size"] if free.batch else []) + [each.name for each in free.dimensions]
        size = " and ".join(f"a variable {each}" for each in names)
        raise ExportError(
            f"{name}: torch.export cannot export it with {size or 'inputs of these shapes'} "
            f"({reason}); use gluon2torch.import_graph and save its module",
            reason,
        ) from error


def _dynamic_shapes(specs: Specs, free: Free) -> tuple[dict[int, object], ...] | None:
    """torch.export's dimensions of each input.

    One that may be any number has the range that torch infers: a constant of the graph that is cut
    to the length of the batch, such as CenterNet's, limits it.
    """
    sizes: dict[str, object] = {"batch": torch.export.Dim.DYNAMIC}
    for each in free.dimensions:
        sizes[each.name] = (
            torch.export.Dim.DYNAMIC
            if each.multiple == 1
            else each.multiple * torch.export.Dim(f"{each.name}_part", min=1)
        )
    shapes = tuple(
        {axis: sizes[what] for axis, what in free.axes(name, specs).items()} for name in specs
    )
    return shapes if any(shapes) else None
