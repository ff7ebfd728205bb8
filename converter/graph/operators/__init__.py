"""Operator functions: each converts a node of one MXNet operator to torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import activations, arithmetic, control_flow, pooling, recurrent, sequence
from . import fused_layers as fused
from . import quantization as quantized
from . import shape_changes as shaping
from . import weighted_layers as layers

OPERATORS: dict[str, Callable[..., Any]] = {
    **layers.OPERATORS,
    **activations.OPERATORS,
    **pooling.OPERATORS,
    **arithmetic.OPERATORS,
    **shaping.OPERATORS,
    **recurrent.OPERATORS,
    **sequence.OPERATORS,
    **control_flow.OPERATORS,
    **quantized.OPERATORS,
    **fused.OPERATORS,
}
