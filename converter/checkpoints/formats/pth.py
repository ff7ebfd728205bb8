"""`.pth`: a state_dict that `torch.load(weights_only=True)` reads."""

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
from .job import Job


def write_pth(job: Job) -> WrittenFile:
    """Write `folder/name-<hash>.pth`.

    The bytes depend on the tensors alone: saved to a stream, torch writes neither times nor the
    file's name. The file is read back and compared before it gets its name.

    Raises:
        CheckpointError: the folder cannot be written to, or the file does not read back equal.
    """
    with temporary_file(job.folder) as (file, path):
        own = {name: _own_storage(tensor) for name, tensor in job.tensors.items()}
        with HashingFile(file) as hashing:
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
            compare(torch.load(path, weights_only=True, mmap=True), job)
            synced.result()
        sha256 = hashing.hexdigest()
        target = job.named(sha256, ".pth")
        size = file.tell()
        publish(file, path, target)
    return WrittenFile("pth", str(target), sha256, size)


def _own_storage(tensor: torch.Tensor) -> torch.Tensor:
    """torch saves the whole storage that a view looks into: give it one of its own."""
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.itemsize
    return tensor if whole else tensor.clone()


def compare(written: Mapping[str, torch.Tensor], job: Job) -> None:
    """Insist that what was written reads back as it was.

    Raises:
        CheckpointError: it does not.
    """
    if list(written) != list(job.tensors):
        raise CheckpointError(f"{job.name}: reads back with other names; is the disk sound?")
    for name, tensor in job.tensors.items():
        if not same_bits(written[name], tensor):
            raise CheckpointError(f"{job.name}: {name} reads back different; is the disk sound?")
