"""Two computations at the same time, each on half of the cores.

Convolutions of small images do not keep several cores busy: a network and its reference took three
quarters of the time side by side, on two cores, of one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from ..sources.mxnet_compat import set_mxnet_threads

First = TypeVar("First")
Second = TypeVar("Second")


def run_both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Run two functions, and return what each returns.

    Args:
        first: It runs in a thread of its own, and should use torch alone.
        second: It runs in the caller's thread, as MXNet keeps settings by thread.

    With one core, or `torch.set_num_threads(1)`, they run one after the other.
    """
    threads = torch.get_num_threads()
    if threads < 2:
        return first(), second()
    torch.set_num_threads(threads // 2)
    set_mxnet_threads(threads // 2)
    try:
        with ThreadPoolExecutor(1) as pool:
            started = pool.submit(first)
            result = second()
            return started.result(), result
    finally:
        set_mxnet_threads(None)
        torch.set_num_threads(threads)  # last: both may set the same OpenMP library's number
