"""File formats of networks; each is a module with one writer."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping

from ..record import WrittenFile
from .job import GraphJob, GraphWriter, Job, Writer

WRITERS = {
    "pth": ("pth", "write_pth"),
    "safetensors": ("safetensors", "write_safetensors"),
    "onnx": ("onnx", "write_onnx"),
    "py": ("python_source", "write_catalog_source"),
    "timm-folder": ("timm_folder", "write_timm_folder"),
}
NEED_LIBRARIES = ("onnx",)  # their modules have a function `require_libraries`
GRAPH_WRITERS = {
    "pt2": ("pt2", "write_program"),
    "pth": ("pth", "write_pth"),
    "safetensors": ("safetensors", "write_safetensors"),
    "onnx": ("graph_onnx", "write_graph_onnx"),
    "py": ("python_source", "write_graph_source"),
}
Writers = Mapping[str, tuple[str, str]]
"""Module and function of each format."""


def require_libraries(formats: Iterable[str], writers: Writers = WRITERS) -> None:
    """Check, before any work, that the libraries of the formats are installed.

    Raises:
        MissingDependencyError: If one of them is not installed.
    """
    for format_ in formats:
        if format_ in NEED_LIBRARIES:
            importlib.import_module(f".{writers[format_][0]}", __name__).require_libraries()


def write_file(format_: str, job: Job) -> WrittenFile:
    """Write a network in one of the formats; its libraries are imported only now.

    Raises:
        CheckpointError: If the file cannot be written, or is not as expected.
        MissingDependencyError: If the format needs a library that is not installed.
    """
    module, function = WRITERS[format_]
    writer: Writer = getattr(importlib.import_module(f".{module}", __name__), function)
    return writer(job)


def write_graph_file(format_: str, job: GraphJob) -> WrittenFile:
    """Write the module of a graph in one of the formats; its libraries are imported only now.

    Raises:
        ExportError: If the format cannot have the module with these free dimensions.
        CheckpointError: If the file cannot be written, or is not as expected.
    """
    module, function = GRAPH_WRITERS[format_]
    writer: GraphWriter = getattr(importlib.import_module(f".{module}", __name__), function)
    return writer(job)
