"""The `.pth` format: a state_dict that `torch.load(weights_only=True)` can read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import torch

from ...files.atomic_file import publish, temporary_file
from ...files.hashed_file import HashedFile
from ..read_back import compare, places_of
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
    tensors = {name: _own_storage(tensor) for name, tensor in job.tensors.items()}
    with temporary_file(job.folder) as (file, path):
        with HashedFile(file, path) as hashed:
            save(tensors, hashed)
            # flush to disk while the file is compared
            with ThreadPoolExecutor(1) as pool:
                synced = pool.submit(os.fsync, file.fileno())
                compare(path, job.name, places_of(job.name, tensors, read_archive(path)))
                synced.result()
            sha256 = hashed.sha256()
        target = job.named(sha256, ".pth")
        size = file.tell()
        publish(file, path, target)
    return WrittenFile("pth", str(target), sha256, size)


def _own_storage(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a view to its own storage, because torch saves the whole storage of a view."""
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.itemsize
    return tensor if whole else tensor.clone()
