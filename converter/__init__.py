"""Converts MXNet Gluon's networks to PyTorch, exactly.

Importing this package imports nothing heavy: each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalog import load_catalog
    from .errors import ConversionError
    from .pipeline import convert
    from .record import Record
    from .sources.params import read_params

__version__ = "0.1.0"
__all__ = ["ConversionError", "Record", "convert", "load_catalog", "read_params"]

_HOME = {
    "ConversionError": "errors",
    "Record": "record",
    "convert": "pipeline",
    "load_catalog": "catalog",
    "read_params": "sources.params",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
