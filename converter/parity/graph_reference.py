"""GluonCV's networks from their stored graphs, in torch: the reference where MXNet is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from ..errors import ImageSizeError
from ..graph.importer import build_module
from ..graph.stored_graph import load_graph
from ..mappings.key_map import Stage
from ..sources.arrays import Array, Arrays
from .memory import return_memory


class GraphReference:
    """A network of the catalogue that gives the outputs of its stages.

    What it computes, it reads off MXNet's graph, operator by operator; its arrays have Gluon's
    names. So our key maps and networks are checked against something that knows neither.
    """

    name = "graph"

    def __init__(self, name: str, arrays: Mapping[str, Array], stages: Sequence[Stage]) -> None:
        """Build the network from its graph and the arrays.

        Args:
            name: GluonCV's.
            arrays: every parameter by structural name; they say the class count and the channels.
            stages: what to give out, by name.

        Raises:
            GraphError: the network has no graph, or the arrays are not its own.
        """
        self._stages = [stage.name for stage in stages]
        graph = load_graph(name).of_stages(self._stages)
        self.dtypes: Sequence[str] = ("float64", "float32")
        # float64 first: arrays that are wider than float32 count as they are
        self._module = build_module(graph, arrays, dtype="float64")

    def cast(self, dtype: str) -> None:
        """Compute in `float32` or `float64` from here on."""
        self._module.to(getattr(torch, dtype))
        return_memory()

    def __call__(self, images: Array) -> Arrays:
        """Images (N, C, H, W) of the dtype cast to → each stage's output, by name.

        Raises:
            ImageSizeError: the graph does not compute at that size.
        """
        try:
            with torch.inference_mode():
                outputs = self._module(torch.from_numpy(images))
        except RuntimeError as error:
            size = "x".join(map(str, images.shape[2:]))
            reason = str(error).splitlines()[0]
            raise ImageSizeError(
                f"GluonCV's graph does not compute at {size} ({reason}); choose another `--size`"
            ) from error
        return {name: output.numpy() for name, output in zip(self._stages, outputs, strict=True)}

    def close(self) -> None:
        """Free the weights."""
        del self._module
        return_memory()
