"""Operator functions: each converts a node of one MXNet operator to torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import (
    activations,
    arithmetic,
    attention,
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
    vision,
)
from . import shape_changes as shaping
from . import weighted_layers as layers
from .aliases import ALIASES

OPERATORS: dict[str, Callable[..., Any]] = {
    **layers.OPERATORS,
    **normalization.OPERATORS,
    **dropout.OPERATORS,
    **activations.OPERATORS,
    **pooling.OPERATORS,
    **arithmetic.OPERATORS,
    **columns.OPERATORS,
    **shaping.OPERATORS,
    **recurrent.OPERATORS,
    **sequence.OPERATORS,
    **control_flow.OPERATORS,
    **attention.OPERATORS,
    **boxes.OPERATORS,
    **regions.OPERATORS,
    **vision.OPERATORS,
    **constants.OPERATORS,
    **indexing.OPERATORS,
    **logic.OPERATORS,
    **mathematics.OPERATORS,
    **linear_algebra.OPERATORS,
    **numpy_elementwise.OPERATORS,
    **numpy_reductions.OPERATORS,
    **numpy_shapes.OPERATORS,
    **numpy_constants.OPERATORS,
    **quantization.OPERATORS,
    **fused_layers.OPERATORS,
}
for _name, _others in ALIASES.items():
    if _name in OPERATORS:
        OPERATORS.update(dict.fromkeys(_others.split(), OPERATORS[_name]))
