"""Reader of uncompressed `.npz` files: MXNet 2 saves them instead of its own format."""

from __future__ import annotations

import io
import math
import mmap
import struct
import tokenize
import warnings
import zipfile
import zlib

import numpy as np

from ..errors import ParamsFileError
from .arrays import MAX_NDIM, Array, Arrays, is_too_large, name_problem

_LOCAL_HEADER = struct.Struct("<4s5HIIIHH")
# NumPy parses a header as Python code, which can raise any of these (found by fuzzing)
_UNREADABLE = (
    *(ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, Warning),
    *(SyntaxError, EOFError, MemoryError, RecursionError, struct.error, tokenize.TokenError),
)
_MAX_HEADER = 4096  # bytes of a .npy header; MXNet writes 128


NUMBERS, TEXT = "fiub", "U"  # kinds of NumPy's data types


def read_npz(data: mmap.mmap | bytes, where: str, kinds: str = NUMBERS) -> Arrays:
    """Arrays of an `.npz`, as views into its bytes where possible.

    Only stored (uncompressed) members are read, so that no array is larger than the file.

    Args:
        data: Content of the file.
        where: File name, for errors.
        kinds: Kinds of the data types that are accepted.

    Raises:
        ParamsFileError: If the zip is of another kind, or a member is compressed, encrypted,
            pickled or damaged.
    """
    try:
        with zipfile.ZipFile(_as_file(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
        raise ParamsFileError(f"{where}: damaged zip ({error}); download it again") from error
    names = [member.filename for member in members]
    if any(name.endswith("data.pkl") or "data/weights/" in name for name in names):
        raise ParamsFileError(f"{where}: a file of PyTorch, not of MXNet; it needs no conversion")
    if inner := [name for name in names if name.endswith(".params")]:
        raise ParamsFileError(f"{where}: a zip of {inner[0]}; unpack it and pass that file")
    arrays: Arrays = {}
    last = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < last:  # copies of the same bytes could fill the memory
            raise ParamsFileError(f"{where}: members overlap; the file is damaged")
        last = member.header_offset + _LOCAL_HEADER.size + member.compress_size
    seen: set[str] = set()
    for member in members:
        name = member.filename.removesuffix(".npy")
        here = f"{where}: member {member.filename!r}"
        if not member.filename.endswith(".npy"):
            raise ParamsFileError(f"{here} is not a .npy; this zip was not written by MXNet")
        if problem := name_problem(name, seen):
            raise ParamsFileError(f"{here} {problem}; the file is damaged")
        arrays[name] = _read_member(data, member, here, kinds)
    return arrays


def _as_file(data: mmap.mmap | bytes) -> io.BufferedIOBase:
    return io.BytesIO(data) if isinstance(data, bytes) else _MappedFile(data)


class _MappedFile(io.BufferedIOBase):
    """File interface to a memory map, without a copy."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        stop = len(self._data) if size is None or size < 0 else self._at + size
        chunk = self._data[self._at : stop]
        self._at += len(chunk)
        return chunk


def _read_member(data: mmap.mmap | bytes, member: zipfile.ZipInfo, here: str, kinds: str) -> Array:
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 0x1:
        how = "encrypted" if member.flag_bits & 0x1 else "compressed"
        raise ParamsFileError(f"{here} is {how}; save the arrays again with numpy.savez")
    raw = _member_bytes(data, member, here)
    stream = io.BytesIO(bytes(raw[:_MAX_HEADER]))
    try:
        major, _ = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
        read_header = (
            np.lib.format.read_array_header_1_0
            if major == 1
            else np.lib.format.read_array_header_2_0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of Python 2's headers, which MXNet 2 never wrote
            shape, fortran_order, dtype = read_header(stream)  # type: ignore[no-untyped-call]
    except _UNREADABLE as error:
        raise ParamsFileError(f"{here} has no readable .npy header ({error})") from error
    if dtype.hasobject or dtype.kind not in kinds or not dtype.itemsize:
        raise ParamsFileError(f"{here} contains {dtype} (pickled objects?), not numbers")
    values = raw[stream.tell() :]
    count = math.prod(shape)
    if (
        any(dim < 0 for dim in shape)
        or len(shape) > MAX_NDIM
        or count * dtype.itemsize != len(values)
        or is_too_large(shape)
    ):
        raise ParamsFileError(f"{here}: shape {shape} of {dtype} does not fit {len(values)} bytes")
    flat = np.frombuffer(values, dtype) if count else np.empty(0, dtype)
    if not flat.flags.aligned or not dtype.isnative:
        flat = flat.astype(dtype.newbyteorder("="))
    return flat.reshape(shape, order="F" if fortran_order else "C")


def _member_bytes(data: mmap.mmap | bytes, member: zipfile.ZipInfo, here: str) -> memoryview:
    start = member.header_offset
    if not 0 <= start <= len(data) - _LOCAL_HEADER.size:
        raise ParamsFileError(f"{here} is outside the file, which is truncated or damaged")
    fields = _LOCAL_HEADER.unpack_from(data, start)
    begin = start + _LOCAL_HEADER.size + fields[-2] + fields[-1]
    end = begin + member.file_size
    if fields[0] != b"PK\x03\x04" or end > len(data) or member.file_size != member.compress_size:
        raise ParamsFileError(f"{here} is outside the file, which is truncated or damaged")
    raw = memoryview(data)[begin:end]
    if zlib.crc32(raw) != member.CRC:
        raise ParamsFileError(f"{here} is damaged: its CRC-32 does not match")
    return raw
