"""Loading of the next networks' arrays while one network is converted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import cached_property

from ..errors import ConversionError
from ..mappings.catalog import Entry, load_catalog
from ..mappings.choices import INITS
from ..sources.array_memory import ArrayMemory
from ..sources.arrays import Array, Arrays
from ..sources.random_arrays import count_values
from ..sources.source import describe_source, load_arrays
from .request import Request

Load = Callable[[], Arrays]
AHEAD = 4  # networks that are loaded before their turn, at most
SPARE = 0.25  # memory for the networks that follow, as a share of the largest network's weights


class ArraysAhead:
    """Downloads and draws the arrays of networks on a second thread, before they are asked for.

    Random weights share one block of memory, which is a quarter larger than those of the largest
    network: zeroed pages for each network would cost a tenth of the conversion's time. Arrays of
    files are not copied into memory. It is a context: at its end a download is stopped.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._values = [_random_values(request) for request in requests]
        self._next = 0  # the first request that nothing was started for
        self._started: dict[int, Future[Arrays]] = {}
        self._stopped = threading.Event()
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> ArraysAhead:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.shutdown(cancel_futures=True)

    def load(self, index: int) -> Load | None:
        """Begin to load what follows a request, whose turn it is.

        The arrays of the request before it must not be used any more.

        Returns:
            A function that returns the request's arrays, or raises the error of their loading; None
            if the conversion has to load them itself.
        """
        if index and self._values[index - 1]:
            self._memory.give_back()
        while self._next <= min(index + AHEAD, len(self._requests) - 1) and self._start(index):
            self._next += 1
        started = self._started.pop(index, None)
        return None if started is None else started.result

    @cached_property
    def _memory(self) -> ArrayMemory:
        return ArrayMemory(int(max(self._values) * (1 + SPARE)))

    def _start(self, turn: int) -> bool:
        """Begin to load the arrays of the next request, unless that has to wait."""
        index = self._next
        request, values = self._requests[index], self._values[index]
        if index == turn and not values:
            return True  # the conversion loads them, and shows its progress
        memory = self._memory.take(values) if values else None
        if values and memory is None:
            return False
        if (future := self._submit(request, memory)) is not None:
            self._started[index] = future
        return True

    def _submit(self, request: Request, memory: Array | None) -> Future[Arrays] | None:
        """Begin to download or draw the arrays of a network; a user's file need not be loaded."""
        if (entry := _entry(request)) is None:
            return None
        try:
            source = describe_source(entry, None, request.init or INITS[0], request.seed)
        except ConversionError:  # reported when it is the request's turn
            return None
        return self._thread.submit(load_arrays, entry, source, None, self._end_if_stopped, memory)

    def _end_if_stopped(self, *_: object) -> None:
        """End a download, so that an interrupted program does not wait for it."""
        if self._stopped.is_set():
            raise CancelledError


def _entry(request: Request) -> Entry | None:
    """The network of the catalogue whose weights are not a user's, if it is one."""
    if request.is_graph or request.params is not None or request.model is None:
        return None
    return load_catalog()[request.model]


def _random_values(request: Request) -> int:
    """Number of the random weights that a request needs; 0 for other requests."""
    entry = _entry(request)
    if entry is None or request.init != "random":
        return 0
    return count_values(entry.name, entry.dataset.num_classes)
