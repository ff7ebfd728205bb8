"""The `.pth` format: a state_dict that `torch.load(weights_only=True)` can read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, cast

import torch

from ...errors import CheckpointError
from ...files.atomic_file import publish, temporary_file
from ...files.hashes import HashingFile
from ...weights.content_hash import same_bits
from ..record import WrittenFile
from .job import WeightsJob


def write_pth(job: WeightsJob) -> WrittenFile:
    """Write `folder/name-<hash>.pth`.

    The bytes depend only on the tensors: when torch saves to a stream, it writes neither times nor
    the file's name. The file is read back and compared before it gets its name.

    Raises:
        CheckpointError: If the folder is not writable, or the file differs when it is read back.
    """
    with temporary_file(job.folder) as (file, path):
        own = {name: _own_storage(tensor) for name, tensor in job.tensors.items()}
        with HashingFile(file) as hashing:
            try:
                torch.save(own, cast(IO[bytes], hashing))
            except RuntimeError as error:  # torch's wrapper of a file system error
                if hashing.error is not None:
                    raise hashing.error from error
                raise
        file.flush()
        # flush to disk while the file is compared
        with ThreadPoolExecutor(1) as pool:
            synced = pool.submit(os.fsync, file.fileno())
            compare(torch.load(path, weights_only=True, mmap=True), job)
            synced.result()
        sha256 = hashing.hexdigest()
        target = job.named(sha256, ".pth")
        size = file.tell()
        publish(file, path, target)
    return WrittenFile("pth", str(target), sha256, size)


def _own_storage(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a view to its own storage, because torch saves the whole storage of a view."""
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.itemsize
    return tensor if whole else tensor.clone()


def compare(written: Mapping[str, torch.Tensor], job: WeightsJob) -> None:
    """Require that the tensors read back from a file equal those that were written.

    Raises:
        CheckpointError: If they do not.
    """
    if list(written) != list(job.tensors):
        raise CheckpointError(f"{job.name}: reads back with different names; check the disk")
    for name, tensor in job.tensors.items():
        if not same_bits(written[name], tensor):
            raise CheckpointError(
                f"{job.name}: {name} reads back with different values; check the disk"
            )
