"""What is known of a conversion while it runs, for the record of its failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..checkpoints.clock import Clock
from ..checkpoints.record import Failure
from ..errors import ConversionError, ParityError
from ..sources.source import Source


@dataclass(kw_only=True)
class Attempt:
    """The facts known during a conversion; None for those that are not known yet.

    Attributes:
        model: Name of the network.
        name: Its published name, with which file names start.
        family: The name of its key map or of its architecture.
        source: The source of the arrays.
        clock: Times of the steps.
    """

    model: str | None = None
    name: str | None = None
    family: str | None = None
    source: Source | None = None
    clock: Clock = field(default_factory=Clock)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Give errors of the conversion their record."""
        try:
            yield
        except ConversionError as error:
            error.failure = self.failure(error)
            raise

    def failure(self, error: ConversionError) -> Failure:
        """Make the record of a conversion that failed with this error."""
        return Failure(
            model=self.model,
            name=self.name,
            family=self.family,
            error=str(error),
            source=self.source,
            parity=error.parity if isinstance(error, ParityError) else None,
            seconds=self.clock.seconds(),
        )
