"""The head of a `.safetensors`: its tensors' names, types, shapes and places, and the metadata."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import CheckpointError
from .torch_archive import StoredTensor

_DTYPES = {
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
_LENGTH = 8  # bytes of the header's length, before the header


def read_head(path: Path) -> tuple[dict[str, StoredTensor], dict[str, str]]:
    """Describe the tensors of a file, and return its metadata.

    Raises:
        CheckpointError: If the file is damaged, or has a data type that networks do not have.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH), "little")
            header = json.loads(file.read(min(length, path.stat().st_size)))
        metadata = dict(header.pop("__metadata__", {}))
        start = _LENGTH + length
        return {
            name: StoredTensor(
                _DTYPES[row["dtype"]], tuple(row["shape"]), start + row["data_offsets"][0]
            )
            for name, row in header.items()
        }, metadata
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CheckpointError(f"{path}: has no readable header ({error})") from error
