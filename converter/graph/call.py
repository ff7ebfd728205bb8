"""The interface between operator functions and the torch graph under construction."""

from __future__ import annotations

import keyword
import os.path
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import fx, nn

from ..errors import GraphError
from .attributes import Attributes
from .shape_inference import ShapeInference
from .symbol import VARIABLE, Graph, Node

Values = tuple[fx.Node, ...]
_PACKAGE = __name__.partition(".")[0]
UNKNOWN = -1
"""As `rank`: the result's number of dimensions does not follow from the inputs'."""


def _is_own(function: Callable[..., Any]) -> bool:
    """Whether a function is this package's; methods of tensors have no module."""
    return str(getattr(function, "__module__", "")).startswith(_PACKAGE)


class Names:
    """Map MXNet's node names to readable, unique Python identifiers."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        names = [node.name for node in nodes if node.op != VARIABLE]
        shared = os.path.commonprefix(names) if len(names) > 1 else ""  # noqa: RUF071 (letters)
        # the network's prefix, which contains a counter of networks in the exporting process
        self._prefix = shared[: shared.rfind("_") + 1]
        self._used = {"training", "self"}  # an attribute of modules; the argument of forward

    def __call__(self, name: str) -> str:
        short = name.removeprefix(self._prefix).removesuffix("_fwd")
        short = re.sub(r"\W", "_", short, flags=re.ASCII)[:100].lstrip("_") or "node"
        if short[0].isdigit() or keyword.iskeyword(short) or hasattr(fx.GraphModule, short):
            short = f"node_{short}"
        unique, number = short, 1
        while unique in self._used:
            unique, number = f"{short}_{number}", number + 1
        self._used.add(unique)
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
    """

    def __init__(
        self,
        graph: Graph,
        tensors: Mapping[str, torch.Tensor],
        inputs: Mapping[str, tuple[int, ...]],
        dtype: torch.dtype,
    ) -> None:
        self.nodes, self.numpy_shapes = graph.nodes, graph.numpy_shapes
        self.graph, self.root = fx.Graph(), nn.Module()
        self.values: list[Values | None] = []
        self.ranks: dict[fx.Node, int | None] = {}
        self.shapes = ShapeInference(self.graph, self.root, inputs, dtype)
        self.names = Names(graph.nodes)
        self.tensors = tensors
        self._parameters: dict[str, torch.Tensor] = {}
        self._modules: dict[Any, str] = {}

    def parameter(self, name: str) -> torch.Tensor:
        """An array as a parameter, shared by all its users; integer arrays remain plain tensors."""
        if name not in self._parameters:
            tensor = self.tensors[name]
            trained = tensor.is_floating_point()
            self._parameters[name] = nn.Parameter(tensor) if trained else tensor
        return self._parameters[name]

    def placeholder(self, name: str, rank: int | None) -> fx.Node:
        """Add an input to the graph."""
        node = self.graph.placeholder(self.names(name))
        self.ranks[node] = rank
        self.shapes.add_input(node, name)
        return node

    def get_attr(self, name: str) -> fx.Node:
        """Add an array to the graph as a value."""
        tensor, own = self.parameter(name), self.names(name)
        if isinstance(tensor, nn.Parameter):
            self.root.register_parameter(own, tensor)
        else:
            self.root.register_buffer(own, tensor)
        node = self.graph.get_attr(own)
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


class Call:
    """One MXNet node that an operator function converts to torch.

    Attributes:
        node: MXNet's node.
        attributes: Its attributes, with defaults.
    """

    def __init__(self, node: Node, builder: Builder) -> None:
        self.node, self.attributes = node, Attributes(node)
        self._builder = builder
        self._used: set[int] = set()
        self._arrays: list[str] = []

    def __len__(self) -> int:
        return len(self.node.inputs)

    @property
    def numpy_shapes(self) -> bool:
        """Whether shapes can have no dimensions, or sizes of 0, as in NumPy."""
        return self._builder.numpy_shapes

    def error(self, problem: str) -> GraphError:
        """An error whose message starts with the node."""
        return self.attributes.error(problem)

    def value(self, index: int) -> fx.Node:
        """An input as a value of the torch graph."""
        number, output = self._edge(index)
        source = self._builder.nodes[number]
        if source.op == VARIABLE and source.name in self._builder.tensors:
            values = self._builder.values[number]
            if not values:  # arrays become values on first use
                values = self._builder.values[number] = (self._builder.get_attr(source.name),)
        values = self._builder.values[number]
        assert values is not None, "nodes that depend on a failed one are not called"
        if output >= len(values):
            raise self.error(f"uses output {output} of {source}, which has {len(values)}")
        return values[output]

    def values(self) -> list[fx.Node]:
        """All inputs as values; at least one is required."""
        if not len(self):
            raise self.error("has no inputs")
        return [self.value(index) for index in range(len(self))]

    def array(self, index: int) -> torch.Tensor:
        """An input that must be an array of the `.params` file."""
        number, _ = self._edge(index)
        source = self._builder.nodes[number]
        if source.op != VARIABLE:
            raise self.error(f"input {index} is computed by {source}; it must be an array")
        if source.name not in self._builder.tensors:
            raise self.error(f"array {source.name!r} is not in the .params file")
        self._arrays.append(source.name)
        return self._builder.parameter(source.name)

    def ignore(self, index: int) -> None:
        """Ignore an input that only training uses, such as a label; it may be missing."""
        self._used.add(index)

    def rank(self, index: int = 0) -> int | None:
        """Number of dimensions of an input; None if unknown."""
        rank = self._builder.ranks.get(self.value(index))
        if rank is None and (shape := self.shape(index)) is not None:
            return len(shape)
        return rank

    def shape(self, index: int = 0) -> tuple[int, ...] | None:
        """Shape of an input; None if unknown, as it is where the graph's inputs' shapes are."""
        return self._builder.shapes.shape(self.value(index))

    def known_rank(self, index: int = 0) -> int:
        """Number of dimensions of an input.

        Raises:
            GraphError: If it is unknown.
        """
        rank = self.rank(index)
        if rank is None:
            raise self.error(
                "needs the number of dimensions of its input, which is unknown; pass the shapes of "
                "the graph's inputs (inputs= in Python, --input for convert)"
            )
        return rank

    def fill(self, module: nn.Module, **arrays: int) -> nn.Module:
        """Set the parameters and buffers of a module that was created on the meta device.

        Args:
            arrays: The number of the input for each parameter or buffer.
        """
        for name, index in arrays.items():
            self.put(module, name, self.array(index))
        return module

    def put(self, module: nn.Module, name: str, tensor: torch.Tensor) -> None:
        """Set a module's parameter or buffer to a tensor, which must have its shape."""
        own = getattr(module, name)
        if own.shape != tensor.shape:
            raise self.error(f"{name} has shape {tuple(tensor.shape)}, expected {tuple(own.shape)}")
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise self.error(f"{name} is {kind}; weights must be float16, float32 or float64")
        if isinstance(own, nn.Parameter):
            setattr(module, name, tensor)
        else:
            module.register_buffer(name, tensor.detach())

    def module(self, module: nn.Module, *values: fx.Node, rank: int | None = None) -> fx.Node:
        """Add a call of a module to the graph; reuse the module of equal arrays and attributes.

        Args:
            rank: Number of dimensions of the result; by default, that of the first value.
        """
        builder = self._builder
        attributes = tuple(sorted(self.node.attributes.items()))
        key = (self.node.op, attributes, *self._arrays) if self._arrays else object()
        target = builder.add_module(key, self.node.name, module)
        return self._result(builder.graph.call_module(target, values), rank, values)

    def function(
        self,
        function: Callable[..., Any],
        *args: Any,
        rank: int | None = None,
        suffix: str = "",
        **kwargs: Any,
    ) -> fx.Node:
        """Add a call of a function to the graph.

        Args:
            rank: Number of dimensions of the result, or UNKNOWN; by default, the first value's.
            suffix: Suffix of the name, for a node whose name a layer uses.
        """
        builder = self._builder
        name = builder.names(self.node.name + suffix)
        node = builder.graph.create_node("call_function", function, args, kwargs, name)
        # pickle traces the module again, which must not look into this package's functions
        node.meta["is_wrapped"] = _is_own(function)
        return self._result(node, rank, args)

    def constant(self, tensor: torch.Tensor) -> fx.Node:
        """Add a tensor that depends on no input to the graph, as a buffer."""
        builder = self._builder
        name = builder.names(self.node.name)
        builder.root.register_buffer(name, tensor)
        node = builder.graph.get_attr(name)
        return self._result(node, tensor.dim(), ())

    def check_all_taken(self) -> None:
        """Require that the operator has used all inputs of the node.

        Raises:
            GraphError: If there are further inputs.
        """
        if unused := set(range(len(self))) - self._used:
            raise self.error(f"has {len(self)} inputs; expected {len(self) - len(unused)}")

    def _edge(self, index: int) -> tuple[int, int]:
        if index >= len(self):
            raise self.error(f"has {len(self)} inputs; expected more")
        self._used.add(index)
        return self.node.inputs[index]

    def _result(self, node: fx.Node, rank: int | None, args: Iterable[Any]) -> fx.Node:
        if rank is None:
            ranks = [self._builder.ranks.get(arg) for arg in args if isinstance(arg, fx.Node)]
            rank = ranks[0] if ranks else None
        self._builder.ranks[node] = None if rank == UNKNOWN else rank
        return node
