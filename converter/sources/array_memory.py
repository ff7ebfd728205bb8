"""Memory for the arrays of networks that are converted in turn."""

from __future__ import annotations

from collections import deque

import numpy as np

from .arrays import Array


class ArrayMemory:
    """A block of float32 values, of which parts are taken in turn and given back in the same order.

    The operating system zeroes new memory, memory that is used again it does not.
    """

    def __init__(self, size: int) -> None:
        """Reserve memory; it is occupied when it is first written to.

        Args:
            size: Number of values.
        """
        self._values = np.empty(size, np.float32)
        self._taken: deque[slice] = deque()

    def take(self, count: int) -> Array | None:
        """Take a part of the memory; None if there is no free part of this size now."""
        for start, end in self._gaps():
            if end - start >= count:
                self._taken.append(slice(start, start + count))
                return self._values[start : start + count]
        return None

    def give_back(self) -> None:
        """Free the part that was taken first."""
        self._taken.popleft()

    def _gaps(self) -> list[tuple[int, int]]:
        """Start and end of the free parts, behind the part that was taken last."""
        if not self._taken:
            return [(0, self._values.size)]
        first, last = self._taken[0].start, self._taken[-1].stop
        if last <= first:  # it began at the start again
            return [(last, first)]
        return [(last, self._values.size), (0, first)]
