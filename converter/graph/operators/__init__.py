"""Operator functions: each converts a node of one MXNet operator to torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import (
    activations,
    arithmetic,
    attention,
    control_flow,
    detection,
    dropout,
    normalization,
    pooling,
    recurrent,
    regions,
    sequence,
)
from . import shape_changes as shaping
from . import weighted_layers as layers

OPERATORS: dict[str, Callable[..., Any]] = {
    **layers.OPERATORS,
    **normalization.OPERATORS,
    **dropout.OPERATORS,
    **activations.OPERATORS,
    **pooling.OPERATORS,
    **arithmetic.OPERATORS,
    **shaping.OPERATORS,
    **recurrent.OPERATORS,
    **sequence.OPERATORS,
    **control_flow.OPERATORS,
    **attention.OPERATORS,
    **detection.OPERATORS,
    **regions.OPERATORS,
}
