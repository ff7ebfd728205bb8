"""Saved reference outputs, with which MXNet on one machine proves a conversion on another.

The file is a NumPy `.npz` with `about`, a JSON text; `<half>.input.<n>`, images in float32; and
`<half>.output.<dtype>.<n>.<stage>`, the reference's outputs for them. The halves are `values`, with
the network's own weights, and `map`, with random ones (map_proof.py).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import ParamsFileError
from ..mappings.schema import Row
from ..sources.arrays import Array, Arrays
from .map_proof import FillableReference
from .reference_file import read_reference, take, write_reference

VALUES, MAP = "values", "map"


class About(Row, frozen=True):
    """Description of a saved reference: its network, both halves' weights, stages, data types."""

    model: str
    reference: str
    content_sha256: str
    map_content_sha256: str
    stages: tuple[str, ...]
    dtypes: tuple[str, ...]


class RecordingReference:
    """A wrapper that records a reference's outputs, to save them."""

    def __init__(self, reference: FillableReference) -> None:
        self._reference = reference
        self.name = reference.name
        self.dtypes = reference.dtypes
        self._dtype, self._half = "", VALUES
        self._inputs: dict[str, list[Array]] = {VALUES: [], MAP: []}
        self._outputs: Arrays = {}

    def cast(self, dtype: str) -> None:
        """Compute in this data type from now on."""
        self._dtype = dtype
        self._reference.cast(dtype)

    def fill(self, arrays: Arrays) -> None:
        """Replace the weights by random ones: what follows is recorded as the map's half."""
        self._half = MAP
        self._reference.fill(arrays)

    def __call__(self, images: Array) -> Arrays:
        """Return the output of each stage, by name, for images of shape (N, C, H, W)."""
        outputs = self._reference(images)
        inputs = self._inputs[self._half]
        number = _find(inputs, images)
        if number is None:
            number = len(inputs)
            inputs.append(images.astype(np.float32))
        for stage, output in outputs.items():
            self._outputs[f"{self._half}.output.{self._dtype}.{number}.{stage}"] = output
        return outputs

    def save(
        self,
        path: Path,
        *,
        model: str,
        content_sha256: str,
        map_content_sha256: str,
        stages: Sequence[str],
    ) -> None:
        """Write the file.

        Args:
            path: Path of the `.npz`.
            model: GluonCV's name of the network.
            content_sha256: Content hash of its weights.
            map_content_sha256: Content hash of the random weights.
            stages: Names of its stages.

        Raises:
            CheckpointError: If the file cannot be written.
        """
        about = About(
            model=model,
            reference=self.name,
            content_sha256=content_sha256,
            map_content_sha256=map_content_sha256,
            stages=tuple(stages),
            dtypes=tuple(self.dtypes),
        )
        inputs = {
            f"{half}.input.{number}": images
            for half, batches in self._inputs.items()
            for number, images in enumerate(batches)
        }
        write_reference(path, about, {**inputs, **self._outputs})


class SavedReference:
    """A reference whose outputs were computed on another machine."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file.

        Raises:
            ParamsFileError: If the file is not a saved reference, or is damaged.
        """
        self.path = os.fspath(path)
        about, arrays = read_reference(path, About)
        self.model = about.model
        self.content_sha256 = about.content_sha256
        self.map_content_sha256 = about.map_content_sha256
        self.name = f"{about.reference}, saved"
        self.dtypes: Sequence[str] = about.dtypes
        self._stages = about.stages
        self._inputs: dict[str, list[Array]] = {}
        self._outputs: dict[tuple[str, str, int], Arrays] = {}
        for half, dtypes in ((VALUES, about.dtypes), (MAP, about.dtypes[:1])):
            count = sum(name.startswith(f"{half}.input.") for name in arrays)
            self._inputs[half] = [
                take(arrays, f"{half}.input.{number}", self.path)
                for number in range(max(count, 1))  # none is an error
            ]
            for dtype, number in itertools.product(dtypes, range(count)):
                self._outputs[half, dtype, number] = {
                    stage: take(arrays, f"{half}.output.{dtype}.{number}.{stage}", self.path)
                    for stage in about.stages
                }
        self._dtype, self._half = "", VALUES

    @property
    def inputs(self) -> list[Array]:
        """Images that the outputs with the network's own weights belong to."""
        return self._inputs[VALUES]

    @property
    def map_inputs(self) -> list[Array]:
        """Images that the outputs with random weights belong to."""
        return self._inputs[MAP]

    def require(
        self,
        model: str,
        content_sha256: str,
        *,
        stages: Sequence[str],
        dtypes: Sequence[str],
        in_chans: int,
    ) -> None:
        """Raise an error unless the outputs belong to these weights, and are all that is needed.

        Args:
            model: GluonCV's name of the network.
            content_sha256: Content hash of its weights.
            stages: Names of its stages.
            dtypes: Data types of the outputs; the first decides how exact they have to be.
            in_chans: Channels of the images.

        Raises:
            ParamsFileError: If they belong to another network or to other weights, or some lack.
        """
        if self.model != model:
            raise ParamsFileError(f"{self.path}: belongs to {self.model}, not to {model}")
        if self.content_sha256 != content_sha256:
            raise ParamsFileError(
                f"{self.path}: belongs to other weights (content SHA-256 "
                f"{self.content_sha256[:16]}…, expected {content_sha256[:16]}…); save the "
                "reference again from the same file with the same options"
            )
        problem = None
        if self._stages != tuple(stages):
            problem = f"has the stages {', '.join(self._stages)}; expected {', '.join(stages)}"
        elif tuple(self.dtypes) != tuple(dtypes):
            problem = f"has outputs in {' and '.join(self.dtypes) or 'no data type'}"
            problem += f"; expected {' and '.join(dtypes)}"
        elif not all(_are_images(each, in_chans) for each in (*self.inputs, *self.map_inputs)):
            problem = f"has inputs that are no batches of images of {in_chans} channels"
        if problem is not None:
            raise ParamsFileError(
                f"{self.path}: {problem}; save the reference again with this version of gluon2torch"
            )

    def require_map(self, content_sha256: str) -> None:
        """Raise an error unless the outputs of the map's half belong to these random weights.

        Raises:
            ParamsFileError: If they do not: NumPy draws other numbers on the two machines.
        """
        if self.map_content_sha256 != content_sha256:
            raise ParamsFileError(
                f"{self.path}: its random weights differ from those that NumPy draws here; save "
                "the reference again with this version of gluon2torch, or install the same NumPy"
            )

    def cast(self, dtype: str) -> None:
        """Return the outputs of this data type from now on."""
        self._dtype = dtype

    def fill(self, arrays: Arrays) -> None:
        """Return the outputs with random weights from now on."""
        self._half = MAP

    def __call__(self, images: Array) -> Arrays:
        """Return the saved output of each stage, by name, for one of the half's inputs."""
        number = _find(self._inputs[self._half], images)
        assert number is not None, "outputs are saved only for the file's own inputs"
        return self._outputs[self._half, self._dtype, number]

    def close(self) -> None:
        """Do nothing: a saved reference has no weights to free."""


def _are_images(inputs: Array, in_chans: int) -> bool:
    return inputs.ndim == 4 and inputs.shape[1] == in_chans and bool(np.isfinite(inputs).all())


def _find(inputs: Sequence[Array], images: Array) -> int | None:
    narrow = images.astype(np.float32)
    return next((n for n, each in enumerate(inputs) if np.array_equal(each, narrow)), None)
