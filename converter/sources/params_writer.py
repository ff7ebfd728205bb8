"""Arrays → a `.params` file, byte for byte as MXNet writes it."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..errors import ParamsFileError
from ..files.atomic_file import publish, temporary_file
from .arrays import MAX_NDIM, Array, StoredArray, name_problem
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
    """Write a `.params` file that `mx.nd.load` reads, whole or not at all.

    Args:
        arrays: dense arrays by name, or None for MXNet's "no array".
        version: 2 is what MXNet 0.12 to 1.9 write, byte for byte; 0 and 1 are older, 3 is with
            NumPy's shapes (scalars, zero sizes).
        named: False leaves the names out.
        bfloat16: names of float32 arrays to be stored as bfloat16, which must hold them exactly.

    Raises:
        ParamsFileError: an array that the version cannot hold, or a name that no reader would take.
        CheckpointError: the folder cannot be written to.
    """
    seen: set[str] = set()
    for name in arrays if named else ():
        if problem := name_problem(name, seen):
            raise ParamsFileError(f"{path}: the name {name!r} {problem}")
    chunks = _chunks(arrays, version, named, bfloat16)
    target = Path(path)
    with temporary_file(target.parent) as (file, temporary):
        for chunk in chunks:
            file.write(chunk)
        publish(file, temporary, target)


def _chunks(
    arrays: Mapping[str, StoredArray], version: int, named: bool, bfloat16: frozenset[str]
) -> Iterator[bytes | memoryview]:
    yield struct.pack("<QQQ", LIST_MAGIC, 0, len(arrays))
    for name, array in arrays.items():
        if array is not None and not isinstance(array, np.ndarray):
            raise ParamsFileError(f"{name}: is sparse; only dense arrays are written")
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
    """All that stands before an array's values; without a flag there are none."""
    if len(shape) > MAX_NDIM:
        raise ParamsFileError(f"{name}: has {len(shape)} dimensions; {MAX_NDIM} are possible")
    if version < 3 and flag is not None and not shape:
        raise ParamsFileError(f"{name}: a scalar can only stand in version 3")
    if version == 3 and flag is None:
        raise ParamsFileError(f"{name}: no array cannot stand in version 3")
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
        raise ParamsFileError(f"{name}: MXNet has no {array.dtype}")
    return flag


def _as_bfloat16(name: str, array: Array) -> Array:
    bits = np.ascontiguousarray(array, "<f4").view("<u4")
    if (bits & 0xFFFF).any():
        raise ParamsFileError(f"{name}: bfloat16 does not hold its values exactly")
    return (bits >> 16).astype("<u2")
