"""What an operator's function works with: its node, and the torch graph that grows."""

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
from .symbol import VARIABLE, Graph, Node

Values = tuple[fx.Node, ...]


class Names:
    """MXNet's names → Python's: readable, and no two alike."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        names = [node.name for node in nodes if node.op != VARIABLE]
        shared = os.path.commonprefix(names) if len(names) > 1 else ""  # noqa: RUF071 (letters)
        # the network's own prefix, which counts the networks of the process that made it
        self._prefix = shared[: shared.rfind("_") + 1]
        self._taken = {"training", "self"}  # an attribute of modules; forward's own argument

    def __call__(self, name: str) -> str:
        short = name.removeprefix(self._prefix).removesuffix("_fwd")
        short = re.sub(r"\W", "_", short, flags=re.ASCII)[:100].lstrip("_") or "node"
        if short[0].isdigit() or keyword.iskeyword(short) or hasattr(fx.GraphModule, short):
            short = f"node_{short}"
        unique, number = short, 1
        while unique in self._taken:
            unique, number = f"{short}_{number}", number + 1
        self._taken.add(unique)
        return unique


class Builder:
    """The torch graph under construction.

    Attributes:
        graph: its nodes; root: its modules and parameters.
        values: by MXNet's node number, the node's outputs; None where it could not be built.
        ranks: how many dimensions a value has, where that is known.
    """

    def __init__(self, graph: Graph, tensors: Mapping[str, torch.Tensor]) -> None:
        self.nodes = graph.nodes
        self.graph, self.root = fx.Graph(), nn.Module()
        self.values: list[Values | None] = []
        self.ranks: dict[fx.Node, int | None] = {}
        self.names = Names(graph.nodes)
        self.tensors = tensors
        self._parameters: dict[str, torch.Tensor] = {}
        self._modules: dict[Any, str] = {}

    def parameter(self, name: str) -> torch.Tensor:
        """An array as a parameter, the same one wherever it is used; whole numbers stay as is."""
        if name not in self._parameters:
            tensor = self.tensors[name]
            trained = tensor.is_floating_point()
            self._parameters[name] = nn.Parameter(tensor) if trained else tensor
        return self._parameters[name]

    def get_attr(self, name: str) -> fx.Node:
        """An array as a value of its own."""
        tensor, own = self.parameter(name), self.names(name)
        if isinstance(tensor, nn.Parameter):
            self.root.register_parameter(own, tensor)
        else:
            self.root.register_buffer(own, tensor)
        node = self.graph.get_attr(own)
        self.ranks[node] = tensor.dim()
        return node

    def add_module(self, key: Any, name: str, module: nn.Module) -> str:
        """A module under its name; one of the same arrays and attributes is taken again."""
        if key not in self._modules:
            self._modules[key] = self.names(name)
            self.root.add_module(self._modules[key], module)
        return self._modules[key]


class Call:
    """One node on its way to torch.

    Attributes:
        node: MXNet's.
        attributes: its attributes, with defaults.
    """

    def __init__(self, node: Node, builder: Builder) -> None:
        self.node, self.attributes = node, Attributes(node)
        self._builder = builder
        self._taken: set[int] = set()
        self._arrays: list[str] = []

    def __len__(self) -> int:
        return len(self.node.inputs)

    def error(self, problem: str) -> GraphError:
        """An error that begins with the node."""
        return self.attributes.error(problem)

    def value(self, index: int) -> fx.Node:
        """An input as a value."""
        number, output = self._edge(index)
        source = self._builder.nodes[number]
        if source.op == VARIABLE and source.name in self._builder.tensors:
            values = self._builder.values[number]
            if not values:  # arrays become values when they are asked for
                values = self._builder.values[number] = (self._builder.get_attr(source.name),)
        values = self._builder.values[number]
        assert values is not None, "nodes behind one that failed are not called"
        if output >= len(values):
            raise self.error(f"takes output {output} of {source}, which has {len(values)}")
        return values[output]

    def values(self) -> list[fx.Node]:
        """All inputs as values, of which there must be one."""
        if not len(self):
            raise self.error("has no inputs")
        return [self.value(index) for index in range(len(self))]

    def array(self, index: int) -> torch.Tensor:
        """An input that must be an array."""
        number, _ = self._edge(index)
        source = self._builder.nodes[number]
        if source.op != VARIABLE:
            raise self.error(f"its input {index} is computed by {source}; it must be an array")
        if source.name not in self._builder.tensors:
            raise self.error(f"its array {source.name!r} is not in the .params file")
        self._arrays.append(source.name)
        return self._builder.parameter(source.name)

    def ignore(self, index: int) -> None:
        """An input that only training takes, as a label; it need not be there."""
        self._taken.add(index)

    def rank(self, index: int = 0) -> int | None:
        """How many dimensions an input has; None where that is not known."""
        return self._builder.ranks.get(self.value(index))

    def known_rank(self, index: int = 0) -> int:
        """The same, where it must be known."""
        rank = self.rank(index)
        if rank is None:
            raise self.error("how many dimensions its input has is not known, which it needs")
        return rank

    def fill(self, module: nn.Module, **arrays: int) -> nn.Module:
        """Give a module of the meta device its arrays, by the inputs' numbers."""
        for name, index in arrays.items():
            self.put(module, name, self.array(index))
        return module

    def put(self, module: nn.Module, name: str, tensor: torch.Tensor) -> None:
        """Set a module's parameter or statistic to a tensor of its shape."""
        own = getattr(module, name)
        if own.shape != tensor.shape:
            raise self.error(f"its {name} has shape {tuple(tensor.shape)}, not {tuple(own.shape)}")
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise self.error(f"its {name} is {kind}; weights are float16, float32 or float64")
        if isinstance(own, nn.Parameter):
            setattr(module, name, tensor)
        else:
            module.register_buffer(name, tensor.detach())

    def module(self, module: nn.Module, *values: fx.Node, rank: int | None = None) -> fx.Node:
        """Call a module; the result has as many dimensions as its first value, or `rank`."""
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
        """Call a function of torch; ranks as in `module`.

        Args:
            suffix: of the name, where the node's own is left to a layer.
        """
        builder = self._builder
        name = builder.names(self.node.name + suffix)
        node = builder.graph.create_node("call_function", function, args, kwargs, name)
        return self._result(node, rank, args)

    def check_all_taken(self) -> None:
        """Refuse a node with inputs that its operator does not have.

        Raises:
            GraphError: there are some.
        """
        if left := set(range(len(self))) - self._taken:
            raise self.error(f"has {len(self)} inputs; {len(self) - len(left)} are expected")

    def _edge(self, index: int) -> tuple[int, int]:
        if index >= len(self):
            raise self.error(f"has {len(self)} inputs; more are expected")
        self._taken.add(index)
        return self.node.inputs[index]

    def _result(self, node: fx.Node, rank: int | None, args: Iterable[Any]) -> fx.Node:
        if rank is None:
            ranks = [self._builder.ranks.get(arg) for arg in args if isinstance(arg, fx.Node)]
            rank = ranks[0] if ranks else None
        self._builder.ranks[node] = rank
        return node
