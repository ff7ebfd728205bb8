"""Arrays of detectors that are not trained, such as anchors, as JSON: in full they take megabytes.

An anchor map has the shape (1, 1, height, width, numbers): its last axis has the coordinates of all
anchors at a position. Each of these depends on the row or on the column alone, or on neither, so
that one column and one row of the map define it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import GraphError
from ...sources.arrays import Array, Arrays

MAP = 5  # dimensions of a map of anchors or of offsets
ROWS, COLUMNS = "rows", "columns"


def packed_constants(constants: Mapping[str, Array]) -> dict[str, Any]:
    """Describe arrays as a table for JSON.

    Args:
        constants: float32 arrays by name.

    Raises:
        GraphError: If a table does not give back the bits of an array; names the array.
    """
    return {name: _packed(name, array) for name, array in constants.items()}


def unpacked_constants(table: Mapping[str, Any]) -> Arrays:
    """The arrays of a table that `packed_constants` made."""
    return {name: _unpacked(row) for name, row in table.items()}


def _packed(name: str, array: Array) -> dict[str, Any]:
    shape = list(array.shape)
    if array.ndim == MAP and array.shape[:2] == (1, 1):
        last = [_line(plane) for plane in np.moveaxis(array[0, 0], -1, 0)]
        row: dict[str, Any] = {"shape": shape, "last": last}
    else:
        row = {"shape": shape, "values": _numbers(array.ravel())}
    back = _unpacked(row)
    if array.dtype != back.dtype or array.tobytes() != back.tobytes():
        raise GraphError(
            f"{name}: this constant array of {array.dtype} cannot be stored: expected float32, and "
            "in a map of anchors numbers that depend on the row or on the column alone"
        )
    return row


def _line(plane: Array) -> float | dict[str, list[float]]:
    """One number of a map, or its numbers along the axis on which it depends."""
    rows, columns = plane[:, 0], plane[0]
    if (columns != columns[0]).any():
        return {COLUMNS: _numbers(columns)}
    if (rows != rows[0]).any():
        return {ROWS: _numbers(rows)}
    return _numbers(rows[:1])[0]


def _numbers(array: Array) -> list[float]:
    # the shortest decimal number that is read back as the same float32
    return [float(str(value)) for value in array]


def _unpacked(row: Mapping[str, Any]) -> Array:
    shape = tuple(row["shape"])
    if "values" in row:
        return np.array(row["values"], np.float32).reshape(shape)
    array = np.empty(shape, np.float32)
    for number, line in enumerate(row["last"]):
        if not isinstance(line, dict):
            array[..., number] = line
        elif ROWS in line:
            array[..., number] = np.array(line[ROWS], np.float32)[:, np.newaxis]
        else:
            array[..., number] = np.array(line[COLUMNS], np.float32)
    return array
