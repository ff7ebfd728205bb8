"""Sequential reader of a file's bytes that checks every length against the bytes left."""

from __future__ import annotations

import math
import mmap
import struct
from typing import Any

import numpy as np

from ..errors import ParamsFileError
from .arrays import Array, Shape, is_too_large


class Cursor:
    """Sequential reader of bytes; its errors name the file and the offset.

    Args:
        where: File name, for errors.

    Attributes:
        at: Current offset, in bytes.
    """

    def __init__(self, data: mmap.mmap | bytes, where: str) -> None:
        self._data = data
        self._where = where
        self._size = len(data)
        self.at = 0

    @property
    def left(self) -> int:
        return self._size - self.at

    def error(self, at: int, problem: str) -> ParamsFileError:
        return ParamsFileError(
            f"{self._where}: at byte {at}: {problem}; the file is damaged or was not written by "
            "MXNet: copy or download it again"
        )

    def unpack(self, layout: str) -> tuple[Any, ...]:
        size = struct.calcsize(layout)
        if size > self.left:
            raise self.error(
                self.at, f"the file is truncated: {size} bytes expected, {self.left} left"
            )
        values = struct.unpack_from(layout, self._data, self.at)
        self.at += size
        return values

    def raw(self, size: int, what: str) -> bytes:
        self._need(size, what)
        self.at += size
        return self._data[self.at - size : self.at]

    def array(self, dtype: str, shape: Shape, what: str) -> Array:
        """Read an array: a view of the bytes where they are aligned, else a copy."""
        kind = np.dtype(dtype)
        count = math.prod(shape)
        if not count and is_too_large(shape):
            raise self.error(self.at, f"{what} is impossible: its sizes overflow")
        self._need(count * kind.itemsize, what)
        flat = np.frombuffer(self._data, kind, count, self.at) if count else np.empty(0, kind)
        self.at += count * kind.itemsize
        return (flat if flat.flags.aligned else flat.copy()).reshape(shape)

    def _need(self, size: int, what: str) -> None:
        if size > self.left:
            raise self.error(
                self.at, f"the file is truncated: {what} needs {size} bytes, {self.left} left"
            )
