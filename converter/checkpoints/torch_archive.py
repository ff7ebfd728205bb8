"""The head of a `.pth`: its tensors' names, types, shapes and places, without torch or values.

The file is an uncompressed zip: `data.pkl` describes the tensors, `data/<number>` is the memory of
one. Only the functions that a state_dict needs are accepted in the pickle, and none is run.
"""

from __future__ import annotations

import collections
import io
import pickle
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError

_DTYPES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
ITEMSIZES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "int8": 1, "uint8": 1, "bool": 1}
ITEMSIZES |= dict.fromkeys(("float16", "bfloat16", "int16"), 2)
_LOCAL_HEADER = struct.Struct("<26x2H")  # only the lengths of the name and of the extra field
# what the pickle of a state_dict from another program can raise
_UNREADABLE = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, OSError, ValueError, TypeError),
    *(KeyError, IndexError, AttributeError, EOFError, OverflowError, NotImplementedError),
)


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    Attributes:
        at: Offset of its first byte in the file.
        strides: Steps between its values along each axis; None if they are in C order.
    """

    dtype: str
    shape: tuple[int, ...]
    at: int
    strides: tuple[int, ...] | None = None


def read_archive(path: Path) -> dict[str, StoredTensor]:
    """Describe the tensors of a state_dict that torch saved as a zip, in its order.

    Raises:
        CheckpointError: If the file is damaged, or contains more than a state_dict.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = {each.filename.partition("/")[2]: each for each in archive.infolist()}
            if archive.read(members["byteorder"]) != b"little":
                raise ValueError("its numbers are big-endian")
            places = {
                name.removeprefix("data/"): _data_offset(file, member)
                for name, member in members.items()
                if name.startswith("data/")
            }
            content = _Unpickler(archive.read(members["data.pkl"]), places).load()
        if not isinstance(content, dict) or not all(
            isinstance(key, str) and isinstance(value, StoredTensor)
            for key, value in content.items()
        ):
            raise ValueError("it is not a dict of tensors")
    except _UNREADABLE as error:
        raise CheckpointError(f"{path}: has no readable state_dict ({error})") from error
    return dict(content)


def _data_offset(file: Any, member: zipfile.ZipInfo) -> int:
    file.seek(member.header_offset)
    name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    return int(member.header_offset + _LOCAL_HEADER.size + name + extra)


class _Unpickler(pickle.Unpickler):
    """Reads descriptions in place of tensors."""

    def __init__(self, data: bytes, places: dict[str, int]) -> None:
        super().__init__(io.BytesIO(data))
        self._places = places

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"it contains {module}.{name}")

    def persistent_load(self, pid: Any) -> tuple[str, int]:
        _, dtype, key, *_ = pid
        return dtype, self._places[key]


def _tensor(
    storage: tuple[str, int], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> StoredTensor:
    dtype, at = storage
    return StoredTensor(dtype, shape, at + offset * ITEMSIZES[dtype], strides)
