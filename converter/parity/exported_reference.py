"""An exported network as MXNet itself computes it: the reference for imported graphs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import GraphError, ImageSizeError
from ..sources.arrays import Array, Arrays
from ..sources.mxnet_compat import import_mxnet


class ExportedReference:
    """A `-symbol.json` and its arrays, run by MXNet."""

    name = "gluon"

    def __init__(
        self,
        symbol: str | os.PathLike[str],
        arrays: Mapping[str, Array],
        dtypes: Sequence[str] = ("float64", "float32"),
        data: str = "data",
    ) -> None:
        """Read the graph.

        Args:
            symbol: the file.
            arrays: by the graph's names.
            dtypes: that MXNet computes it in.
            data: the input's name.

        Raises:
            GraphError: MXNet does not take the graph.
            MissingDependencyError: MXNet is not at hand.
        """
        self._mxnet = import_mxnet()
        try:
            self._symbol = self._mxnet.sym.load(os.fspath(symbol))
        except self._mxnet.MXNetError as error:
            reason = str(error).splitlines()[0]
            raise GraphError(f"{os.fspath(symbol)}: MXNet does not take it ({reason})") from error
        self._names = self._symbol.list_inputs()
        self._arrays, self._data = arrays, data
        self.dtypes: Sequence[str] = tuple(dtypes)
        self._dtype = "float32"

    def cast(self, dtype: str) -> None:
        """Compute in `float32` or `float64` from here on."""
        self._dtype = dtype

    def __call__(self, images: Array) -> Arrays:
        """An input of the dtype cast to → each head's output, as `head0`, `head1` …

        Raises:
            ImageSizeError: MXNet refuses inputs of that size.
        """
        symbol = self._symbol
        try:
            given = {**self._arrays, self._data: images}
            known = {name: given[name].shape for name in self._names if name in given}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of shapes that cannot be told
                args, _, aux = symbol.infer_shape(**known)
            if args is None:
                raise self._mxnet.MXNetError("some shapes cannot be told")
            shapes = dict(zip(symbol.list_arguments(), args, strict=True))
            shapes |= dict(zip(symbol.list_auxiliary_states(), aux, strict=True))
            inputs = [self._ndarray(given.get(name), shapes[name]) for name in self._names]
            # the way of hybridised networks. Executors fuse operators for oneDNN, and compute some
            # networks wrongly: a trained CIFAR ResNet-56 v2 by 0.8 of its largest output in float32
            result = self._mxnet.nd.CachedOp(symbol)(*inputs)
            outputs = result if isinstance(result, (list, tuple)) else [result]
            arrays = [output.asnumpy() for output in outputs]
        except self._mxnet.MXNetError as error:
            size = "x".join(map(str, images.shape))
            reason = str(error).splitlines()[0]
            raise ImageSizeError(
                f"MXNet does not compute the graph at {size} ({reason}); choose another `--size`"
            ) from error
        return {f"head{place}": array for place, array in enumerate(arrays)}

    def _ndarray(self, array: Array | None, shape: tuple[int, ...]) -> Any:
        """An array in the dtype cast to; what is not given is a label, of no matter here."""
        if array is None:
            return self._mxnet.nd.zeros(shape, dtype=self._dtype)
        dtype = self._dtype if array.dtype.kind == "f" else array.dtype
        return self._mxnet.nd.array(array, dtype=dtype)
