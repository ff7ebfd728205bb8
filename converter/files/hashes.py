"""Hashes of files, also computed while they are written."""

from __future__ import annotations

import hashlib
import queue
import threading
from pathlib import Path
from typing import IO, Any

BLOCK = 1 << 20
HASH_DIGITS = 8  # of a file's SHA-256 in its name; torch.hub checks them


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return _file_hash(path, hashlib.sha256())


def file_sha1(path: Path) -> str:
    """Return the SHA-1 of a file in hexadecimal, as GluonCV's model store lists it."""
    return _file_hash(path, hashlib.sha1(usedforsecurity=False))


def _file_hash(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class HashingFile:
    """A file wrapper that hashes the written data on a second thread, so on another core.

    torch writes thousands of small pieces: they are passed to the thread in blocks, since each
    transfer waits for the other thread.
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
            self._block += view[start : start + BLOCK]  # a copy: torch may reuse its buffers
            if len(self._block) >= BLOCK:
                self._queue_block()
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def _queue_block(self) -> None:
        self._blocks.put(self._block)
        self._block = bytearray()

    def flush(self) -> None:
        self._file.flush()

    def __enter__(self) -> HashingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._queue_block()
        self._blocks.put(None)
        self._thread.join()

    def hexdigest(self) -> str:
        """Return the hash of all written data; call it after the `with` block."""
        return self._sha256.hexdigest()
