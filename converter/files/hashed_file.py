"""Hashing of a file while it is written."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

BLOCK = 1 << 20


class HashedFile:
    """A file that is written from its start to its end, and hashed on a second thread.

    The thread reads what was written, so that the hash is of the file. It is a context: at its end
    the thread has ended.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        """Begin at the start of an empty file.

        Args:
            file: The file, open for writing.
            path: Its path.
        """
        self._file = file
        self._reader = path.open("rb", buffering=0)
        self._digest = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1)
        self._written = self._ordered = 0
        self._parts: list[Future[None]] = []

    def __enter__(self) -> HashedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._reader.close()

    def write(self, data: Any) -> int:
        """Write bytes; they may be hashed later."""
        count = self._file.write(data)
        self._written += count
        if self._written - self._ordered >= BLOCK:
            self.flush()
        return count

    def flush(self) -> None:
        """Pass on what was written, to the system and to be hashed."""
        self._file.flush()
        if size := self._written - self._ordered:
            self._parts.append(self._pool.submit(self._hash, size))
            self._ordered = self._written

    def sha256(self) -> str:
        """Return the SHA-256 of all that was written, in hexadecimal.

        Raises:
            OSError: If the file cannot be read.
        """
        self.flush()
        for part in self._parts:
            part.result()
        return self._digest.hexdigest()

    def _hash(self, size: int) -> None:
        while size:
            block = self._reader.read(min(size, BLOCK))
            if not block:
                raise OSError("a part of the file is missing")
            self._digest.update(block)
            size -= len(block)
