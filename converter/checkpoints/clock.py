"""Timing of the steps of a conversion."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..files.stages import announce_step


class Clock:
    """Measures the wall time of each step, in seconds, and announces it (files/stages.py)."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        announce_step(step)
        start = time.perf_counter()
        yield
        self._steps[step] = time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        total = time.perf_counter() - self._start
        return {step: round(value, 3) for step, value in (self._steps | {"total": total}).items()}
