"""Random cases of MXNet's operators, by theme."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

import numpy as np

from ..operator_case import Case

Generator = Callable[[np.random.Generator], Case]


def load_generators() -> dict[str, Generator]:
    """The generator of each operator, from all themes."""
    found: dict[str, Generator] = {}
    for each in pkgutil.iter_modules(__path__):
        theme = importlib.import_module(f"{__name__}.{each.name}")
        assert not (twice := found.keys() & theme.GENERATORS.keys()), (each.name, twice)
        found |= theme.GENERATORS
    return found
