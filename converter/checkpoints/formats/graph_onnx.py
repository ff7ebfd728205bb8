"""The `.onnx` format of a graph's module, for runtimes other than PyTorch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx
from torch.utils._python_dispatch import TorchDispatchMode

from ...errors import CheckpointError, ExportError
from ...files.atomic_file import publish, temporary_file
from ...graph.input_spec import in_dtype
from ...sources.arrays import Array, Arrays
from ..record import WrittenFile
from .job import GraphJob
from .module_check import check_equal
from .onnx import quiet, require_libraries, to_bytes
from .pt2 import export_program

__all__ = ["require_libraries", "write_graph_onnx"]

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
    content = _export(job)
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except _failures(onnxruntime) as error:
        raise CheckpointError(
            f"{job.name}: onnxruntime cannot load its .onnx ({_first_line(error)}); choose another "
            "`--format`"
        ) from error
    check_equal(job, lambda inputs: _run(onnxruntime, session, inputs), "its .onnx in onnxruntime")
    sha256 = hashlib.sha256(content).hexdigest()
    target = job.named(sha256, ".onnx")
    with temporary_file(job.folder) as (file, path):
        file.write(content)
        publish(file, path, target)
    return WrittenFile("onnx", str(target), sha256, len(content))


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


def _export(job: GraphJob) -> bytes:
    program = export_program(job.module, job.specs, job.free, job.name)
    try:
        with quiet():
            exported = torch.onnx.export(
                program,
                dynamo=True,
                external_data=False,
                input_names=list(job.specs),
                output_names=_unique(job.outputs),
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
    return to_bytes(model, job.metadata)


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
        reason = causes[-1].splitlines()[0] if causes else _first_line(error)
        return ExportError(f"{job.name}: torch cannot export it to ONNX ({reason})", reason)
    node = _node_of(job, missing)
    where = f"the node {node!r} computes {missing}" if node else f"it computes {missing}"
    return CheckpointError(
        f"{job.name}: {where}, which torch cannot export to ONNX; choose another `--format`, or "
        "cut the graph before it with `--output`"
    )


def _node_of(job: GraphJob, operation: str) -> str | None:
    """The first node of a module that computes one of torch's operations, such as `aten.sort`."""
    inputs = in_dtype({name: spec.zeros() for name, spec in job.specs.items()}, "float32")
    tracer = _Tracer(job.module, operation)
    with torch.no_grad():
        tracer.run(*map(torch.from_numpy, inputs.values()))
    return tracer.found


class _Tracer(fx.Interpreter):
    """Runs a module node by node, and finds the first node that computes an operation."""

    def __init__(self, module: fx.GraphModule, operation: str) -> None:
        super().__init__(module)
        self._operation = operation
        self.found: str | None = None

    def run_node(self, n: fx.Node) -> Any:
        seen: set[str] = set()
        with _Recorder(seen):
            result = super().run_node(n)
        if self.found is None and self._operation in seen:
            self.found = n.name
        return result


class _Recorder(TorchDispatchMode):
    """Notes the names of the operations that torch computes."""

    def __init__(self, seen: set[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seen = seen

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self._seen.add(str(func).rpartition(".")[0])
        return func(*args, **(kwargs or {}))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
