"""Hashing beside the writing."""

from __future__ import annotations

import hashlib
import queue
import threading
from pathlib import Path
from typing import IO, Any

BLOCK = 1 << 20


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    return _file_hash(path, hashlib.sha256())


def file_sha1(path: Path) -> str:
    """The SHA-1 of a file, which is what GluonCV's model store lists."""
    return _file_hash(path, hashlib.sha1(usedforsecurity=False))


def _file_hash(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class HashingFile:
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

    def __enter__(self) -> HashingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._hand_over()
        self._blocks.put(None)
        self._thread.join()

    def hexdigest(self) -> str:
        """The hash of all that was written, once the writing is over."""
        return self._sha256.hexdigest()
