"""The torch graph under construction."""

from __future__ import annotations

import keyword
import os.path
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import torch
from torch import fx, nn

from ...errors import GraphError
from ..symbols.roles import optional_inputs
from ..symbols.symbol import VARIABLE, Graph, Node
from .shape_inference import ShapeInference

Values = tuple[fx.Node, ...]
# key of `meta` of a torch node: MXNet's node whose value it has, and the number of that output
SOURCE = "MXNet's node"
# attributes of modules; the argument of `forward`; what fx's code calls
_TAKEN = frozenset(
    {"training", "meta", "self", "torch", "device", "inf", "nan", "slice", "getattr"}
)


class Names:
    """Map MXNet's node names to readable, unique Python identifiers."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        names = [node.name for node in nodes if node.op != VARIABLE]
        shared = os.path.commonprefix(names) if len(names) > 1 else ""  # noqa: RUF071 (letters)
        # the network's prefix, which contains a counter of networks in the exporting process
        self._prefix = shared[: shared.rfind("_") + 1]
        self._used = {*_TAKEN}
        self._numbers: dict[str, int] = {}  # the next to try, by name: a graph can repeat one

    def __call__(self, name: str) -> str:
        short = name.removeprefix(self._prefix).removesuffix("_fwd")
        short = re.sub(r"\W", "_", short, flags=re.ASCII)[:100].lstrip("_") or "node"
        if short[0].isdigit() or keyword.iskeyword(short) or hasattr(fx.GraphModule, short):
            short = f"node_{short}"
        unique, number = short, self._numbers.get(short, 1)
        while unique in self._used:
            unique, number = f"{short}_{number}", number + 1
        self._used.add(unique)
        self._numbers[short] = number
        return unique


class Builder:
    """The torch graph under construction.

    Attributes:
        nodes: The nodes of MXNet's graph.
        numpy_shapes: Whether its shapes can have no dimensions, or sizes of 0, as in NumPy.
        graph: The torch graph.
        root: Its modules and parameters.
        values: Outputs of each MXNet node, by number; None if the node could not be built.
        ranks: Number of dimensions of each value; None if unknown.
        shapes: Inference of their shapes, where the inputs' are known.
        names: Allocator of unique names.
        tensors: The network's arrays, by name.
        build_nested: Builds a graph that a node contains, from the graph, its arrays, the ranks of
            its other variables and the data type.
        dtype: Data type of the weights.
        is_nested: Whether a node of another graph contains this one.
        constants: Names of the arrays that are not trained.
        optional: Numbers of the variables that may be omitted when the module is called.
    """

    def __init__(
        self,
        graph: Graph,
        tensors: Mapping[str, torch.Tensor],
        inputs: Mapping[str, tuple[int, ...]],
        dtype: torch.dtype,
        build_nested: Callable[..., Builder],
        is_nested: bool = False,
        constants: Collection[str] = (),
    ) -> None:
        self.build_nested, self.dtype, self.is_nested = build_nested, dtype, is_nested
        self.constants = constants
        self.nodes, self.numpy_shapes = graph.nodes, graph.numpy_shapes
        self.graph, self.root = fx.Graph(), nn.Module()
        self.values: list[Values | None] = []
        self.ranks: dict[fx.Node, int | None] = {}
        self.shapes = ShapeInference(self.graph, self.root, inputs, dtype)
        self.names = Names(graph.nodes)
        self.tensors = tensors
        self.optional = optional_inputs(graph)
        self._parameters: dict[str, torch.Tensor] = {}
        self._modules: dict[Any, str] = {}
        self._inputs: set[str] = set()
        self._attributes: dict[str, fx.Node] = {}

    def parameter(self, name: str) -> torch.Tensor:
        """An array as a parameter, shared by all its users.

        Integers and constants remain plain tensors.
        """
        if name not in self._parameters:
            tensor = self.tensors[name]
            trained = tensor.is_floating_point() and name not in self.constants
            if trained and not isinstance(tensor, nn.Parameter):
                tensor = nn.Parameter(tensor)
            self._parameters[name] = tensor
        return self._parameters[name]

    def placeholder(self, name: str, rank: int | None, optional: bool = False) -> fx.Node:
        """Add an input to the graph; an optional one is None by default.

        Raises:
            GraphError: If there is one of this name. MXNet's interfaces differ in whether the two
                are one input: SymbolBlock makes them one, a bound executor does not.
        """
        if name in self._inputs:
            raise GraphError(f"two inputs are named {name!r}; rename one of them and export again")
        self._inputs.add(name)
        default = {"default_value": None} if optional else {}
        node = self.graph.placeholder(self.names(name), **default)
        self.ranks[node] = rank
        self.shapes.add_input(node, name)
        return node

    def get_attr(self, name: str) -> fx.Node:
        """An array as a value of the graph; variables of one name are one value."""
        if name in self._attributes:
            return self._attributes[name]
        tensor, own = self.parameter(name), self.names(name)
        if isinstance(tensor, nn.Parameter):
            self.root.register_parameter(own, tensor)
        else:
            self.root.register_buffer(own, tensor)
        node = self._attributes[name] = self.graph.get_attr(own)
        self.ranks[node] = tensor.dim()
        return node

    def add_module(self, key: Any, name: str, module: nn.Module) -> str:
        """Add a module, or reuse the one that was added with the same key.

        Returns:
            The module's name.
        """
        if key not in self._modules:
            self._modules[key] = self.names(name)
            self.root.add_module(self._modules[key], module)
        return self._modules[key]
