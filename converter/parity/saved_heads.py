"""Saved outputs of a graph, with which MXNet on one machine proves a conversion on another.

The file (reference_file.py) has the inputs, `input.<n>.<name>`, and the outputs for them,
`output.<dtype>.<n>.<head>`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import ParamsFileError
from ..graph.inputs.input_spec import Specs, describe, in_dtype
from ..graph.symbols.float64_operators import replaced_operators
from ..graph.symbols.graph_differences import first_difference
from ..graph.symbols.symbol import Graph, parse_symbol
from ..graph.symbols.symbol_writer import symbol_json
from ..mappings.schema import Row
from ..sources.arrays import Arrays
from .head_measurement import HeadReference
from .reference_file import read_reference, take, write_reference

SHOWN = 4


class About(Row, frozen=True):
    """Description of saved outputs.

    Attributes:
        reference: Name of the reference that computed them.
        graph: The network's graph in MXNet's format.
        arrays: SHA-256 of each of its arrays.
        inputs: Names of the inputs, by number.
        heads: Names of the outputs.
        dtypes: Data types in which they were computed.
        replaced: Operators that MXNet has in float32 alone, and computed by others in float64.
    """

    reference: str
    graph: str
    arrays: dict[str, str]
    inputs: tuple[tuple[str, ...], ...]
    heads: tuple[str, ...]
    dtypes: tuple[str, ...]
    replaced: tuple[str, ...] = ()


def array_hashes(arrays: Arrays) -> dict[str, str]:
    """SHA-256 of each array, over its data type, its shape and its values, by name."""
    kinds = {name: f"{array.dtype} {array.shape}\n" for name, array in arrays.items()}
    return {
        name: hashlib.sha256(kinds[name].encode() + array.tobytes()).hexdigest()
        for name, array in arrays.items()
    }


class RecordingHeads:
    """A wrapper that records a reference's outputs, to save them."""

    def __init__(self, reference: HeadReference) -> None:
        self._reference = reference
        self.name = reference.name
        self._dtype = ""
        self._outputs: dict[str, list[Arrays]] = {}

    def cast(self, dtype: str) -> None:
        """Compute in this data type from now on."""
        self._dtype = dtype
        self._reference.cast(dtype)

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return the outputs by name, for inputs by name; in each data type in the same order."""
        outputs = self._reference(inputs)
        self._outputs.setdefault(self._dtype, []).append(outputs)
        return outputs

    def save(self, path: Path, graph: Graph, arrays: Arrays, inputs: Sequence[Arrays]) -> None:
        """Write the file.

        Args:
            path: Path of the `.npz`.
            graph: The network's graph.
            arrays: Its arrays.
            inputs: The inputs, in the order in which the outputs were computed.

        Raises:
            CheckpointError: If the file cannot be written.
        """
        first = next(iter(self._outputs.values()))[0]
        about = About(
            reference=self.name,
            graph=symbol_json(graph),
            arrays=array_hashes(arrays),
            inputs=tuple(map(tuple, inputs)),
            heads=tuple(first),
            dtypes=tuple(self._outputs),
            replaced=tuple(replaced_operators(graph)),
        )
        values = {
            f"input.{number}.{name}": value
            for number, each in enumerate(inputs)
            for name, value in each.items()
        }
        values |= {
            f"output.{dtype}.{number}.{head}": value
            for dtype, every in self._outputs.items()
            for number, outputs in enumerate(every)
            for head, value in outputs.items()
        }
        write_reference(path, about, values)


class SavedHeads:
    """A reference whose outputs were computed on another machine."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file.

        Raises:
            ParamsFileError: If the file is not a saved reference of a graph, or is damaged.
        """
        self._path = os.fspath(path)
        self._about, arrays = read_reference(path, About)
        self.name = f"{self._about.reference}, saved"
        self._dtype = ""
        self.inputs: list[Arrays] = [
            {name: take(arrays, f"input.{number}.{name}", self._path) for name in names}
            for number, names in enumerate(self._about.inputs)
        ]
        self._outputs = {
            (dtype, number): {
                head: take(arrays, f"output.{dtype}.{number}.{head}", self._path)
                for head in self._about.heads
            }
            for dtype in self._about.dtypes
            for number in range(len(self.inputs))
        }

    def require(
        self, graph: Graph, arrays: Arrays, examples: Sequence[Specs], dtypes: Mapping[str, float]
    ) -> None:
        """Raise an error unless the outputs belong to a network and to inputs of these shapes.

        Args:
            graph: The network's graph.
            arrays: Its arrays.
            examples: The inputs that are to be measured.
            dtypes: The data types.

        Raises:
            ParamsFileError: If they do not; names what differs.
        """
        theirs, ours = (
            parse_symbol(text.encode(), self._path)
            for text in (self._about.graph, symbol_json(graph))
        )
        saved, here = self._about.arrays, array_hashes(arrays)
        different = [name for name in {**saved, **here} if saved.get(name) != here.get(name)]
        shapes = [{name: spec.shape for name, spec in specs.items()} for specs in examples]
        problem = None
        if text := first_difference(ours, theirs):
            problem = f"belongs to another graph; this one has {text}"
        elif different:
            more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
            names = ", ".join(different[:SHOWN])
            problem = f"belongs to other weights; these arrays differ: {names}{more}"
        elif (own := [{k: v.shape for k, v in each.items()} for each in self.inputs]) != shapes:
            known, wanted = ("; ".join(map(describe, each)) for each in (own, shapes))
            problem = f"has outputs for inputs of shape {known}; expected {wanted}"
        elif other := [
            name
            for specs, values in zip(examples, self.inputs, strict=True)
            for name, spec in specs.items()
            if not spec.allows(values[name])
        ]:
            problem = f"has other values for {other[0]} than it takes here (--input)"
        elif missing := [dtype for dtype in dtypes if dtype not in self._about.dtypes]:
            problem = f"has no outputs in {missing[0]}"
        elif rounded := set(replaced_operators(graph)) - {*self._about.replaced}:
            problem = f"has the results of {min(rounded)} as MXNet rounds them to float32"
        elif len(self._about.heads) != len(graph.heads):
            problem = f"has {len(self._about.heads)} outputs instead of {len(graph.heads)}"
        if problem is not None:
            raise ParamsFileError(
                f"{self._path}: {problem}; save the reference again from the same files, with the "
                "same options"
            )

    def cast(self, dtype: str) -> None:
        """Return the outputs of this data type from now on."""
        self._dtype = dtype

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return the saved outputs by name, for one of the file's inputs."""
        for number, known in enumerate(self.inputs):
            own = in_dtype(known, self._dtype)
            if all(np.array_equal(own[name], value) for name, value in inputs.items()):
                return self._outputs[self._dtype, number]
        raise AssertionError("outputs are saved only for the file's own inputs")
