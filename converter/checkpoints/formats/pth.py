"""The `.pth` format: a state_dict that `torch.load(weights_only=True)` can read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from ...files.atomic_file import publish, temporary_file
from ...weights.state_dict import Tensors
from ..read_back import places_of, read_back
from ..record import WrittenFile
from ..torch_archive import read_archive
from ..torch_file import save
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
        save(tensors, file)
        # flush to disk while the file is compared
        with ThreadPoolExecutor(1) as pool:
            synced = pool.submit(os.fsync, file.fileno())
            sha256 = _check(tensors, path, job.name)
            synced.result()
        target = job.named(sha256, ".pth")
        size = file.tell()
        publish(file, path, target)
    return WrittenFile("pth", str(target), sha256, size)


def _check(tensors: Tensors, path: Path, name: str) -> str:
    """Compare a file with its tensors, and return its SHA-256."""
    return read_back(path, name, places_of(name, tensors, read_archive(path)))


def _own_storage(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a view to its own storage, because torch saves the whole storage of a view."""
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.itemsize
    return tensor if whole else tensor.clone()
