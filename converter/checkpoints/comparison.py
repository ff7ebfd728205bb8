"""Comparison of two files by name and value: `.params` of any dialect, or checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import CheckpointError, KeyMapError, ParamsFileError, UnknownModelError
from ..mapping.assignment import ArraySpec, array_specs
from ..mapping.detection import detect, require_one
from ..mapping.dialects import plain_names
from ..mapping.fit import Specs, fit
from ..mapping.layout_keys import find_layout
from ..mapping.network_spec import network_specs
from ..mappings.catalog import load_catalog
from ..mappings.key_map import MADE_UP
from ..mappings.zoo import load_zoo
from ..sources.arrays import Array, SparseArray, StoredArray
from ..sources.params import MAX_DENSE, read_params
from .recorded_facts import RecordedFacts, read_record


@dataclass(frozen=True)
class Difference:
    """A name that differs.

    Attributes:
        name: Name of the array.
        what: Description of the difference.
        max_abs: Largest absolute difference; None if the shapes differ or an array is missing.
    """

    name: str
    what: str
    max_abs: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Result of a comparison.

    Attributes:
        first: Path of the first file.
        second: Path of the second file.
        equal: Number of names whose arrays are equal bit for bit.
        differences: All other names.
    """

    first: str
    second: str
    equal: int
    differences: tuple[Difference, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as `--json` prints it."""
        return asdict(self)


def compare_files(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    model: str | None = None,
    *,
    names_only: bool = False,
) -> Comparison:
    """Compare two files, under our keys if the network is known, otherwise under their own names.

    Args:
        first: Path of the first file.
        second: Path of the second file.
        model: Network of both files; needed only if their names do not identify it.
        names_only: Compare names, shapes and data types, and read no values.

    Raises:
        ParamsFileError, CheckpointError: If one of the files cannot be read.
        UnknownModelError: If the names fit two networks and no model was given, or it is not in the
            catalogue.
        KeyMapError: If one of the files does not belong to the given model.
    """
    model = model or _either_model(first, second)
    if names_only:
        return _compared(
            first, second, _specs(first, model), _specs(second, model), _spec_difference
        )
    return _compared(first, second, _load(first, model), _load(second, model), _difference)


def _either_model(*paths: str | os.PathLike[str]) -> str | None:
    """One of the networks that both files fit equally, whose names are then the same in both."""
    from .weights_file import is_checkpoint

    if any(is_checkpoint(path) for path in paths):
        return None
    fitting = [detect(array_specs(read_params(path))).models for path in paths]
    return fitting[0][0] if fitting[0] == fitting[1] and len(fitting[0]) > 1 else None


T = TypeVar("T")


def _compared(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    one: Mapping[str, T],
    other: Mapping[str, T],
    difference: Callable[[str, T, T], Difference | None],
) -> Comparison:
    differences = [
        Difference(name, f"is only in {path}")
        for path, mine, theirs in ((first, one, other), (second, other, one))
        for name in mine
        if name not in theirs
    ]
    common = [name for name in one if name in other]
    different = [d for name in common if (d := difference(name, one[name], other[name]))]
    return Comparison(
        first=str(first),
        second=str(second),
        equal=len(common) - len(different),
        differences=(*differences, *different),
    )


def _spec_difference(name: str, one: ArraySpec, other: ArraySpec) -> Difference | None:
    if one.shape != other.shape:
        return Difference(name, f"has shapes {one.shape} and {other.shape}")
    if one.dtype != other.dtype:
        return Difference(name, f"has dtypes {one.dtype} and {other.dtype}")
    return None


@dataclass(frozen=True)
class _Values:
    """An array, and its data type in the file: NumPy has no bfloat16."""

    array: Array
    dtype: str


def _difference(name: str, first: _Values, second: _Values) -> Difference | None:
    one, other = first.array, second.array
    if one.shape != other.shape:
        return Difference(name, f"has shapes {one.shape} and {other.shape}")
    if first.dtype == second.dtype and one.tobytes() == other.tobytes():
        return None
    if one.dtype.kind == "V" or other.dtype.kind == "V":
        return Difference(name, "has no array in one of the files")
    with np.errstate(all="ignore"):
        gap = np.abs(one.astype(np.float64) - other.astype(np.float64))
    largest = float(gap.max()) if gap.size else 0.0
    if first.dtype != second.dtype:
        return Difference(name, f"has dtypes {first.dtype} and {second.dtype}", largest)
    return Difference(name, "has different values", largest)


def _specs(path: str | os.PathLike[str], model: str | None) -> dict[str, ArraySpec]:
    from .weights_file import is_checkpoint, read_specs

    if is_checkpoint(path):
        found = read_specs(path)
        keys = _keys_of(path, found, model)
        return {keys[n]: each for n, each in found.items() if not n.endswith(f".{MADE_UP}")}
    specs = array_specs(read_params(path))
    keys = _our_names(specs, path, model)
    return {keys[name]: spec for name, spec in specs.items()}


def _load(path: str | os.PathLike[str], model: str | None) -> dict[str, _Values]:
    from .weights_file import is_checkpoint

    if is_checkpoint(path):
        return _load_checkpoint(path, model)
    arrays = read_params(path)
    keys = _our_names(array_specs(arrays), path, model)
    dense = {keys[name]: _dense(array, f"{path}: {name}") for name, array in arrays.items()}
    return {name: _Values(array, array.dtype.name) for name, array in dense.items()}


def _our_names(specs: Specs, path: str | os.PathLike[str], model: str | None) -> Mapping[str, str]:
    """Names in a file → our keys, or plain names if the network is unknown."""
    if model is None:
        detection = detect(specs)
        if not detection.models:
            plain = plain_names(specs)
            return plain if len({*plain.values()}) == len(plain) else {name: name for name in specs}
        model = require_one(detection, path, option="--model").name
    elif model.lower() in load_zoo():
        raise UnknownModelError(
            f"{os.fspath(path)}: {model} is converted as a graph, with the names of the file; "
            "leave `--model` out, and the names are compared as they are"
        )
    fitted = fit(load_catalog().find(model), specs).require()
    ours = {assignment.source: assignment.target for assignment in fitted.assignments}
    return {name: ours.get(theirs, theirs) for name, theirs in fitted.translation.names.items()}


def _dense(array: StoredArray, where: str) -> Array:
    if array is None:
        return np.empty(0, np.void)  # a name without an array: equal only to another such name
    if isinstance(array, SparseArray):
        if array.size > MAX_DENSE:
            raise ParamsFileError(
                f"{where}: a sparse array of shape {array.shape} is too large to compare"
            )
        return array.dense()
    return array


def _keys_of(
    path: str | os.PathLike[str], names: Iterable[str], model: str | None
) -> Mapping[str, str]:
    """Names in a checkpoint → our keys, if the network is known and they are those of a layout."""
    names = list(names)
    with suppress(CheckpointError, UnknownModelError, KeyMapError):  # it is compared as it is
        model = model or (read_record(Path(path)) or RecordedFacts()).model or ""
        entry = load_catalog().find(model)
        wanted = network_specs(entry.name, entry.dataset.num_classes, 3)
        return find_layout(entry, names, wanted, path)
    return {name: name for name in names}


def _load_checkpoint(path: str | os.PathLike[str], model: str | None) -> dict[str, _Values]:
    import torch

    from .weights_file import read_tensors

    def values(name: str, tensor: torch.Tensor) -> _Values:
        dtype = str(tensor.dtype).removeprefix("torch.")
        exact = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        try:
            return _Values(exact.detach().numpy(), dtype)
        except TypeError as error:
            raise CheckpointError(
                f"{os.fspath(path)}: {name} has the data type {dtype}, which cannot be compared"
            ) from error

    tensors, _ = read_tensors(path)
    keys = _keys_of(path, tensors, model)
    return {
        keys[name]: values(name, tensor)
        for name, tensor in tensors.items()
        if not name.endswith(f".{MADE_UP}")
    }
