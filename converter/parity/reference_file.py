"""Files of saved reference outputs: a NumPy `.npz` with a description in JSON, named `about`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from ..errors import ParamsFileError
from ..files.atomic_file import new_file
from ..mappings.schema import Row, structure
from ..sources.arrays import Array, Arrays
from ..sources.mapped_file import map_file
from ..sources.npz import NUMBERS, TEXT, read_npz

Description = TypeVar("Description", bound=Row)


def write_reference(path: Path, about: Row, arrays: Mapping[str, Array]) -> None:
    """Write a file of saved outputs, whole or not at all.

    Raises:
        CheckpointError: If the file cannot be written.
    """
    text = json.dumps(msgspec.to_builtins(about))
    with new_file(path) as file:
        np.savez(file, about=np.array(text), **arrays)


def read_reference(
    path: str | os.PathLike[str], kind: type[Description]
) -> tuple[Description, Arrays]:
    """Read the description and the arrays of a file of saved outputs.

    Raises:
        ParamsFileError: If the file is not one with such a description, or is damaged.
    """
    where = os.fspath(path)
    data = map_file(path)
    try:
        arrays = read_npz(data, "its content", NUMBERS + TEXT)
        return structure(json.loads(str(arrays.pop("about"))), kind), arrays
    except (ParamsFileError, ValueError, KeyError, RecursionError) as error:
        raise ParamsFileError(
            f"{where}: is not a saved reference ({error}); create one with `--save-reference`"
        ) from error


def take(arrays: Mapping[str, Array], name: str, where: str) -> Array:
    """One of the arrays of a file.

    Raises:
        ParamsFileError: If it is missing.
    """
    if name not in arrays:
        raise ParamsFileError(f"{where}: has no {name}; save the reference again")
    return arrays[name]
