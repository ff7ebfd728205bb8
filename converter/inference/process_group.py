"""Work shared among the processes that torchrun starts."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed

TORCHRUN = "TORCHELASTIC_RUN_ID"  # set by torchrun, for one process, too


@dataclass(frozen=True)
class World:
    """The rank of this process, and the number of processes.

    Attributes:
        rank: Number of this process, 0 … size - 1.
        size: Number of processes.
        joined: Whether they communicate, which a single process that torchrun started does, too.
    """

    rank: int = 0
    size: int = 1
    joined: bool = False

    def gather(self, value: Any) -> list[Any]:
        """Gather the value of every process, ordered by rank, in every process."""
        if not self.joined:
            return [value]
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Wait until every process is here."""
        self.gather(None)

    def broadcast(self, tensors: Iterable[torch.Tensor]) -> None:
        """Overwrite the tensors of every process, in place, with those of rank 0."""
        if self.joined:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)


@contextmanager
def join_world(device: torch.device) -> Iterator[World]:
    """Join the processes that torchrun started; without torchrun, a world of one.

    They communicate by NCCL on CUDA, else by Gloo.
    """
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1 and TORCHRUN not in os.environ:
        yield World()
        return
    # A group's threads end with its last reference; one that is left when Python ends, and then
    # releases a tensor, aborts the process. If this module is imported later, as by
    # DistributedDataParallel, its functions keep the group as the default of a parameter.
    importlib.import_module("torch.distributed.nn.functional")
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(distributed.get_rank(), size, joined=True)
    finally:
        distributed.destroy_process_group()
