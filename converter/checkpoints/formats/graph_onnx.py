"""The `.onnx` format of a graph's module, for runtimes other than PyTorch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from ...errors import CheckpointError, ExportError
from ...sources.arrays import Array, Arrays
from ..record import WrittenFile
from .job import GraphJob
from .module_check import check_equal
from .onnx import quiet, require_libraries, to_bytes
from .onnx_regions import use_roi_align
from .onnx_translations import translations
from .pt2 import export_program
from .stepwise_check import largest_difference, nodes_before_jumps, with_outputs
from .symbolic_lengths import symbolic_lengths
from .traced_operations import traced_nodes

__all__ = ["require_libraries", "write_graph_onnx"]

FATAL = 4
_MISSING = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")


def write_graph_onnx(job: GraphJob) -> WrittenFile:
    """Write `folder/name-<hash>.onnx`, which takes the graph's inputs by name, in float32.

    The outputs have the names of their nodes. The file gets its name only after its outputs in
    onnxruntime were compared with the module's, at each size that is free.

    Raises:
        MissingDependencyError: If the exporter or onnxruntime is not installed.
        ExportError: If the module cannot be exported with these free dimensions.
        CheckpointError: If ONNX does not have one of its computations, its outputs differ, or the
            folder is not writable.
    """
    onnxruntime = require_libraries()
    nodes = nodes_before_jumps(traced_nodes(job))
    model = _export(job, nodes)
    whole = to_bytes(model, job.metadata) if nodes else b""
    del model.graph.output[len(job.outputs) :]
    content = to_bytes(model, job.metadata)
    session = _load(onnxruntime, content, job)

    def stepwise(inputs: Arrays) -> float:
        outputs = _run(onnxruntime, _load(onnxruntime, whole, job), inputs)
        return largest_difference(job.module, inputs, outputs, nodes)

    check_equal(
        job,
        lambda inputs: _run(onnxruntime, session, inputs),
        "its .onnx in onnxruntime",
        stepwise if nodes else None,
    )
    return job.write("onnx", ".onnx", content)


def _load(onnxruntime: Any, content: bytes, job: GraphJob) -> Any:
    """A session of onnxruntime on the CPU.

    Raises:
        CheckpointError: If onnxruntime cannot load the file.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL  # what it raises is reported here
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _failures(onnxruntime) as error:
        raise CheckpointError(
            f"{job.name}: onnxruntime cannot load its .onnx ({_first_line(error)}); choose another "
            "`--format`"
        ) from error


def _run(onnxruntime: Any, session: Any, inputs: Arrays) -> list[Array]:
    """Run a session.

    Raises:
        RuntimeError: If onnxruntime cannot run it on these inputs.
    """
    try:
        outputs: list[Array] = session.run(None, inputs)
    except _failures(onnxruntime) as error:
        raise RuntimeError(_first_line(error)) from error
    return outputs


def _failures(onnxruntime: Any) -> tuple[type[Exception], ...]:
    """What onnxruntime raises: classes that have no base class of their own."""
    names = vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
    return tuple(each for each in names if isinstance(each, type) and issubclass(each, Exception))


def _export(job: GraphJob, nodes: Sequence[fx.Node]) -> Any:
    """The `ModelProto` of a module; the values of some nodes follow its outputs.

    Raises:
        ExportError: If torch.export cannot export the module.
        CheckpointError: If ONNX does not have one of its computations.
    """
    module = with_outputs(job.module, nodes)
    use_roi_align(module)
    program = export_program(module, job.specs, job.free, job.name)
    names = _unique([*job.outputs, *(f"{node.name} (value)" for node in nodes)])
    try:
        with quiet(), symbolic_lengths(["lstm", "gru"]):  # the exporter unrolls the others
            exported = torch.onnx.export(
                program,
                dynamo=True,
                external_data=False,
                input_names=list(job.specs),
                output_names=names,
                custom_translation_table=translations(),
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise _refusal(job, error) from error
    assert exported is not None, "the exporter returns a program"
    model = exported.model_proto
    for value in model.graph.input:
        for axis, what in job.free.axes(value.name, job.specs).items():
            value.type.tensor_type.shape.dim[axis].dim_param = what
    del model.graph.value_info[:]  # shapes between layers, in which these names do not occur
    return model


def _unique(names: Sequence[str]) -> list[str]:
    """Names, with their place where one occurs twice."""
    twice = {name for name in names if names.count(name) > 1}
    return [f"{name} {place}" if name in twice else name for place, name in enumerate(names)]


def _refusal(job: GraphJob, error: Exception) -> CheckpointError:
    """The error for a module that torch's exporter cannot write as ONNX; names the node."""
    causes, cause = [], error.__cause__
    while cause is not None:
        causes.append(str(cause))
        cause = cause.__cause__
    missing = next((found[1] for text in causes if (found := _MISSING.search(text))), None)
    if missing is None:
        innermost = next((text for text in reversed(causes) if text), "")
        reason = innermost.splitlines()[0] if innermost else _first_line(error)
        return ExportError(f"{job.name}: torch cannot export it to ONNX ({reason})", reason)
    node = _node_of(job, missing)
    where = f"the node {node!r} computes {missing}" if node else f"it computes {missing}"
    return CheckpointError(
        f"{job.name}: {where}, which torch cannot export to ONNX; choose another `--format`, or "
        "cut the graph before it with `--output`"
    )


def _node_of(job: GraphJob, operation: str) -> str | None:
    """The first node of a module that computes one of torch's operations, such as `aten.sort`."""
    found = (each.node.name for each in traced_nodes(job) if operation in each.operations)
    return next(found, None)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
