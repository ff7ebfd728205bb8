"""Inference of the shapes of a torch graph's values while it is built, from the inputs' shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn

# what torch raises where values do not fit together, or where a shape depends on values; the
# module raises it again when it runs
_FAILURES = (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError)
_UNKNOWN = object()


class ShapeInference:
    """Shapes of a graph's values, computed on fake tensors, which have no memory.

    Values are computed when a shape is first asked for, and nothing is if the inputs' shapes are
    not known.
    """

    def __init__(
        self,
        graph: fx.Graph,
        root: nn.Module,
        inputs: Mapping[str, tuple[int, ...]],
        dtype: torch.dtype,
    ) -> None:
        """Infer the shapes of a graph's values.

        Args:
            graph: The graph, to which nodes may still be appended.
            root: Its modules and parameters.
            inputs: Shapes of the inputs by their names in MXNet's graph.
            dtype: Data type of the inputs.
        """
        self._graph, self._root, self._inputs, self._dtype = graph, root, inputs, dtype
        self._mode = _fake_mode() if inputs else None
        self._values: dict[fx.Node, Any] = {}

    def add_input(self, node: fx.Node, name: str) -> None:
        """Name the input of MXNet's graph that a placeholder stands for."""
        if self._mode and name in self._inputs:
            with self._mode:
                self._values[node] = torch.empty(self._inputs[name], dtype=self._dtype)

    def shape(self, node: fx.Node) -> tuple[int, ...] | None:
        """The shape of a value; None if it is unknown."""
        if not self._mode:
            return None
        if node not in self._values:
            with self._mode, torch.no_grad():
                for each in self._graph.nodes:
                    if each not in self._values:
                        self._values[each] = self._value(each)
        value = self._values[node]
        return tuple(value.shape) if isinstance(value, torch.Tensor) else None

    def _value(self, node: fx.Node) -> Any:
        if node.op == "placeholder" or any(
            self._values[each] is _UNKNOWN for each in node.all_input_nodes
        ):
            return _UNKNOWN
        args = fx.node.map_arg(node.args, self._values.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, self._values.__getitem__)
        try:
            if node.op == "get_attr":
                return _attribute(self._root, str(node.target)).detach()
            if node.op == "call_module":
                return self._root.get_submodule(str(node.target)).eval()(*args, **kwargs)
            assert callable(node.target)
            return node.target(*args, **kwargs)
        except _FAILURES:
            return _UNKNOWN


def _fake_mode() -> Any:
    # a tenth of a second to import, for few graphs
    from torch._subclasses.fake_tensor import FakeTensorMode

    return FakeTensorMode(allow_non_fake_inputs=True)


def _attribute(root: nn.Module, name: str) -> torch.Tensor:
    value: torch.Tensor = getattr(root, name)
    return value
