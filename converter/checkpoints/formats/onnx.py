"""The `.onnx` format: the network and its weights, for runtimes other than PyTorch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ...errors import CheckpointError, MissingDependencyError
from ..record import WrittenFile
from .job import Job

BATCHES = (1, 3)  # batch sizes that are checked; the file accepts any
LIMIT = 1e-5  # relative to the largest logit, the same as for float32 elsewhere


def write_onnx(job: Job) -> WrittenFile:
    """Write `folder/name-<hash>.onnx`: images (N, C, H, W) in float32 → logits, for any N.

    The file gets its name only after its outputs in onnxruntime were compared with PyTorch's.
    Half-precision weights are converted to float32, which is exact.

    Raises:
        MissingDependencyError: If the exporter or onnxruntime is not installed.
        CheckpointError: If the outputs differ, or the folder is not writable.
    """
    onnxruntime = require_libraries()
    network = job.network().float().eval()
    content = _export(network, job)
    _check(onnxruntime, content, network, job)
    return job.write("onnx", ".onnx", content)


def require_libraries() -> Any:
    """Return the module onnxruntime, after checking that torch's ONNX exporter is installed too.

    Raises:
        MissingDependencyError: If one of them is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"--format onnx needs {error.name}, which is not installed: "
            "`pip install onnx onnxscript onnxruntime`"
        ) from error
    return onnxruntime


def _export(network: torch.nn.Module, job: Job) -> bytes:
    images = torch.zeros(2, *job.image)  # the exporter treats a batch size of one as a constant
    batch = torch.export.Dim("batch")
    with quiet():
        program = torch.onnx.export(
            network,
            (images,),
            dynamo=True,
            external_data=False,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: batch},),
            verbose=False,
        )
    assert program is not None
    return to_bytes(program.model_proto, job.metadata)


def to_bytes(model: Any, metadata: Mapping[str, str]) -> bytes:
    """The content of a file, with metadata in place of what the exporter writes.

    The exporter stores source paths of this machine, which do not belong in a published file.

    Args:
        model: The `ModelProto`, which is changed.
        metadata: Strings by name.
    """
    for function in model.functions:
        _remove_metadata(function)
    _remove_metadata(model.graph)
    del model.metadata_props[:]
    for key, value in sorted(metadata.items()):
        model.metadata_props.add(key=key, value=value)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _remove_metadata(graph: Any) -> None:
    """Remove what the exporter noted in a graph or a function, and in the graphs of its loops."""
    values = [*graph.value_info]
    if hasattr(graph, "initializer"):  # a function's inputs and outputs are names
        values += [*graph.input, *graph.output, *graph.initializer]
    for part in (graph, *graph.node, *values):
        del part.metadata_props[:]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _remove_metadata(attribute.g)


def _check(onnxruntime: Any, content: bytes, network: torch.nn.Module, job: Job) -> None:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for batch in BATCHES:
        images = rng.standard_normal((batch, *job.image), np.float32)
        (actual,) = session.run(None, {"images": images})
        with torch.inference_mode():
            expected = network(torch.from_numpy(images)).numpy()
        with np.errstate(all="ignore"):  # NaN never passes
            difference = float(np.abs(actual - expected).max() / np.abs(expected).max())
        if not difference <= LIMIT:
            raise CheckpointError(
                f"{job.name}: onnxruntime differs from PyTorch by {difference:.1e} of the largest "
                f"logit at batch size {batch} (limit {LIMIT:.0e}); no .onnx was written"
            )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporter's progress messages and other libraries' deprecation warnings."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
