"""Parity reference without MXNet: GluonCV's networks, rebuilt in torch from stored graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from ..graph.importer import build_module
from ..graph.zoo.stored_graph import load_graph
from ..mappings.key_map import Stage
from ..sources.arrays import Array, Arrays
from .image_size_error import size_error
from .memory import return_memory


class GraphReference:
    """A catalogue network that returns the outputs of its stages.

    It runs MXNet's graph operator by operator, with arrays under Gluon's names. It uses neither our
    key maps nor our networks, so it checks both independently.
    """

    name = "graph"

    def __init__(self, name: str, arrays: Mapping[str, Array], stages: Sequence[Stage]) -> None:
        """Build the network from its graph and the arrays.

        Args:
            name: GluonCV's name of the network.
            arrays: Every parameter, by structural name; their shapes give the number of classes and
                of input channels.
            stages: Stages whose outputs are returned.

        Raises:
            GraphError: If the network has no stored graph, or the arrays do not belong to it.
        """
        self._stages = [stage.name for stage in stages]
        self._graph = load_graph(name).of_stages(self._stages)
        self.dtypes: Sequence[str] = ("float64", "float32")
        self.fill(arrays)

    def fill(self, arrays: Mapping[str, Array]) -> None:
        """Replace the arrays, and compute in float64 from now on."""
        # built in float64, so that arrays wider than float32 keep their exact values
        self._module = build_module(self._graph, arrays, dtype="float64")

    def cast(self, dtype: str) -> None:
        """Compute in `float32` or `float64` from now on."""
        self._module.to(getattr(torch, dtype))
        return_memory()

    def __call__(self, images: Array) -> Arrays:
        """Run the graph on one batch.

        Args:
            images: Images of shape (N, C, H, W), in the data type last passed to `cast`.

        Returns:
            The output of each stage, by name.

        Raises:
            ImageSizeError: If the graph cannot run on images of that size.
        """
        try:
            with torch.inference_mode():
                outputs = self._module(torch.from_numpy(images))
        except RuntimeError as error:
            raise size_error("graph", images, error) from error
        return {name: output.numpy() for name, output in zip(self._stages, outputs, strict=True)}

    def close(self) -> None:
        """Free the weights."""
        del self._module
        return_memory()
