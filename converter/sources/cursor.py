"""Reads on through a file's bytes, with every length checked against what is left."""

from __future__ import annotations

import math
import mmap
import struct
from typing import Any

import numpy as np

from ..errors import ParamsFileError
from .arrays import Array, Shape, is_too_large


class Cursor:
    """Reads on through the bytes, and says where it was when they do not suffice."""

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
            f"{self._where}: at byte {at}: {problem}; the file is damaged or not MXNet's: "
            "copy or download it again"
        )

    def unpack(self, layout: str) -> tuple[Any, ...]:
        size = struct.calcsize(layout)
        if size > self.left:
            raise self.error(
                self.at, f"the file is cut short: {size} bytes are expected, {self.left} are left"
            )
        values = struct.unpack_from(layout, self._data, self.at)
        self.at += size
        return values

    def raw(self, size: int, what: str) -> bytes:
        self._need(size, what)
        self.at += size
        return self._data[self.at - size : self.at]

    def array(self, dtype: str, shape: Shape, what: str) -> Array:
        """The next bytes as an array: a view where they are aligned, else a copy."""
        kind = np.dtype(dtype)
        count = math.prod(shape)
        if not count and is_too_large(shape):
            raise self.error(self.at, f"{what} cannot be: its sizes overflow")
        self._need(count * kind.itemsize, what)
        flat = np.frombuffer(self._data, kind, count, self.at) if count else np.empty(0, kind)
        self.at += count * kind.itemsize
        return (flat if flat.flags.aligned else flat.copy()).reshape(shape)

    def _need(self, size: int, what: str) -> None:
        if size > self.left:
            raise self.error(
                self.at, f"the file is cut short: {what} takes {size} bytes, {self.left} are left"
            )
