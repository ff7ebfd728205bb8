"""The contents of a weights file: arrays and their names, with limits on their sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_NDIM = 32
MAX_SIZE = 2**58  # elements of an array; up to this size, every element has an address

Shape = tuple[int, ...]
Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
"""Arrays by name."""


@dataclass(frozen=True, eq=False)
class SparseArray:
    """A sparse array as stored in the file.

    Attributes:
        layout: `row_sparse` (`data` is the rows at `indices`) or `csr`.
        shape: Shape of the dense array.
        data: Stored values.
        indices: Row numbers (`row_sparse`) or column numbers (`csr`).
        indptr: Offset of each row in `data` (`csr` only).
    """

    layout: str
    shape: Shape
    data: Array
    indices: Array
    indptr: Array | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    @property
    def size(self) -> int:
        """The number of values of the dense array."""
        return math.prod(self.shape)

    def problem(self) -> str | None:
        """What is wrong with the indices, or None if they are valid."""
        limit = self.shape[0] if self.indptr is None else self.shape[1]
        indices, indptr = self.indices, self.indptr
        if indices.size and not (int(indices.min()) >= 0 and int(indices.max()) < limit):
            return f"its indices are outside 0 … {limit - 1}"
        if indptr is not None and not (
            indptr.size == self.shape[0] + 1
            and int(indptr[0]) == 0
            and int(indptr[-1]) == indices.size
            and bool((indptr[1:] >= indptr[:-1]).all())
        ):
            return "its row pointers do not match its values"
        return None

    def dense(self) -> Array:
        """The dense array, which can be far larger than the file: check `shape` first."""
        array = np.zeros(self.shape, self.data.dtype)
        if self.indptr is None:
            array[self.indices] = self.data
        else:
            # np.repeat does not accept unsigned counts
            rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr.astype(np.int64)))
            array[rows, self.indices] = self.data
        return array


StoredArray = Array | SparseArray | None
"""What a file stores under one name. None is MXNet's "no array": a name without a shape."""


def is_too_large(shape: tuple[int, ...]) -> bool:
    """Whether the element count overflows, ignoring sizes of 0: NumPy rejects those shapes too."""
    return math.prod(dim for dim in shape if dim) > MAX_SIZE


def name_problem(name: str, seen: set[str]) -> str | None:
    """What is wrong with an array's name, or None if it is valid.

    Args:
        seen: Earlier names of the same file, without prefixes; this function adds `name`.
    """
    bare = bare_name(name)
    if not name or "\0" in name:
        return "is empty" if not name else "contains a NUL"
    if bare in seen:
        return f"is a duplicate of {bare!r}"
    seen.add(bare)
    return None


def bare_name(name: str) -> str:
    """Strip the `arg:` or `aux:` prefix that exported files and Module checkpoints add to names.

    The prefixes distinguish weights from running statistics. Both kinds belong to one network, so
    their names must differ without the prefix.
    """
    return name.removeprefix("arg:").removeprefix("aux:")
