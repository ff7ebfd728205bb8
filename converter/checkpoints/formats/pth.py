"""The `.pth` format: a state_dict that `torch.load(weights_only=True)` can read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, cast

import torch

from ...files.atomic_file import publish, temporary_file
from ...weights.state_dict import Tensors
from ..read_back import places_of, read_back
from ..record import WrittenFile
from ..torch_archive import read_archive
from .job import WeightsJob


def write_pth(job: WeightsJob) -> WrittenFile:
    """Write `folder/name-<hash>.pth`.

    The bytes depend only on the tensors: when torch saves to a stream, it writes neither times nor
    the file's name. The file is read back and compared before it gets its name.

    Raises:
        CheckpointError: If the folder is not writable, or the file differs when it is read back.
    """
    with temporary_file(job.folder) as (file, path):
        tensors = {name: _own_storage(tensor) for name, tensor in job.tensors.items()}
        _save(tensors, file)
        # flush to disk while the file is compared
        with ThreadPoolExecutor(1) as pool:
            synced = pool.submit(os.fsync, file.fileno())
            sha256 = _check(tensors, path, job.name)
            synced.result()
        target = job.named(sha256, ".pth")
        size = file.tell()
        publish(file, path, target)
    return WrittenFile("pth", str(target), sha256, size)


def _save(tensors: Tensors, file: IO[bytes]) -> None:
    output = _Output(file)
    try:
        torch.save(tensors, cast(IO[bytes], output))
    except RuntimeError as error:  # torch's wrapper of a file system error
        if output.error is not None:
            raise output.error from error
        raise
    file.flush()


def _check(tensors: Tensors, path: Path, name: str) -> str:
    """Compare a file with its tensors, and return its SHA-256."""
    return read_back(path, name, places_of(name, tensors, read_archive(path)))


class _Output:
    """A file for torch, which keeps an error that torch replaces by its own."""

    def __init__(self, file: IO[bytes]) -> None:
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


def _own_storage(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a view to its own storage, because torch saves the whole storage of a view."""
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.itemsize
    return tensor if whole else tensor.clone()
