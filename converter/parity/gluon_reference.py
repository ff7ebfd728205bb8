"""GluonCV's networks on MXNet, as the reference for parity."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ImageSizeError
from ..mappings.key_map import Stage
from ..sources.arrays import Array, Arrays
from ..sources.gluon_network import build_network, fill_network, observe_blocks, parameters_of
from ..sources.mxnet_compat import import_mxnet
from .memory import return_memory


class GluonReference:
    """A GluonCV network that gives the outputs of its stages.

    It runs as one hybridised graph: the network's own, with further outputs where forward hooks saw
    the stages' blocks while it was traced. A network that has no graph runs block by block.
    """

    name = "gluon"

    def __init__(
        self,
        name: str,
        arrays: Mapping[str, Array],
        stages: Sequence[Stage],
        num_classes: int,
        *,
        imperative: bool = False,
        **options: Any,
    ) -> None:
        """Build the network and give it the arrays.

        Args:
            name: GluonCV's.
            arrays: every parameter by structural name.
            stages: what to give out, by Gluon's block path.
            num_classes: outputs of the classifier.
            imperative: the network does not run as a graph, nor in float64.
            options: passed on to GluonCV's `get_model` (`dilated=True`).

        Raises:
            KeyMapError: the arrays are not this network's.
            MissingDependencyError: MXNet is not at hand.
        """
        self._mxnet = import_mxnet()
        net = build_network(name, num_classes, **options)
        fill_network(net, arrays)
        self._paths = [stage.gluon for stage in stages]
        self.dtypes: Sequence[str] = ("float32",) if imperative else ("float64", "float32")
        self._block, self._is_graph = (net, False) if imperative else (self._graph(net), True)
        self._dtype = "float32"
        wide = {name: array for name, array in arrays.items() if array.dtype == np.float64}
        if wide and not imperative:  # float32 has rounded them: once more, as they are
            self.cast("float64")
            for name, array in wide.items():
                parameters_of(net)[name].set_data(self._mxnet.nd.array(array, dtype="float64"))
        self._stages = [stage.name for stage in stages]

    def _graph(self, net: Any) -> Any:
        data = self._mxnet.sym.var("data")
        outputs = observe_blocks(net, data, self._paths)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it cannot tell the input's dtype, and need not
            graph = self._mxnet.gluon.SymbolBlock(
                self._mxnet.sym.Group(outputs), data, net.collect_params()
            )
        graph.hybridize(static_alloc=True)
        return graph

    def cast(self, dtype: str) -> None:
        """Compute in `float32` or `float64` from here on."""
        if dtype == self._dtype:
            return
        self._dtype = dtype
        self._block.cast(dtype)
        self._mxnet.nd.waitall()  # it works in the background: now the old arrays are free
        return_memory()

    def __call__(self, images: Array) -> Arrays:
        """Images (N, C, H, W) of the dtype cast to → each stage's output, by name.

        Raises:
            ImageSizeError: MXNet refuses images of that size.
        """
        data = self._mxnet.nd.array(images, dtype=images.dtype)
        try:
            outputs = (
                self._block(data)
                if self._is_graph
                else observe_blocks(self._block, data, self._paths)
            )
            arrays = [output.asnumpy() for output in outputs]
        except self._mxnet.MXNetError as error:
            size = "x".join(map(str, images.shape[2:]))
            reason = str(error).splitlines()[0]
            raise ImageSizeError(
                f"GluonCV's network does not compute at {size} ({reason}); choose another `--size`"
            ) from error
        return dict(zip(self._stages, arrays, strict=True))

    def close(self) -> None:
        """Free the weights now: blocks refer to one another in circles, which Python frees late."""
        for parameter in self._block.collect_params().values():
            parameter._data = None
        if self._is_graph:
            self._block._clear_cached_op()
        return_memory()
