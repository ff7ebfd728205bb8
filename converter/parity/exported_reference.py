"""Reference for imported graphs: the exported network, run by MXNet itself."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import GraphError, ImageSizeError
from ..sources.arrays import Array, Arrays
from ..sources.mxnet_compat import import_mxnet


class ExportedReference:
    """A `-symbol.json` graph and its arrays, run by MXNet."""

    name = "gluon"

    def __init__(
        self,
        symbol: str | os.PathLike[str],
        arrays: Mapping[str, Array],
        dtypes: Sequence[str] = ("float64", "float32"),
        data: str = "data",
        text: str | None = None,
    ) -> None:
        """Load the graph.

        Args:
            symbol: Path of the `-symbol.json`.
            arrays: Parameters and auxiliary states, by their names in the graph.
            dtypes: Data types in which MXNet runs the graph.
            data: Name of the input.
            text: Content of the file, where another graph is meant than the one at that path.

        Raises:
            GraphError: If MXNet cannot load the graph.
            MissingDependencyError: If MXNet is not installed.
        """
        self._mxnet = import_mxnet()
        try:
            load = self._mxnet.sym.load if text is None else self._mxnet.sym.load_json
            self._symbol = load(os.fspath(symbol) if text is None else text)
        except self._mxnet.MXNetError as error:
            reason = str(error).splitlines()[0]
            raise GraphError(f"{os.fspath(symbol)}: MXNet cannot load it ({reason})") from error
        self._names = self._symbol.list_inputs()
        self._arrays, self._data = arrays, data
        self.dtypes: Sequence[str] = tuple(dtypes)
        self._dtype = "float32"

    def cast(self, dtype: str) -> None:
        """Compute in `float32` or `float64` from now on."""
        self._dtype = dtype

    def __call__(self, images: Array) -> Arrays:
        """Run the graph on one batch.

        Args:
            images: Input batch, in the data type last passed to `cast`.

        Returns:
            The outputs of the graph, as `head0`, `head1` …

        Raises:
            ImageSizeError: If MXNet cannot run the graph on an input of that size.
        """
        symbol = self._symbol
        try:
            arrays = {**self._arrays, self._data: images}
            known = {name: arrays[name].shape for name in self._names if name in arrays}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about shapes that cannot be inferred
                args, _, aux = symbol.infer_shape(**known)
            if args is None:
                raise self._mxnet.MXNetError("some shapes cannot be inferred")
            shapes = dict(zip(symbol.list_arguments(), args, strict=True))
            shapes |= dict(zip(symbol.list_auxiliary_states(), aux, strict=True))
            inputs = [self._ndarray(arrays.get(name), shapes[name]) for name in self._names]
            heads = [each.asnumpy() for each in run_graph(self._mxnet, symbol, inputs)]
        except self._mxnet.MXNetError as error:
            size = "x".join(map(str, images.shape))
            reason = str(error).splitlines()[0]
            raise ImageSizeError(
                f"MXNet cannot run the graph on a {size} input ({reason}); choose another `--size`"
            ) from error
        return {f"head{place}": array for place, array in enumerate(heads)}

    def _ndarray(self, array: Array | None, shape: tuple[int, ...]) -> Any:
        """Convert an array to MXNet, in the current data type if it is floating point."""
        if array is None:  # an input without an array is a label, which the outputs ignore
            return self._mxnet.nd.zeros(shape, dtype=self._dtype)
        dtype = self._dtype if array.dtype.kind == "f" else array.dtype
        return self._mxnet.nd.array(array, dtype=dtype)


def run_graph(mxnet: Any, symbol: Any, inputs: Sequence[Any]) -> list[Any]:
    """Run a graph of MXNet's.

    CachedOp is what hybridized networks use. Executors fuse operators for oneDNN and give wrong
    results for some networks: a trained CIFAR ResNet-56 v2 was off by 0.8 of its largest output in
    float32. They are used, without that fusion, for graphs that CachedOp refuses since a quantized
    operator has no gradient.

    Args:
        mxnet: The package.
        symbol: The graph.
        inputs: Its inputs and arrays in MXNet's order.
    """
    try:
        result = mxnet.nd.CachedOp(symbol)(*inputs)
    except mxnet.MXNetError as error:
        if "non-differentiable" not in str(error):
            raise
        given = dict(zip(symbol.list_inputs(), inputs, strict=True))
        states = {name: given.pop(name) for name in symbol.list_auxiliary_states()}
        with without_fusion():
            executor = symbol.bind(mxnet.cpu(), given, grad_req="null", aux_states=states)
        result = executor.forward(is_train=False)
    return list(result) if isinstance(result, (list, tuple)) else [result]


@contextmanager
def without_fusion() -> Iterator[None]:
    """Executors that are made meanwhile do not fuse operators."""
    name = "MXNET_SUBGRAPH_BACKEND"
    before = os.environ.get(name)
    os.environ[name] = "NONE"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
