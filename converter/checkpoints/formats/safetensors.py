"""The `.safetensors` format: tensors, with metadata in the header."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file

from ...errors import CheckpointError
from ...files.atomic_file import make_public, staging
from ..read_back import places_of, read_back
from ..record import WrittenFile
from ..safetensors_head import read_head
from .job import WeightsJob


def write_safetensors(job: WeightsJob) -> WrittenFile:
    """Write `folder/name-<hash>.safetensors`; its bytes depend only on tensors and metadata.

    Raises:
        CheckpointError: If the folder is not writable, or the file differs when it is read back.
    """
    with staging(job.folder) as staged:
        path = staged / "weights"
        sha256 = fill_safetensors(job, path)
        target = job.named(sha256, ".safetensors")
        size = path.stat().st_size
        path.rename(staged / target.name)
    return WrittenFile("safetensors", str(target), sha256, size)


def fill_safetensors(job: WeightsJob, path: Path) -> str:
    """Write the tensors to a private temporary file and return its SHA-256."""
    tensors = {name: tensor.contiguous() for name, tensor in job.tensors.items()}
    seen: set[int] = set()
    for name, tensor in tensors.items():  # the library refuses tensors that share memory
        place = tensor.untyped_storage().data_ptr()
        tensors[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    try:
        save_file(tensors, path, {"format": "pt", **job.metadata})
    except SafetensorError as error:
        raise CheckpointError(f"{job.name}: cannot be written ({error})") from error
    _sort_metadata(path)
    stored, _ = read_head(path)
    in_order = {name: stored[name] for name in tensors if name in stored}
    return read_back(path, job.name, places_of(job.name, tensors, in_order))


def _sort_metadata(path: Path) -> None:
    """Sort the metadata, because the library's order differs from run to run.

    The header is an 8-byte length followed by JSON, which may end in spaces.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) > length:
            raise CheckpointError("the safetensors library wrote the header in an unexpected form")
        file.seek(8)
        file.write(text.ljust(length))
        file.flush()
        os.fsync(file.fileno())  # the library replaced our file with a private one of its own
    make_public(path)
