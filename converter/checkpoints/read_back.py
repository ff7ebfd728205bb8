"""Reading back a file that was written, and comparing it with its tensors."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CheckpointError
from ..sources.arrays import Array
from ..weights.content_hash import raw_bytes
from .torch_archive import StoredTensor

if TYPE_CHECKING:
    import torch

BLOCK = 1 << 22


@dataclass(frozen=True)
class Place:
    """The bytes of a tensor, and the offset in the file at which they are expected."""

    name: str
    at: int
    bytes: Array

    @property
    def end(self) -> int:
        return self.at + self.bytes.size


def read_back(path: Path, name: str, places: Iterable[Place]) -> str:
    """Read a file once, compare it with what was to be written, and hash it on a second thread.

    Args:
        path: The file.
        name: Its name in errors.
        places: Where the file must have which bytes.

    Returns:
        The SHA-256 of the file, in hexadecimal.

    Raises:
        CheckpointError: If the file has other bytes, or is too short; names the tensor.
        OSError: If it cannot be read.
    """
    digest = hashlib.sha256()
    with ThreadPoolExecutor(1) as pool:
        compare(path, name, places, lambda block: pool.submit(digest.update, block.data))
    return digest.hexdigest()


def compare(
    path: Path,
    name: str,
    places: Iterable[Place],
    start: Callable[[Array], Future[None] | None] = lambda block: None,
) -> None:
    """Read a file once, and compare it with what was to be written.

    Two blocks of the file are in memory.

    Args:
        path: The file.
        name: Its name in errors.
        places: Where the file must have which bytes.
        start: Starts what else is to be done with a block, which is valid until that has ended.

    Raises:
        CheckpointError: If the file has other bytes, or is too short; names the tensor.
        OSError: If it cannot be read.
    """
    waiting = sorted((each for each in places if each.bytes.size), key=lambda each: -each.at)
    at = 0
    for block in _blocks(path, start):
        end = at + block.size
        for place in reversed(waiting):
            if place.at >= end:
                break
            if not _agrees(place, block, at):
                raise _difference(name, place.name)
        while waiting and waiting[-1].end <= end:
            waiting.pop()
        at = end
    if waiting:
        raise _difference(name, waiting[-1].name)


def _blocks(path: Path, start: Callable[[Array], Future[None] | None]) -> Iterator[Array]:
    """Yield the blocks of a file, with which something was started; each is valid until the next.

    At the end all that was started has ended.
    """
    buffers = np.empty(BLOCK, np.uint8), np.empty(BLOCK, np.uint8)
    started: list[Future[None] | None] = [None, None]
    with path.open("rb", buffering=0) as file:
        for number in itertools.cycle((0, 1)):
            if (previous := started[number]) is not None:
                previous.result()
            size = file.readinto(buffers[number].data)
            if not size:
                break
            block = buffers[number][:size]
            started[number] = start(block)
            yield block


def _agrees(place: Place, block: Array, at: int) -> bool:
    """Whether a block of the file, which begins at `at`, has its part of a tensor's bytes."""
    start, end = max(place.at, at), min(place.end, at + block.size)
    written, expected = block[start - at : end - at], place.bytes[start - place.at : end - place.at]
    whole = written.size - written.size % 8  # compare eight bytes at a time
    return np.array_equal(
        written[:whole].view(np.uint64), expected[:whole].view(np.uint64)
    ) and np.array_equal(written[whole:], expected[whole:])


def _difference(name: str, tensor: str) -> CheckpointError:
    return CheckpointError(f"{name}: {tensor} reads back with different values; check the disk")


def places_of(
    name: str, tensors: Mapping[str, torch.Tensor], stored: Mapping[str, StoredTensor]
) -> list[Place]:
    """Where a file that was written must have which bytes.

    Args:
        name: Its name in errors.
        tensors: What was to be written; each has a storage of its own.
        stored: What the head of the file describes, in its order.

    Raises:
        CheckpointError: If the head describes other tensors.
    """
    if list(stored) != list(tensors):
        raise CheckpointError(f"{name}: reads back with different names; check the disk")
    places = []
    for key, tensor in tensors.items():
        found, dtype = stored[key], str(tensor.dtype).removeprefix("torch.")
        strides = tensor.contiguous().stride() if found.strides is None else found.strides
        if (found.dtype, found.shape, strides) != (dtype, tensor.shape, tensor.stride()):
            raise CheckpointError(f"{name}: {key} reads back with another shape; check the disk")
        in_memory = tensor.permute(sorted(range(tensor.ndim), key=lambda axis: -strides[axis]))
        places.append(Place(key, found.at, np.frombuffer(raw_bytes(in_memory), np.uint8)))
    return places
