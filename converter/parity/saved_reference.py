"""A reference's outputs in a file: MXNet on one machine proves a conversion on another.

The file is NumPy's `.npz`: `about`, a text in JSON; `input.<n>`, images in float32; and
`output.<dtype>.<n>.<stage>`, what the reference gave for them.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from ..errors import ParamsFileError
from ..files.atomic_file import publish, temporary_file
from ..mappings.schema import Row, structure
from ..sources.arrays import Array, Arrays
from .measurement import Reference

# besides: what a lone array, which is no archive, leads to
_DAMAGED = (zipfile.BadZipFile, TypeError, AttributeError)


class About(Row, frozen=True):
    """What a saved reference is of."""

    model: str
    reference: str
    content_sha256: str
    stages: tuple[str, ...]
    dtypes: tuple[str, ...]


class RecordingReference:
    """A reference whose outputs are kept, to be saved."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self.name = reference.name
        self.dtypes = reference.dtypes
        self._dtype = ""
        self._inputs: list[Array] = []
        self._outputs: Arrays = {}

    def cast(self, dtype: str) -> None:
        """Compute in this dtype from here on."""
        self._dtype = dtype
        self._reference.cast(dtype)

    def __call__(self, images: Array) -> Arrays:
        """Images (N, C, H, W) → each stage's output, by name."""
        outputs = self._reference(images)
        number = _find(self._inputs, images)
        if number is None:
            number = len(self._inputs)
            self._inputs.append(images.astype(np.float32))
        for stage, output in outputs.items():
            self._outputs[f"output.{self._dtype}.{number}.{stage}"] = output
        return outputs

    def save(self, path: Path, *, model: str, content_sha256: str, stages: Sequence[str]) -> None:
        """Write the file.

        Raises:
            CheckpointError: it cannot be written.
        """
        about = About(
            model=model,
            reference=self.name,
            content_sha256=content_sha256,
            stages=tuple(stages),
            dtypes=tuple(self.dtypes),
        )
        text = json.dumps(msgspec.to_builtins(about))
        inputs = {f"input.{number}": images for number, images in enumerate(self._inputs)}
        with temporary_file(path.parent) as (file, temporary):
            np.savez(file, about=np.array(text), **inputs, **self._outputs)
            publish(file, temporary, path)


class SavedReference:
    """What a reference gave on another machine."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file.

        Raises:
            ParamsFileError: it is none of these files, or damaged.
        """
        self.path = os.fspath(path)
        try:
            with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays: Arrays = {name: file[name] for name in file.files}
            about = structure(json.loads(str(arrays.pop("about"))), About)
        except FileNotFoundError as error:
            raise ParamsFileError(f"{self.path}: cannot be read (no such file)") from error
        except (*_DAMAGED, OSError, ValueError, KeyError, EOFError) as error:
            raise ParamsFileError(
                f"{self.path}: is no saved reference ({error}); `--save-reference` writes one"
            ) from error
        self.model = about.model
        self.content_sha256 = about.content_sha256
        self.name = f"{about.reference}, saved"
        self.dtypes: Sequence[str] = about.dtypes
        count = sum(name.startswith("input.") for name in arrays)
        self.inputs = [self._take(arrays, f"input.{number}") for number in range(count)]
        self._outputs = {
            (dtype, number): {
                stage: self._take(arrays, f"output.{dtype}.{number}.{stage}")
                for stage in about.stages
            }
            for dtype in self.dtypes
            for number in range(count)
        }
        self._dtype = ""

    def _take(self, arrays: Mapping[str, Array], name: str) -> Array:
        if name not in arrays:
            raise ParamsFileError(f"{self.path}: has no {name}; save it again")
        return arrays[name]

    def require(self, model: str, content_sha256: str) -> None:
        """Insist that these are the outputs of the same weights.

        Raises:
            ParamsFileError: they are of others.
        """
        if self.model != model:
            raise ParamsFileError(f"{self.path}: is of {self.model}, not of {model}")
        if self.content_sha256 != content_sha256:
            raise ParamsFileError(
                f"{self.path}: is of other weights (content {self.content_sha256[:16]}…, not "
                f"{content_sha256[:16]}…); save it from the same file with the same options"
            )

    def cast(self, dtype: str) -> None:
        """Give what was computed in this dtype from here on."""
        self._dtype = dtype

    def __call__(self, images: Array) -> Arrays:
        """Images (N, C, H, W), which must be the file's → each stage's output, by name."""
        number = _find(self.inputs, images)
        assert number is not None, "parity asks for the file's own inputs"
        return self._outputs[self._dtype, number]

    def close(self) -> None:
        """There is nothing to let go of."""


def _find(inputs: Sequence[Array], images: Array) -> int | None:
    narrow = images.astype(np.float32)
    return next((n for n, each in enumerate(inputs) if np.array_equal(each, narrow)), None)
