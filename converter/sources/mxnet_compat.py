"""Make MXNet 1.9.1 and GluonCV 0.10 importable with current NumPy, Python and torch.

Both were written for NumPy 1.x and use names that NumPy has removed since: most of them during the
import, `float` and `int` also while some networks are built. The names are added for that time
only, so that no other code comes to depend on them.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import MissingDependencyError

_VALUES: dict[str, Any] = {
    "bool": bool,
    "int": int,
    "float": float,
    "object": object,
    "PZERO": 0.0,
    "NZERO": -0.0,
    "NINF": float("-inf"),
    "PINF": float("inf"),
    "Inf": float("inf"),
    "Infinity": float("inf"),
    "infty": float("inf"),
    "NaN": float("nan"),
    "NAN": float("nan"),
}
# functions that mxnet.numpy looks up for its fallbacks; no network calls them
_FUNCTIONS = (
    *("product", "cumproduct", "sometrue", "alltrue", "round_", "row_stack", "in1d", "trapz"),
    *("msort", "asfarray", "mirr", "npv", "pmt", "ppmt", "pv", "rate"),
)


@contextmanager
def legacy_names() -> Iterator[None]:
    """Temporarily add NumPy's removed names, and `distutils.version` where Python lacks it."""
    import numpy

    placeholders = {name: _placeholder(name) for name in _FUNCTIONS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # looking up a removed name warns in NumPy 1.26
        added = [name for name in (*_VALUES, *placeholders) if not hasattr(numpy, name)]
    for name in added:
        setattr(numpy, name, (_VALUES | placeholders)[name])
    modules = _distutils_version()
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in added:
            delattr(numpy, name)
        for module in modules:
            sys.modules.pop(module, None)


def _placeholder(name: str) -> Any:
    def removed(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"numpy.{name}, which MXNet called, was removed from NumPy")

    return removed


def _distutils_version() -> dict[str, types.ModuleType]:
    """Substitutes for distutils, which Python 3.12 removed; empty where it is available."""
    with suppress(ImportError):
        importlib.import_module("distutils.version")
        return {}
    version = types.ModuleType("distutils.version")
    version.LooseVersion = version.StrictVersion = _Version  # type: ignore[attr-defined]
    package = types.ModuleType("distutils")
    package.version = version  # type: ignore[attr-defined]
    return {"distutils": package, "distutils.version": version}


class _Version:
    """Version that compares by its numbers, which is all that MXNet and GluonCV need."""

    def __init__(self, text: str) -> None:
        release = text.partition("+")[0]
        self.numbers = [int(part) for part in release.split(".") if part.isdigit()]

    def __lt__(self, other: _Version) -> bool:
        return self.numbers < other.numbers

    def __ge__(self, other: _Version) -> bool:
        return self.numbers >= other.numbers


# a library that is missing; names of NumPy that are gone; docstrings that `python -OO` left out
_IMPORT_FAILURES = (ImportError, OSError, AttributeError, TypeError)


def has_mxnet() -> bool:
    """Whether MXNet and GluonCV are installed, without importing them."""
    return all(importlib.util.find_spec(name) is not None for name in ("mxnet", "gluoncv"))


def import_mxnet() -> types.ModuleType:
    """Import MXNet and GluonCV's model zoo, and return MXNet.

    Raises:
        MissingDependencyError: If either is not installed or fails to import.
    """
    # MXNet uses one thread by default; two measured 1.5 times faster
    os.environ.setdefault("OMP_NUM_THREADS", str(_default_threads()))
    with legacy_names(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            mxnet = importlib.import_module("mxnet")
            importlib.import_module("gluoncv.model_zoo")
        except _IMPORT_FAILURES as error:
            raise MissingDependencyError(
                f"this step needs MXNet and GluonCV, which cannot be imported ({error}); install "
                "them with `pip install mxnet==1.9.1 gluoncv==0.10.1.post0` (Python 3.10 to 3.12, "
                "Linux); without them, `--reference graph` proves a network of the "
                "catalogue, and `--reference FILE.npz`, saved where they are installed, any network"
            ) from error
    return mxnet


def set_mxnet_threads(count: int | None) -> None:
    """Let each of MXNet's operators use this many threads; None is its own choice."""
    mxnet = sys.modules.get("mxnet")
    if mxnet is not None:
        mxnet.base._LIB.MXSetNumOMPThreads(_default_threads() if count is None else count)


def _default_threads() -> int:
    """OMP_NUM_THREADS, which may be a list by level, or the number of cores."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else os.cpu_count() or 1
