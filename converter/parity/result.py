"""The result of a parity measurement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One comparison of logits.

    Attributes:
        dtype: Data type in which both networks ran.
        input: Shape of the images, `2x3x224x224`.
        max_abs: Largest absolute difference.
        max_rel: `max_abs` divided by the reference's largest absolute value.
        limit: Largest `max_rel` that passes.
        max_own: Largest difference of a single logit divided by that logit's own bound
            (output_bounds.py); 1 passes.
    """

    dtype: str
    input: str
    max_abs: float
    max_rel: float
    limit: float
    max_own: float = 0.0

    @property
    def passed(self) -> bool:
        return self.max_rel <= self.limit and self.max_own <= 1  # False for NaN


@dataclass(frozen=True)
class StageDifference:
    """Largest differences after one stage, over all inputs, in the first data type.

    Attributes:
        max_rel: Largest difference, divided by the reference's largest absolute value.
        max_own: Largest difference of a channel, divided by that channel's own bound
            (output_bounds.py).
    """

    name: str
    max_rel: float
    max_own: float = 0.0

    def holds(self, limit: float) -> bool:
        """Whether the difference is within this limit, and each channel's within its bound."""
        return self.max_rel <= limit and self.max_own <= 1  # False for NaN


@dataclass(frozen=True)
class TrainingCheck:
    """One comparison of two trainings.

    Attributes:
        what: What was compared: gradients, running statistics or arrays.
        dtype: Data type in which both networks ran.
        array: Our name of the array with the largest difference.
        max_rel: That difference, divided by the array's largest absolute value.
        limit: Largest `max_rel` that passes.
    """

    what: str
    dtype: str
    array: str
    max_rel: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.max_rel <= self.limit  # False for NaN


@dataclass(frozen=True)
class TrainingParity:
    """Result of training both networks (training_parity.py)."""

    passed: bool
    checks: tuple[TrainingCheck, ...]


@dataclass(frozen=True)
class Parity:
    """Result of a parity measurement.

    Attributes:
        reference: `gluon`, `graph`, or `none` if parity was not run.
        passed: Whether parity holds; None if it was not run.
        checks: Comparisons of the logits, by data type and input.
        stages: Differences in forward order, in float64 (float32 if the reference supports no
            other).
        condition: Factor by which the network amplifies a small relative change of its input.
            Rounding errors are amplified equally, so a difference near condition · 1e-16 is not an
            error.
        constant_from: First stage whose outputs do not depend on the input, or are not finite;
            None if all do. Such a network is not proved.
        constant_heads: Outputs of a graph that are equal for two random inputs, and so are proved
            for one value alone; if all are, parity does not hold.
        map_proof: The same measurement with well-conditioned random weights in place of the
            network's own, which may hide that two of them are swapped; in float64 alone.
        training: Comparison of both networks in training, where it was asked for.
    """

    reference: str
    passed: bool | None
    checks: tuple[Check, ...] = ()
    stages: tuple[StageDifference, ...] = ()
    condition: float | None = None
    constant_from: str | None = None
    constant_heads: tuple[str, ...] = ()
    map_proof: Parity | None = None
    training: TrainingParity | None = None
