"""The weights and MXNet's graph in a `.pt2`, read without running code from the file.

`torch.export.load` unpickles what a file marks as pickled, and so runs what a hostile file
contains. Modules are built from MXNet's graph, and need only the weights of the program.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from ..weights.state_dict import Tensors

WEIGHTS = "data/weights/"
CONFIG = f"{WEIGHTS}model_weights_config.json"
# the state_dict, pickled: of torch 2.8 and 2.9, and of older ones
PICKLED = (f"{WEIGHTS}model.pt", "serialized_state_dict.pt")
EXTRA = ("extra/", "extra_files/")
# the numbers of data types in torch._export.serde.schema.ScalarType
DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
# what reading a damaged archive raises
_DAMAGED = (
    *(zipfile.BadZipFile, pickle.UnpicklingError, UnicodeDecodeError, RuntimeError, ValueError),
    *(KeyError, TypeError, AttributeError, IndexError, EOFError, NotImplementedError),
)


def read_program_archive(path: Path, extra: str = "") -> tuple[Tensors, str]:
    """Read the state_dict of a program that torch.export saved, and a text beside it.

    Args:
        path: Path of the `.pt2`.
        extra: Name of the text file in the archive; by default none is read.

    Returns:
        The tensors under the names of the program, and the text; empty if there is none.

    Raises:
        CheckpointError: If the file cannot be read, is damaged, or has pickled weights.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("not a zip archive, or cut short")
            with zipfile.ZipFile(file) as archive:
                members = _Members(archive)
                text = members.first([f"{folder}{extra}" for folder in EXTRA])
                return _state_dict(members), (text or b"").decode()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except _DAMAGED as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path}: is not a program of torch.export ({reason})") from error


class _Members:
    """The files in an archive, without the folder in which torch puts them all."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        infos = archive.infolist()
        roots = {each.filename.partition("/")[0] for each in infos}
        start = len(roots.pop()) + 1 if len(roots) == 1 else 0
        self._infos = {each.filename[start:]: each for each in infos}

    def read(self, name: str) -> bytes:
        """Read a file; torch compresses none, so that none takes more memory than the archive."""
        info = self._infos[name]
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is compressed")
        return self._archive.read(info)

    def first(self, names: Iterable[str]) -> bytes | None:
        """Read the first of these files that is there."""
        return next((self.read(name) for name in names if name in self._infos), None)


def _state_dict(members: _Members) -> Tensors:
    if (pickled := members.first(PICKLED)) is not None:
        content = torch.load(io.BytesIO(pickled), weights_only=True)
        if not isinstance(content, dict) or not all(
            isinstance(key, str) and isinstance(value, torch.Tensor)
            for key, value in content.items()
        ):
            raise ValueError("its weights are no state_dict")
        return dict(content)
    if (described := members.first([CONFIG])) is None:
        raise ValueError("it contains no weights")
    config = json.loads(described)["config"]
    storages: dict[str, bytearray] = {}
    return {name: _tensor(members, storages, name, entry) for name, entry in config.items()}


def _tensor(
    members: _Members, storages: dict[str, bytearray], name: str, entry: Mapping[str, Any]
) -> torch.Tensor:
    if entry["use_pickle"]:
        raise ValueError(f"{name} is pickled, and could run code")
    meta, place = entry["tensor_meta"], entry["path_name"]
    if place not in storages:
        storages[place] = bytearray(members.read(f"{WEIGHTS}{place}"))
    shape = [size["as_int"] for size in meta["sizes"]]
    if 0 in shape:
        return torch.empty(shape, dtype=DTYPES[meta["dtype"]])
    return torch.frombuffer(storages[place], dtype=DTYPES[meta["dtype"]]).as_strided(
        shape, [stride["as_int"] for stride in meta["strides"]], meta["storage_offset"]["as_int"]
    )
