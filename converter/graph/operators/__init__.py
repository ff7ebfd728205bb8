"""Operator functions: each converts a node of one MXNet operator to torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import (
    activations,
    arithmetic,
    attention,
    axis_changes,
    boxes,
    columns,
    constants,
    control_flow,
    dropout,
    fused_layers,
    indexing,
    linear_algebra,
    logic,
    mathematics,
    normalization,
    numpy_constants,
    numpy_elementwise,
    numpy_reductions,
    numpy_shapes,
    pooling,
    quantization,
    recurrent,
    regions,
    sequence,
    shape_changes,
    spectral,
    vision,
    weighted_layers,
)

Operator = Callable[..., Any]
GROUPS = (
    weighted_layers,
    normalization,
    dropout,
    activations,
    pooling,
    arithmetic,
    columns,
    shape_changes,
    recurrent,
    sequence,
    control_flow,
    attention,
    boxes,
    regions,
    vision,
    spectral,
    constants,
    indexing,
    axis_changes,
    logic,
    mathematics,
    linear_algebra,
    numpy_elementwise,
    numpy_reductions,
    numpy_shapes,
    numpy_constants,
    quantization,
    fused_layers,
)


def merged(*groups: Mapping[str, Operator]) -> dict[str, Operator]:
    """The operators of several groups.

    Raises:
        ValueError: If two groups have an operator in common.
    """
    found: dict[str, Operator] = {}
    for group in groups:
        if twice := sorted(found.keys() & group.keys()):
            raise ValueError(f"operators are defined twice: {', '.join(twice)}")
        found |= group
    return found


OPERATORS = merged(*(group.OPERATORS for group in GROUPS))
"""The function of each operator, by the first of its names (aliases.py)."""
