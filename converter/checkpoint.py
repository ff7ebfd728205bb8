"""state_dict → a file: deterministic, named by its hash, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import torch

from .errors import CheckpointError
from .files import publish, temporary_file
from .keymap import MADE_UP

BLOCK = 1 << 20
HASH_DIGITS = 8  # of the SHA-256 in the file's name, which torch.hub checks


@dataclass(frozen=True)
class Written:
    """A file that was written: its path, the SHA-256 of its bytes, how many they are."""

    path: Path
    sha256: str
    bytes: int


def content_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    """The hash of the weights themselves, whatever the file around them.

    SHA-256 over a line for each tensor, sorted by name: `<name> <dtype> <shape> <SHA-256 of the
    values, little-endian, in C order>`. Counters of batches, which MXNet does not have, are left
    out.
    """
    names = sorted(name for name in tensors if not name.endswith(f".{MADE_UP}"))

    def line(name: str) -> bytes:
        tensor = tensors[name]
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        dtype = str(tensor.dtype).removeprefix("torch.")
        return f"{name} {dtype} {shape} {hashlib.sha256(raw_bytes(tensor)).hexdigest()}\n".encode()

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib works on every core
        lines = pool.map(line, names)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def raw_bytes(tensor: torch.Tensor) -> memoryview:
    """A tensor's bytes in C order, as a view where it lies so."""
    flat = tensor.detach().contiguous().reshape(-1)
    view: memoryview = flat.view(torch.uint8).numpy().data
    return view


def write_pth(tensors: Mapping[str, torch.Tensor], folder: Path, name: str) -> Written:
    """Write `folder/name-<hash>.pth`, which `torch.load(weights_only=True)` reads.

    The bytes depend on the tensors alone: saved to a stream, torch writes neither times nor the
    file's name. The file is read back and compared before it gets its name.

    Raises:
        CheckpointError: the folder cannot be written to, or the file does not read back equal.
    """
    with temporary_file(folder) as (file, path):
        own = {name: _own_storage(tensor) for name, tensor in tensors.items()}
        with _HashingFile(file) as hashing:
            try:
                torch.save(own, cast(IO[bytes], hashing))
            except RuntimeError as error:  # torch's words for what the file system said
                if hashing.error is not None:
                    raise hashing.error from error
                raise
        file.flush()
        # the disk takes its time while the file is compared
        with ThreadPoolExecutor(1) as pool:
            synced = pool.submit(os.fsync, file.fileno())
            _compare(torch.load(path, weights_only=True, mmap=True), tensors, folder / name)
            synced.result()
        sha256 = hashing.hexdigest()
        target = folder / f"{name}-{sha256[:HASH_DIGITS]}.pth"
        size = file.tell()
        publish(file, path, target)
    return Written(target, sha256, size)


def _own_storage(tensor: torch.Tensor) -> torch.Tensor:
    """torch saves the whole storage that a view looks into: give it one of its own."""
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.itemsize
    return tensor if whole else tensor.clone()


class _HashingFile:
    """Hashes what is written through it, on a core of its own.

    torch writes thousands of small pieces: they are handed over in blocks, since each hand-over
    waits for the other thread.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None
        self._sha256 = hashlib.sha256()
        self._block = bytearray()
        self._blocks: queue.Queue[bytearray | None] = queue.Queue(maxsize=8)
        self._thread = threading.Thread(target=self._hash, daemon=True)
        self._thread.start()

    def _hash(self) -> None:
        while (block := self._blocks.get()) is not None:
            self._sha256.update(block)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), BLOCK):
            self._block += view[start : start + BLOCK]  # a copy: torch may use its buffers again
            if len(self._block) >= BLOCK:
                self._hand_over()
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def _hand_over(self) -> None:
        self._blocks.put(self._block)
        self._block = bytearray()

    def flush(self) -> None:
        self._file.flush()

    def __enter__(self) -> _HashingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._hand_over()
        self._blocks.put(None)
        self._thread.join()

    def hexdigest(self) -> str:
        """The hash of all that was written, once the writing is over."""
        return self._sha256.hexdigest()


def _compare(
    written: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor], path: Path
) -> None:
    if list(written) != list(tensors):
        raise CheckpointError(f"{path}: reads back with other names; is the disk sound?")
    for name, tensor in tensors.items():
        if not _same(written[name], tensor):
            raise CheckpointError(f"{path}: {name} reads back different; is the disk sound?")


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are equal bit for bit, NaN too."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    a, b = np.frombuffer(raw_bytes(one), np.uint8), np.frombuffer(raw_bytes(other), np.uint8)
    whole = a.size - a.size % 8  # eight bytes at a time
    return np.array_equal(a[:whole].view(np.uint64), b[:whole].view(np.uint64)) and np.array_equal(
        a[whole:], b[whole:]
    )
