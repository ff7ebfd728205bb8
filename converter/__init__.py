"""Converts MXNet Gluon's networks to PyTorch, exactly.

Importing this package imports nothing heavy: each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalog import load_catalog
    from .errors import ConversionError
    from .features import extract_features
    from .finetuning.run import finetune
    from .graph.importer import import_graph
    from .hub import load_published
    from .opening import open_checkpoint
    from .pipeline import convert
    from .prediction import predict
    from .record import Record
    from .sources.params import read_params
    from .sources.params_writer import write_params
    from .validation import validate

__version__ = "0.1.0"
__all__ = [
    "ConversionError",
    "Record",
    "convert",
    "extract_features",
    "finetune",
    "import_graph",
    "load_catalog",
    "load_published",
    "open_checkpoint",
    "predict",
    "read_params",
    "validate",
    "write_params",
]

_HOME = {
    "ConversionError": "errors",
    "Record": "record",
    "convert": "pipeline",
    "extract_features": "features",
    "finetune": "finetuning.run",
    "import_graph": "graph.importer",
    "load_catalog": "catalog",
    "load_published": "hub",
    "open_checkpoint": "opening",
    "predict": "prediction",
    "read_params": "sources.params",
    "validate": "validation",
    "write_params": "sources.params_writer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
