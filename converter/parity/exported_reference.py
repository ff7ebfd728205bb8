"""Reference for imported graphs: the exported network, run by MXNet itself."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import GraphError, ImageSizeError
from ..graph.input_spec import describe
from ..graph.labels import WITH_LABELS
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
            data: Name of the input that a call passes without a name.
            text: Content of the file, where another graph is meant than the one at that path.

        Raises:
            GraphError: If MXNet cannot load the graph.
            MissingDependencyError: If MXNet is not installed.
        """
        self._mxnet = import_mxnet()
        try:
            load = self._mxnet.sym.load if text is None else self._mxnet.sym.load_json
            loaded = self._with_new_labels(load(os.fspath(symbol) if text is None else text))
        except self._mxnet.MXNetError as error:
            reason = str(error).splitlines()[0]
            raise GraphError(f"{os.fspath(symbol)}: MXNet cannot load it ({reason})") from error
        # CachedOp refuses operators that have no gradient unless none is asked for
        heads = [self._mxnet.sym.BlockGrad(head) for head in loaded]
        self._original = self._symbol = self._mxnet.sym.Group(heads)
        self._names = self._symbol.list_inputs()
        self._arrays, self._data = arrays, data
        self.dtypes: Sequence[str] = tuple(dtypes)
        self._dtype = "float32"

    def cast(self, dtype: str) -> None:
        """Compute in `float32` or `float64` from now on."""
        self._dtype = dtype
        self._symbol = self._original
        # MXNet leaves out the casts of its `amp` here
        table = json.loads(self._original.tojson())
        halves = [node for node in table["nodes"] if _is_half(node)]
        for node in halves:  # MXNet has no layers with weights in float16 on CPUs
            node["attrs"]["dtype"] = dtype
        # zeros and ones of the graph are float32 and would refuse other values in float64
        constants = [node for node in table["nodes"] if node["op"] in ("_zeros", "_ones")]
        for node in constants:
            attributes = node.setdefault("attrs", {})
            if attributes.setdefault("dtype", "float32") == "float32":
                attributes["dtype"] = dtype
        if constants or halves or '"op": "amp_cast"' in self._original.tojson(False):
            self._symbol = self._mxnet.sym.load_json(json.dumps(table))

    def __call__(self, inputs: Array | Mapping[str, Array]) -> Arrays:
        """Run the graph on one batch.

        Args:
            inputs: The inputs by name, or the only one; floating-point values are in the data type
                last passed to `cast`. Inputs that are missing, such as initial states, are zeros.

        Returns:
            The outputs of the graph, as `head0`, `head1` …

        Raises:
            ImageSizeError: If MXNet cannot run the graph on an input of that size.
        """
        symbol = self._symbol
        inputs = inputs if isinstance(inputs, Mapping) else {self._data: inputs}
        try:
            arrays = {**self._arrays, **inputs}
            known = {name: arrays[name].shape for name in self._names if name in arrays}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about shapes that cannot be inferred
                args, _, aux = symbol.infer_shape(**known)
            if args is None:
                raise self._mxnet.MXNetError("some shapes cannot be inferred")
            shapes = dict(zip(symbol.list_arguments(), args, strict=True))
            shapes |= dict(zip(symbol.list_auxiliary_states(), aux, strict=True))
            values = [self._ndarray(arrays.get(name), shapes[name]) for name in self._names]
            # CachedOp is what hybridized networks use. Executors fuse operators for oneDNN and give
            # wrong results for some networks: a trained CIFAR ResNet-56 v2 was off by 0.8 of its
            # largest output in float32
            result = self._mxnet.nd.CachedOp(symbol)(*values)
            outputs = result if isinstance(result, (list, tuple)) else [result]
            heads = [output.asnumpy() for output in outputs]
        except self._mxnet.MXNetError as error:
            size = describe({name: value.shape for name, value in inputs.items()})
            reason = str(error).splitlines()[0]
            raise ImageSizeError(
                f"MXNet cannot run the graph on inputs of shape {size} ({reason}); choose others "
                "with `--size` or `--input`"
            ) from error
        return {f"head{place}": array for place, array in enumerate(heads)}

    def _with_new_labels(self, symbol: Any) -> Any:
        """Give each output layer of training a label of its own, in place of the graph's.

        The outputs do not depend on labels. MXNet infers the shape of a label only where it is the
        layer's input itself, and has no attribute with the shape of a training batch.
        """
        table = json.loads(symbol.tojson())
        layers = [node for node in table["nodes"] if node["op"] in WITH_LABELS]
        if not layers:
            return symbol
        count = len(layers)
        edges = [edge for node in table["nodes"] for edge in node["inputs"]] + table["heads"]
        for edge in edges:
            edge[0] += count
        labels = [{"op": "null", "name": f"new label {n}", "inputs": []} for n in range(count)]
        for number, layer in enumerate(layers):
            layer["inputs"][1:] = [[number, 0, 0]]
        table["nodes"] = nodes = labels + table["nodes"]
        table["arg_nodes"] = [n for n, node in enumerate(nodes) if node["op"] == "null"]
        del table["node_row_ptr"]
        return self._mxnet.sym.load_json(json.dumps(table))

    def _ndarray(self, array: Array | None, shape: tuple[int, ...]) -> Any:
        """Convert an array to MXNet, in the current data type if it is floating point."""
        if array is None:  # a label, which the outputs ignore, or an initial state
            return self._mxnet.nd.zeros(shape, dtype=self._dtype)
        dtype = self._dtype if array.dtype.kind == "f" else array.dtype
        return self._mxnet.nd.array(array, dtype=dtype)


def _is_half(node: dict[str, Any]) -> bool:
    return bool(node.get("attrs", {}).get("dtype") == "float16")
