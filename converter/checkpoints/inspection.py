"""Inspection of a `.params` file, array by array."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..mapping.assignment import array_specs
from ..mapping.detection import Detection
from ..mapping.fit import fit
from ..mappings.catalog import load_catalog
from ..sources.arrays import Array, SparseArray, StoredArray
from ..sources.params import read_params_file
from ..weights.soundness import count_nonfinite
from .file_detection import detect_file


@dataclass(frozen=True)
class ArrayReport:
    """One array.

    Attributes:
        layout: `dense`, `row_sparse`, `csr`, or `none` for a name without an array.
        nan, inf: Number of NaN and Inf values.
        target: Its key in PyTorch; None if the network is unknown, or not in the catalogue.
        rule: The rule that gives the key; None if the network is unknown.
    """

    name: str
    dtype: str | None
    shape: tuple[int, ...] | None
    layout: str
    nan: int
    inf: int
    target: str | None
    rule: str | None


@dataclass(frozen=True)
class FileReport:
    """One file.

    Attributes:
        version: Version of the file format.
        values: Number of stored values of all arrays.
        detection: The networks that the names fit; None for the weights of a source.
    """

    path: str
    version: str
    bytes: int
    values: int
    detection: Detection | None
    arrays: tuple[ArrayReport, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return asdict(self)


def inspect_file(path: str | os.PathLike[str]) -> FileReport:
    """Read a `.params` file and describe all its arrays.

    Raises:
        ParamsFileError: If the file cannot be read.
        KeyMapError: If two of its names refer to the same parameter.
    """
    file = read_params_file(path)
    specs = array_specs(file.arrays)
    detection = detect_file(specs)
    targets: dict[str, tuple[str, str]] = {}
    # if several networks fit, the targets are unknown; those of the zoo have no key map
    name = detection.models[0] if len(detection.models) == 1 else detection.nearest
    if name is not None and name in load_catalog():
        fitted = fit(load_catalog()[name], specs)
        by_source = {a.source: (a.target, a.rule) for a in fitted.assignments}
        targets = {
            original: by_source[structural]
            for original, structural in fitted.translation.names.items()
            if structural in by_source
        }
    reports = tuple(
        array_report(key, array, *targets.get(key, (None, None)))
        for key, array in file.arrays.items()
    )
    return FileReport(
        path=file.path,
        version=file.version,
        bytes=os.path.getsize(path),
        values=sum(_values(array).size for array in file.arrays.values()),
        detection=detection,
        arrays=reports,
    )


def _values(array: StoredArray) -> Array:
    if array is None:
        return np.empty(0)
    return array.data if isinstance(array, SparseArray) else array


def array_report(
    name: str, array: StoredArray, target: str | None, rule: str | None
) -> ArrayReport:
    """Describe one array, of which the key in PyTorch and its rule may be known."""
    nan, inf = count_nonfinite(_values(array))
    layout = "none" if array is None else getattr(array, "layout", "dense")
    return ArrayReport(
        name=name,
        dtype=None if array is None else array.dtype.name,
        shape=None if array is None else array.shape,
        layout=layout,
        nan=nan,
        inf=inf,
        target=target,
        rule=rule,
    )
