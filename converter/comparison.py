"""Two files, by name and value: `.params` of any dialect, or converted checkpoints."""

from __future__ import annotations

import os
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .catalog import load_catalog
from .detect import detect
from .dialects import bare_name
from .errors import ParamsFileError
from .fit import fit
from .inspection import describe
from .keymap import MADE_UP
from .sources.params import SparseArray, read_params

Values = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Difference:
    """One name that differs; `max_abs` is the largest difference where shapes are equal."""

    name: str
    what: str
    max_abs: float | None = None


@dataclass(frozen=True)
class Comparison:
    """What two files have in common: `equal` names, bit for bit, and the rest."""

    first: str
    second: str
    equal: int
    differences: tuple[Difference, ...]

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return asdict(self)


def compare_files(
    first: str | os.PathLike[str], second: str | os.PathLike[str], model: str | None = None
) -> Comparison:
    """Compare two files under the project's keys where the network is known, else by their names.

    Args:
        model: which network both are of, where names alone do not tell.

    Raises:
        ParamsFileError: one of them cannot be read.
    """
    one, other = _load(first, model), _load(second, model)
    differences = [
        Difference(name, f"stands only in {path}")
        for path, mine, theirs in ((first, one, other), (second, other, one))
        for name in mine
        if name not in theirs
    ]
    common = [name for name in one if name in other]
    different = [d for name in common if (d := _difference(name, one[name], other[name]))]
    return Comparison(
        first=str(first),
        second=str(second),
        equal=len(common) - len(different),
        differences=(*differences, *different),
    )


def _difference(
    name: str, one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]
) -> Difference | None:
    if one.shape != other.shape:
        return Difference(name, f"has shapes {one.shape} and {other.shape}")
    if one.dtype == other.dtype and one.tobytes() == other.tobytes():
        return None
    with np.errstate(all="ignore"):
        gap = np.abs(one.astype(np.float64) - other.astype(np.float64))
    largest = float(gap.max()) if gap.size else 0.0
    if one.dtype != other.dtype:
        return Difference(name, f"is {one.dtype} and {other.dtype}", largest)
    return Difference(name, "has other values", largest)


def _load(path: str | os.PathLike[str], model: str | None) -> Values:
    if _is_checkpoint(path):
        return _load_checkpoint(path)
    arrays = read_params(path)
    values: Values = {
        name: array.dense() if isinstance(array, SparseArray) else np.asarray(array)
        for name, array in arrays.items()
        if array is not None
    }
    specs = describe(arrays)
    if model is None:
        found = detect(specs).models
        model = found[0] if found else None
    if model is None:
        return {bare_name(name): array for name, array in values.items()}
    fitted = fit(load_catalog().find(model), specs)
    ours = {assignment.source: assignment.target for assignment in fitted.assignments}
    names = fitted.translation.names
    return {ours.get(names[name], names[name]): array for name, array in values.items()}


def _is_checkpoint(path: str | os.PathLike[str]) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("data.pkl") for name in archive.namelist())


def _load_checkpoint(path: str | os.PathLike[str]) -> Values:
    import pickle

    import torch

    try:
        tensors = torch.load(Path(path), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ParamsFileError(f"{path}: no checkpoint that loads safely ({reason})") from error
    return {
        name: tensor.numpy() for name, tensor in tensors.items() if not name.endswith(f".{MADE_UP}")
    }
