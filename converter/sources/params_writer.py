"""Writer of `.params` files, byte for byte as MXNet writes them."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..errors import ParamsFileError
from ..files.atomic_file import new_file
from .arrays import MAX_NDIM, Array, SparseArray, StoredArray, name_problem
from .params import BFLOAT16, DTYPES, LIST_MAGIC, V1_MAGIC, V2_MAGIC, V3_MAGIC

_FLAGS = {np.dtype(code): flag for flag, code in DTYPES.items() if flag != BFLOAT16}
_CPU = struct.pack("<ii", 1, 0)


def write_params(
    path: str | os.PathLike[str],
    arrays: Mapping[str, StoredArray],
    *,
    version: int = 2,
    named: bool = True,
    bfloat16: frozenset[str] = frozenset(),
) -> None:
    """Write a `.params` file that `mx.nd.load` reads, atomically.

    Args:
        path: Target file; replaced if it exists.
        arrays: Dense arrays by name; None for MXNet's "no array".
        version: Format version. 2 is what MXNet 0.12 to 1.9 write, byte for byte; 0 and 1 are
            older, 3 is for NumPy's shapes (scalars, zero sizes).
        named: False omits the names.
        bfloat16: Names of float32 arrays to store as bfloat16, which must represent their values
            exactly.

    Raises:
        ParamsFileError: If the version cannot store an array, or a name would not be readable.
        CheckpointError: If the file cannot be written.
    """
    seen: set[str] = set()
    for name in arrays if named else ():
        if problem := name_problem(name, seen):
            raise ParamsFileError(f"{path}: the name {name!r} {problem}")
    chunks = _chunks(arrays, version, named, bfloat16)
    with new_file(Path(path)) as file:
        for chunk in chunks:
            file.write(chunk)


def _chunks(
    arrays: Mapping[str, StoredArray], version: int, named: bool, bfloat16: frozenset[str]
) -> Iterator[bytes | memoryview]:
    yield struct.pack("<QQQ", LIST_MAGIC, 0, len(arrays))
    for name, array in arrays.items():
        if array is not None and not isinstance(array, np.ndarray | SparseArray):
            raise ParamsFileError(f"{name}: is a {type(array).__name__}; expected a NumPy array")
        if isinstance(array, SparseArray):
            raise ParamsFileError(f"{name}: is sparse; only dense arrays can be written")
        if array is None:
            yield _header(name, (), version, None)
        else:
            stored = _as_bfloat16(name, array) if name in bfloat16 else array
            yield _header(name, array.shape, version, _flag(name, array, name in bfloat16))
            yield np.ascontiguousarray(stored).reshape(-1).view(np.uint8).data
    yield struct.pack("<Q", len(arrays) if named else 0)
    for name in arrays if named else ():
        raw = name.encode()
        yield struct.pack("<Q", len(raw)) + raw


def _header(name: str, shape: tuple[int, ...], version: int, flag: int | None) -> bytes:
    """The bytes before an array's values; `flag` (the dtype) is None for "no array"."""
    if len(shape) > MAX_NDIM:
        raise ParamsFileError(f"{name}: has {len(shape)} dimensions; at most {MAX_NDIM} allowed")
    if version < 3 and flag is not None and not shape:
        raise ParamsFileError(f"{name}: a scalar can only be stored in version 3")
    if version == 3 and flag is None:
        raise ParamsFileError(f"{name}: None (no array) cannot be stored in version 3")
    rank = len(shape)
    dims = struct.pack(
        f"<{'I' if version == 0 else 'i'}{rank}{'I' if version == 0 else 'q'}", rank, *shape
    )
    magic = {
        0: b"",
        1: struct.pack("<I", V1_MAGIC),
        2: struct.pack("<Ii", V2_MAGIC, 0),
        3: struct.pack("<Ii", V3_MAGIC, 0),
    }[version]
    return magic + dims + (b"" if flag is None else _CPU + struct.pack("<i", flag))


def _flag(name: str, array: Array, is_bfloat16: bool) -> int:
    flag = BFLOAT16 if is_bfloat16 else _FLAGS.get(array.dtype)
    if flag is None:
        raise ParamsFileError(f"{name}: MXNet has no dtype {array.dtype}")
    return flag


def _as_bfloat16(name: str, array: Array) -> Array:
    bits = np.ascontiguousarray(array, "<f4").view("<u4")
    if (bits & 0xFFFF).any():
        raise ParamsFileError(f"{name}: bfloat16 cannot represent its values exactly")
    return (bits >> 16).astype("<u2")
