"""Parity reference: GluonCV's networks, run by MXNet."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..mappings.key_map import Stage
from ..sources.arrays import Array, Arrays
from ..sources.gluon_network import build_network, fill_network, observe_blocks, parameters_of
from ..sources.mxnet_compat import import_mxnet
from .image_size_error import size_error
from .memory import return_memory


class GluonReference:
    """A GluonCV network that returns the outputs of its stages.

    It runs as one hybridized graph: the network's own graph, with extra outputs at the stages'
    blocks, which forward hooks find during tracing. A network without a graph runs block by block.
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
        """Build the network and load the arrays into it.

        Args:
            name: GluonCV's name of the network.
            arrays: Every parameter, by structural name.
            stages: Stages whose outputs are returned; Gluon's block paths are used.
            num_classes: Number of outputs of the classifier.
            imperative: Whether the network cannot run as a graph; it then has no float64 either.
            options: Passed to GluonCV's `get_model` (`dilated=True`).

        Raises:
            KeyMapError: If the arrays do not belong to this network.
            MissingDependencyError: If MXNet is not installed.
        """
        self._mxnet = import_mxnet()
        net = build_network(name, num_classes, **options)
        fill_network(net, arrays)
        self._paths = [stage.gluon for stage in stages]
        self.dtypes: Sequence[str] = ("float32",) if imperative else ("float64", "float32")
        self._block, self._is_graph = (net, False) if imperative else (self._graph(net), True)
        self._dtype = "float32"
        self._parameters = parameters_of(net)
        wide = {name: array for name, array in arrays.items() if array.dtype == np.float64}
        if wide and not imperative:  # loading rounded them to float32: load them again
            self.cast("float64")
            self.fill(wide)
        self._stages = [stage.name for stage in stages]

    def _graph(self, net: Any) -> Any:
        data = self._mxnet.sym.var("data")
        outputs = observe_blocks(net, data, self._paths)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the input's dtype, which is unknown here
            graph = self._mxnet.gluon.SymbolBlock(
                self._mxnet.sym.Group(outputs), data, net.collect_params()
            )
        graph.hybridize(static_alloc=True)
        return graph

    def cast(self, dtype: str) -> None:
        """Compute in `float32` or `float64` from now on."""
        if dtype == self._dtype:
            return
        self._dtype = dtype
        self._block.cast(dtype)
        self._mxnet.nd.waitall()  # casting is asynchronous: wait until the old arrays are free
        return_memory()

    def fill(self, arrays: Mapping[str, Array]) -> None:
        """Replace arrays by others of the same shapes, by structural name."""
        for name, array in arrays.items():
            parameter = self._parameters[name]
            if not self._is_graph:  # oneDNN has reordered the old array, which is not writable then
                parameter.initialize(self._mxnet.init.Zero(), force_reinit=True)
            parameter.set_data(array)  # which casts it

    def __call__(self, images: Array) -> Arrays:
        """Run the network on one batch.

        Args:
            images: Images of shape (N, C, H, W), in the data type last passed to `cast`.

        Returns:
            The output of each stage, by name.

        Raises:
            ImageSizeError: If MXNet cannot run the network on images of that size.
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
            raise size_error("network", images, error) from error
        return dict(zip(self._stages, arrays, strict=True))

    def close(self) -> None:
        """Free the weights now; blocks are in reference cycles, which Python frees late."""
        for parameter in self._block.collect_params().values():
            parameter._data = None
        if self._is_graph:
            self._block._clear_cached_op()
        return_memory()
