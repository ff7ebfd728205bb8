"""The result of a parity measurement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One comparison of logits.

    Attributes:
        dtype: both networks computed in it.
        input: the images' shape, `2x3x224x224`.
        max_abs: the largest difference.
        max_rel: the same over the reference's largest absolute value.
        limit: what `max_rel` may be.
    """

    dtype: str
    input: str
    max_abs: float
    max_rel: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.max_rel <= self.limit  # False for NaN


@dataclass(frozen=True)
class StageDifference:
    """The largest relative difference behind one stage, over all inputs, in the first dtype."""

    name: str
    max_rel: float


@dataclass(frozen=True)
class Parity:
    """What parity measured.

    Attributes:
        reference: `gluon`, `graph`, or `none` where parity was not run.
        passed: None where it was not run.
        checks: of the logits, by dtype and input.
        stages: in forward order, in float64 (float32 where the reference has no other).
        condition: by how much the network enlarges a small relative change of its input. Rounding
            is enlarged alike, so a difference near condition · 1e-16 is not an error.
    """

    reference: str
    passed: bool | None
    checks: tuple[Check, ...] = ()
    stages: tuple[StageDifference, ...] = ()
    condition: float | None = None
