"""What the evaluators of all tasks have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Figures:
    """The metrics of a network on a data set.

    Attributes:
        values: By the name that mappings/zoo/ gives the published ones, in per cent; NaN where the
            data set has no such objects.
        per_class: The first of them, for each class.
    """

    values: Mapping[str, float]
    per_class: Mapping[str, float] = field(default_factory=dict)


class Evaluator(Protocol):
    """Compares a network's results with a data set.

    Attributes:
        data: Words for the examples, such as "images of VOC2007 test".
        published: Whether the published metrics are of this data set.
        metric: What was counted so far; other processes' are merged into it.
    """

    data: str
    published: bool
    metric: Any

    @property
    def notes(self) -> Sequence[str]:
        """Sentences about what was left out of the data set, and how it was read."""

    @property
    def examples(self) -> Sequence[Any]:
        """The images or videos."""

    def update(self, example: Any) -> None:
        """Run the network on an example and count its results.

        Raises:
            ImageError: It cannot be read, or the network does not run on its size; nothing was
                counted then.
        """

    def result(self, skipped: Collection[Any]) -> Figures:
        """Compute the metrics of all examples but those that were skipped."""


def per_cent(values: Mapping[str, float]) -> dict[str, float]:
    """Convert parts of 1 to per cent."""
    return {name: 100 * value for name, value in values.items()}
