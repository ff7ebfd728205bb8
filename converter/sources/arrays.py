"""What a file can hold: arrays, their names, and how large they can be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_NDIM = 32
MAX_SIZE = 2**58  # numbers in an array; so many still have an address each

Shape = tuple[int, ...]
Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
"""Arrays by name."""


@dataclass(frozen=True, eq=False)
class SparseArray:
    """A sparse array as it stands in the file.

    Attributes:
        layout: `row_sparse` (data: the rows at `indices`) or `csr`.
        shape: of the dense array.
        data: the stored values.
        indices: row numbers, or column numbers with csr.
        indptr: where each row begins in `data`, with csr.
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

    def problem(self) -> str | None:
        """Why its indices cannot be, if they cannot."""
        limit = self.shape[0] if self.indptr is None else self.shape[1]
        indices, indptr = self.indices, self.indptr
        if indices.size and not (int(indices.min()) >= 0 and int(indices.max()) < limit):
            return f"its indices leave 0 … {limit - 1}"
        if indptr is not None and not (
            indptr.size == self.shape[0] + 1
            and int(indptr[0]) == 0
            and int(indptr[-1]) == indices.size
            and bool((indptr[1:] >= indptr[:-1]).all())
        ):
            return "its row pointers do not fit its values"
        return None

    def dense(self) -> Array:
        """The dense array. It can be far larger than the file: look at `shape` first."""
        array = np.zeros(self.shape, self.data.dtype)
        if self.indptr is None:
            array[self.indices] = self.data
        else:
            # repeat takes no unsigned counts
            rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr.astype(np.int64)))
            array[rows, self.indices] = self.data
        return array


StoredArray = Array | SparseArray | None
"""What a file holds under one name. None is MXNet's "no array": a name without a shape."""


def is_too_large(shape: tuple[int, ...]) -> bool:
    """Whether sizes overflow; NumPy refuses them beside a 0 too."""
    return math.prod(dim for dim in shape if dim) > MAX_SIZE


def name_problem(name: str, seen: set[str]) -> str | None:
    """Why a name cannot stand in a file, if it cannot; `seen` gathers the names before it."""
    bare = bare_name(name)
    if not name or "\0" in name:
        return "is empty" if not name else "holds a NUL"
    if bare in seen:
        return f"stands twice as {bare!r}"
    seen.add(bare)
    return None


def bare_name(name: str) -> str:
    """A name without the `arg:` or `aux:` that exported files and Module checkpoints put before it.

    The two say what is a weight and what a running statistic; the names behind them are of one
    network, and must differ.
    """
    return name.removeprefix("arg:").removeprefix("aux:")
