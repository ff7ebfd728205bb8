"""Reference for imported graphs: the exported network, run by MXNet itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..errors import GraphError, ImageSizeError
from ..graph.inputs.input_spec import describe
from ..graph.symbols.symbol_edits import (
    with_dtype,
    with_local_norms,
    with_masked_regions,
    with_own_labels,
)
from ..sources.arrays import Array, Arrays
from ..sources.mxnet_compat import import_mxnet
from .float64_symbol import in_float64, infer_shapes
from .graph_run import run_graph


class ExportedReference:
    """A `-symbol.json` graph and its arrays, run by MXNet."""

    name = "gluon"

    def __init__(
        self,
        symbol: str | os.PathLike[str],
        arrays: Mapping[str, Array],
        dtypes: Sequence[str] = ("float64", "float32"),
        text: str | None = None,
        *,
        any_dtype: bool = False,
    ) -> None:
        """Load the graph.

        Args:
            symbol: Path of the `-symbol.json`.
            arrays: Parameters and auxiliary states, by their names in the graph.
            dtypes: Data types in which MXNet runs the graph.
            text: Content of the file, where another graph is meant than the one at that path.
            any_dtype: Whether what the graph fixes as float32 is computed in the data type of
                `cast`, too.

        Raises:
            GraphError: If MXNet cannot load the graph.
            MissingDependencyError: If MXNet is not installed.
        """
        self._mxnet = import_mxnet()
        sym = self._mxnet.sym
        try:
            loaded = sym.load(os.fspath(symbol)) if text is None else sym.load_json(text)
            loaded = self._edited(self._edited(loaded, with_own_labels), with_masked_regions)
        except self._mxnet.MXNetError as error:
            where = os.fspath(symbol)
            raise GraphError(
                f"{where}: MXNet cannot load it ({_reason(error)}); if it has operators of another "
                "MXNet, `--reference none` converts it unproved"
            ) from error
        # CachedOp refuses operators that have no gradient unless none is asked for
        self._original = self._symbol = sym.Group([sym.BlockGrad(head) for head in loaded])
        self._arrays, self._any_dtype = arrays, any_dtype
        self.dtypes: Sequence[str] = tuple(dtypes)
        self._dtype = "float32"

    def cast(self, dtype: str) -> None:
        """Compute in `float32` or `float64` from now on."""
        self._dtype = dtype
        symbol = self._original
        if dtype == "float64":  # SyncBatchNorm has float32 alone
            symbol = self._edited(symbol, with_local_norms)
        self._symbol = self._edited(
            symbol, partial(with_dtype, dtype=dtype, everywhere=self._any_dtype)
        )

    def __call__(self, inputs: Mapping[str, Array]) -> Arrays:
        """Run the graph on one batch.

        Args:
            inputs: The inputs by name; floating-point values are in the data type last passed to
                `cast`. Inputs that are missing, such as initial states, are zeros.

        Returns:
            The outputs of the graph, as `head0`, `head1` …

        Raises:
            ImageSizeError: If MXNet cannot run the graph on an input of that size.
        """
        heads = self._run(self._symbol, inputs)
        return {f"head{place}": array for place, array in enumerate(heads)}

    def _run(self, symbol: Any, inputs: Mapping[str, Array]) -> list[Array]:
        """The outputs of a part of the graph."""
        arrays = {**self._arrays, **inputs}
        try:
            if self._dtype == "float64":
                symbol, constants = in_float64(self._mxnet, symbol, arrays)
                arrays |= constants
            names = symbol.list_inputs()
            args, _, aux = infer_shapes(self._mxnet, symbol, arrays)
            shapes = dict(zip(symbol.list_arguments(), args, strict=True))
            shapes |= dict(zip(symbol.list_auxiliary_states(), aux, strict=True))
            return run_graph(
                symbol, [self._value(arrays.get(name), shapes[name]) for name in names]
            )
        except self._mxnet.MXNetError as error:
            size = describe({name: value.shape for name, value in inputs.items()})
            raise ImageSizeError(
                f"MXNet cannot run the graph on inputs of shape {size} ({_reason(error)}); choose "
                "others with `--size` or `--input`"
            ) from error

    def _edited(self, symbol: Any, edit: Callable[[str], str]) -> Any:
        edited = edit(symbol.tojson())  # without the casts of MXNet's `amp`
        unchanged = edited == symbol.tojson(remove_amp_cast=False)
        return symbol if unchanged else self._mxnet.sym.load_json(edited)

    def _value(self, array: Array | None, shape: tuple[int, ...]) -> Array:
        """An array in the current data type, if it is floating point; zeros for a missing one."""
        if array is None:  # a label, which the outputs ignore, or an initial state
            return np.zeros(shape, self._dtype)
        return array.astype(self._dtype, copy=False) if array.dtype.kind == "f" else array


def _reason(error: Exception) -> str:
    """MXNet's message in one line, without the stack trace that precedes some."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]
