"""Files of saved reference outputs: a NumPy `.npz` with a description in JSON, named `about`."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from ..errors import ParamsFileError
from ..files.atomic_file import new_file
from ..mappings.schema import Row, structure
from ..sources.arrays import Array, Arrays

# TypeError and AttributeError: the file is a single array instead of an archive
_DAMAGED = (zipfile.BadZipFile, TypeError, AttributeError)
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
    try:
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays: Arrays = {name: file[name] for name in file.files}
        return structure(json.loads(str(arrays.pop("about"))), kind), arrays
    except FileNotFoundError as error:
        raise ParamsFileError(f"{where}: cannot be read (no such file)") from error
    except (*_DAMAGED, OSError, ValueError, KeyError, EOFError) as error:
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
