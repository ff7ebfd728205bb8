"""Files that torch writes."""

from __future__ import annotations

from typing import IO, Any, Protocol, cast

import torch


class Output(Protocol):
    """What torch writes to."""

    def write(self, data: Any) -> int: ...

    def flush(self) -> None: ...


def save(value: object, file: Output) -> None:
    """Write a value as `torch.save` does.

    Raises:
        OSError: The file cannot be written; torch itself raises RuntimeError.
    """
    output = _Output(file)
    try:
        torch.save(value, cast(IO[bytes], output))
    except RuntimeError as error:
        if output.error is not None:
            raise output.error from error
        raise
    file.flush()


class _Output:
    """A file for torch, which keeps an error that torch replaces by its own."""

    def __init__(self, file: Output) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()
