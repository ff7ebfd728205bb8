"""Reader of MXNet's `.params` files, with NumPy alone.

The format follows MXNet's sources (src/ndarray/ndarray.cc, 0.7 to 1.9.1). MXNet's own reader is not
used: it allocates 8 GB for one file of 100 bytes, crashes on another, and silently drops one of two
arrays of the same name. Here every length is checked against the bytes left before anything is
allocated, and dense arrays are views into the memory-mapped file.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ParamsFileError
from .arrays import (
    MAX_NDIM,
    Array,
    Arrays,
    Shape,
    SparseArray,
    StoredArray,
    is_too_large,
    name_problem,
)
from .cursor import Cursor
from .foreign_file import name_foreign_file
from .mapped_file import map_file
from .npz import read_npz

LIST_MAGIC = 0x112
V1_MAGIC, V2_MAGIC, V3_MAGIC = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
BFLOAT16 = 12
MAX_DENSE = 1 << 28  # largest number of values to which a sparse array is expanded
DTYPES = {
    0: "<f4",
    1: "<f8",
    2: "<f2",
    3: "|u1",
    4: "<i4",
    5: "|i1",
    6: "<i8",
    7: "|b1",
    8: "<i2",
    9: "<u2",
    10: "<u4",
    11: "<u8",
    BFLOAT16: "<u2",
}
# MXNet's storage type -> layout of the sparse array and names of its index arrays
SPARSE = {1: ("row_sparse", ("indices",)), 2: ("csr", ("indptr", "indices"))}


@dataclass(frozen=True, eq=False)
class ParamsFile:
    """Contents of a `.params` file.

    Attributes:
        path: The file.
        version: `V0` … `V3`, of its newest array; `npz` for MXNet 2's files; `empty` for a file
            without arrays.
        named: False for a list without names; its arrays are named `0`, `1` …
        arrays: Arrays by the names in the file, in its order.
        bfloat16: Names of the arrays stored as bfloat16, which are returned as float32 (exact).
    """

    path: str
    version: str
    named: bool
    arrays: dict[str, StoredArray]
    bfloat16: frozenset[str] = frozenset()


def read_params(path: str | os.PathLike[str]) -> dict[str, StoredArray]:
    """Read the arrays of a `.params` file, by the names in it; dense ones are views into the file.

    Raises:
        ParamsFileError: As `read_params_file`.
    """
    return read_params_file(path).arrays


def dense_arrays(path: str | os.PathLike[str]) -> Arrays:
    """Read a file's arrays as dense ones, which weights are in PyTorch.

    Raises:
        ParamsFileError: If one is empty or too large to be expanded, or as `read_params_file`.
    """
    arrays = read_params(path)
    dense = {
        name: array.dense() if isinstance(array, SparseArray) else array
        for name, array in arrays.items()
        if isinstance(array, np.ndarray) or (array is not None and array.size <= MAX_DENSE)
    }
    if odd := sorted(arrays.keys() - dense):
        raise ParamsFileError(
            f"{path}: {', '.join(odd)}: empty, or sparse with more than {MAX_DENSE:,} values; "
            "weights must be dense: convert them in MXNet with `tostype('default')` and save again"
        )
    return dense


def read_params_file(path: str | os.PathLike[str]) -> ParamsFile:
    """Read a `.params` file of any MXNet version, or an `.npz` of MXNet 2.

    Raises:
        ParamsFileError: If the file cannot be opened, has another format or is damaged; names the
            byte offset.
    """
    return parse_params(map_file(path), os.fspath(path))


def parse_params(data: mmap.mmap | bytes, where: str) -> ParamsFile:
    """Parse the bytes of a `.params` file or an `.npz` of MXNet 2.

    Args:
        where: File name, for errors.

    Raises:
        ParamsFileError: As `read_params_file`.
    """
    if data[:4] == b"PK\x03\x04":
        arrays: dict[str, StoredArray] = dict(read_npz(data, where))
        return ParamsFile(where, "npz", True, arrays)
    if foreign := name_foreign_file(data[:512]):
        raise ParamsFileError(f"{where}: not a .params file but {foreign}")
    cursor = Cursor(data, where)
    if len(data) < 24:
        raise cursor.error(0, f"{len(data)} bytes are too few for a .params file")
    magic, reserved, count = cursor.unpack("<QQQ")
    if magic != LIST_MAGIC:
        raise cursor.error(0, "not a .params file: it does not begin with 0x112")
    if reserved:
        raise cursor.error(8, f"the reserved field is {reserved}, not 0")
    if count > cursor.left // 4:
        raise cursor.error(16, f"{count} arrays do not fit in {cursor.left} bytes")

    versions, arrays_in_order, bfloat16 = set(), [], []
    for index in range(count):
        version, array, is_bfloat16 = _read_array(cursor, index)
        versions.add(version)
        arrays_in_order.append(array)
        bfloat16.append(is_bfloat16)
    names = _read_names(cursor, count)
    if cursor.left:
        raise cursor.error(cursor.at, f"{cursor.left} bytes are left after the last name")
    keys = list(map(str, range(count))) if names is None else names
    return ParamsFile(
        path=where,
        version=f"V{max(versions)}" if versions else "empty",
        named=names is not None,
        arrays=dict(zip(keys, arrays_in_order, strict=True)),
        bfloat16=frozenset(name for name, is_one in zip(keys, bfloat16, strict=True) if is_one),
    )


def _read_array(cursor: Cursor, index: int) -> tuple[int, StoredArray, bool]:
    """Read one array: its format version, the array, and whether it is stored as bfloat16."""
    start = cursor.at
    (magic,) = cursor.unpack("<I")
    version = {V1_MAGIC: 1, V2_MAGIC: 2, V3_MAGIC: 3}.get(magic, 0)
    if version == 0 and magic > MAX_NDIM:
        raise cursor.error(start, f"array {index} begins with the unknown magic 0x{magic:08x}")

    storage = 0
    if version >= 2:
        at = cursor.at
        (storage,) = cursor.unpack("<i")
        if storage not in (0, *SPARSE) or (version == 3 and storage):
            raise cursor.error(at, f"array {index} has the unknown storage type {storage}")
    if storage:
        _read_shape(cursor, index, version)  # skipped: the storage's shape can be stale
    shape = _read_shape(cursor, index, version, ndim=magic if version == 0 else None)
    if not shape and version < 3:
        return version, None, False

    cursor.unpack("<ii")  # skipped: the device it was saved on
    dtype, is_bfloat16 = _read_dtype(cursor, index)
    array: StoredArray
    if storage:
        array = _read_sparse(cursor, index, storage, shape, dtype)
        if is_bfloat16:
            array = replace(array, data=_widen(array.data))
    else:
        array = cursor.array(dtype, shape, f"array {index} of shape {shape}")
        if is_bfloat16:
            array = _widen(array)
    return version, array, is_bfloat16


def _widen(bits: Array) -> Array:
    """Convert stored bfloat16 to float32, whose upper 16 bits are the same."""
    return (bits.reshape(-1).astype("<u4") << 16).view("<f4").reshape(bits.shape)


def _read_shape(cursor: Cursor, index: int, version: int, ndim: int | None = None) -> Shape:
    at = cursor.at
    if ndim is None:
        (ndim,) = cursor.unpack("<i")
    if not 0 <= ndim <= MAX_NDIM:
        raise cursor.error(at, f"array {index} has {ndim} dimensions; 0 to {MAX_NDIM} are allowed")
    at = cursor.at
    shape = cursor.unpack(f"<{ndim}{'I' if version == 0 else 'q'}")
    if any(dim < 0 for dim in shape) or is_too_large(shape):
        raise cursor.error(at, f"array {index} has the impossible shape {shape}")
    return shape


def _read_dtype(cursor: Cursor, index: int) -> tuple[str, bool]:
    at = cursor.at
    (flag,) = cursor.unpack("<i")
    if flag not in DTYPES:
        raise cursor.error(at, f"array {index} has the unknown dtype {flag}")
    return DTYPES[flag], flag == BFLOAT16


def _read_sparse(cursor: Cursor, index: int, storage: int, shape: Shape, dtype: str) -> SparseArray:
    layout, parts = SPARSE[storage]
    what = f"array {index} ({layout} of shape {shape})"
    if layout == "csr" and len(shape) != 2:
        raise cursor.error(cursor.at, f"{what} must have two dimensions")
    described = []
    for part in parts:
        part_dtype, is_bfloat16 = _read_dtype(cursor, index)
        at = cursor.at
        part_shape = _read_shape(cursor, index, 2)
        if len(part_shape) != 1 or np.dtype(part_dtype).kind not in "iu" or is_bfloat16:
            raise cursor.error(at, f"{part} of {what} must be a 1-D array of integers")
        described.append((part, part_dtype, part_shape))
    # as many stored rows (or single values) as there are indices
    stored = described[-1][2]
    data = cursor.array(dtype, stored + shape[1:] if layout == "row_sparse" else stored, what)
    at = cursor.at
    aux = {part: cursor.array(kind, dims, f"{part} of {what}") for part, kind, dims in described}
    array = SparseArray(layout, shape, data, **aux)
    if problem := array.problem():
        raise cursor.error(at, f"{what}: {problem}")
    return array


def _read_names(cursor: Cursor, count: int) -> list[str] | None:
    """The names, which follow the arrays; None for a list without names."""
    at = cursor.at
    (named,) = cursor.unpack("<Q")
    if named not in (0, count):
        raise cursor.error(at, f"there are {named} names for {count} arrays")
    if named == 0 and count:
        return None
    names: list[str] = []
    seen: set[str] = set()
    for at, name in _iter_names(cursor, count):
        if problem := name_problem(name, seen):
            raise cursor.error(at, f"name {len(names)} {problem}")
        names.append(name)
    return names


def _iter_names(cursor: Cursor, count: int) -> Iterator[tuple[int, str]]:
    """Yield each name with its byte offset."""
    for index in range(count):
        at = cursor.at
        (length,) = cursor.unpack("<Q")
        raw = cursor.raw(length, f"name {index}")
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise cursor.error(at, f"name {index} is not UTF-8") from error
        yield at, name
