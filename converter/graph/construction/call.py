"""One MXNet node, as the functions that convert operators see it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import torch
from torch import fx, nn

from ..symbols.symbol import Node
from .builder import Values
from .node_inputs import NodeInputs

_TRACED = frozenset({"torch", "_operator", "builtins", "math"})


class _Same(Enum):
    SAME = "as the first value"


SAME: Final = _Same.SAME
"""As `rank` of a result: it has as many dimensions as the first value that it is computed from."""
Rank = int | None | _Same


def _is_leaf(function: Callable[..., Any]) -> bool:
    """Whether tracing must not look into a function: this package's, or one of a plugin.

    Methods of tensors have no module.
    """
    module = getattr(function, "__module__", None) or "torch"
    return module.partition(".")[0] not in _TRACED


@dataclass(frozen=True)
class Subgraph:
    """A graph that a node contains, as a module.

    Attributes:
        module: Takes the arguments in order and returns a tuple.
        arguments: Numbers of the graph's variables that are arguments; the others are arrays.
        ranks: Number of dimensions of each output; None if unknown.
    """

    module: fx.GraphModule
    arguments: tuple[int, ...]
    ranks: tuple[int | None, ...]


class Call(NodeInputs):
    """One MXNet node that an operator function converts to torch.

    Its inputs are read by number; its results are added to the torch graph.
    """

    def subgraph(
        self, number: int, inputs: Sequence[int], ranks: Sequence[int | None], changing: Set[int]
    ) -> Subgraph:
        """Import a graph of the node as a module.

        Arrays of the network become parameters of the module's layers.

        Args:
            number: The number of the graph.
            inputs: For each of its variables, the number of the node's input.
            ranks: For each, the number of dimensions; None if unknown.
            changing: Numbers of the node's inputs that are arguments even if they are arrays.
        """
        graph = self.node.subgraphs[number]
        variables = graph.variables()
        if len(variables) != len(inputs):
            raise self.error(
                f"subgraph {number} has {len(variables)} inputs; {len(inputs)} are given"
            )
        arguments, tensors, known = [], {}, {}
        for place, (variable, index) in enumerate(zip(variables, inputs, strict=True)):
            if index not in changing and self.is_array(index):
                tensors[variable.name] = self.array(index)
            else:
                arguments.append(place)
                known[variable.name] = ranks[place]
        inner = self._builder.build_nested(graph, tensors, known, self._builder.dtype)
        heads = inner.graph.output_node().args[0]
        assert isinstance(heads, tuple)
        return Subgraph(
            fx.GraphModule(inner.root, inner.graph),
            tuple(arguments),
            tuple(inner.ranks.get(head) for head in heads if isinstance(head, fx.Node)),
        )

    def inner(self, node: Node) -> Call:
        """A node of a graph that this node contains, for its attributes."""
        return Call(node, self._builder)

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

    def module(
        self, module: nn.Module, *values: fx.Node, rank: Rank = SAME, suffix: str = ""
    ) -> fx.Node:
        """Add a call of a module to the graph.

        If a node of the same operator with the same attributes has used the same arrays, its module
        is called, and this one is dropped. A module without arrays, with a suffix, or of a node
        that contains graphs is never shared.

        Args:
            module: The module.
            values: Its arguments.
            rank: Number of dimensions of the result; None if it is unknown.
            suffix: Suffix of the name, for what comes before a layer.
        """
        builder = self._builder
        attributes = tuple(sorted(self.node.attributes.items()))
        # what a node contains counts, too
        shared = self._arrays and not suffix and not self.node.subgraphs
        kind = type(module)  # which depends on the rank of what it takes
        key = (self.node.op, kind, attributes, *self._arrays) if shared else object()
        target = builder.add_module(key, self.node.name + suffix, module)
        return self._result(builder.graph.call_module(target, values), rank, values)

    def function(
        self,
        function: Callable[..., Any],
        *args: Any,
        rank: Rank = SAME,
        suffix: str = "",
        **kwargs: Any,
    ) -> fx.Node:
        """Add a call of a function to the graph.

        Args:
            function: A function at the top level of a module, so that the graph can be pickled.
            args: Its arguments: values of the graph, or constants.
            kwargs: Its arguments by name.
            rank: Number of dimensions of the result; None if it is unknown.
            suffix: Suffix of the name, for a node whose name a layer uses.
        """
        builder = self._builder
        name = builder.names(self.node.name + suffix)
        node = builder.graph.create_node("call_function", function, args, kwargs, name)
        # pickle traces the module again
        node.meta["is_wrapped"] = _is_leaf(function)
        return self._result(node, rank, args)

    def parts(
        self, results: fx.Node, ranks: Sequence[int | None], suffixes: Sequence[str] = ()
    ) -> Values:
        """Add the values of a tuple to the graph.

        Args:
            results: The tuple.
            ranks: Number of dimensions of each value; None if unknown.
            suffixes: Suffix of each one's name.
        """
        suffixes = suffixes or [""] * len(ranks)
        return tuple(
            self.function(operator.getitem, results, place, rank=rank, suffix=suffix)
            for place, (rank, suffix) in enumerate(zip(ranks, suffixes, strict=True))
        )

    def constant(self, tensor: torch.Tensor) -> fx.Node:
        """Add a tensor that depends on no input to the graph, as a buffer."""
        builder = self._builder
        name = builder.names(self.node.name)
        builder.root.register_buffer(name, tensor)
        node = builder.graph.get_attr(name)
        return self._result(node, tensor.dim(), ())

    def _result(self, node: fx.Node, rank: Rank, args: Iterable[Any]) -> fx.Node:
        if isinstance(rank, _Same):
            first = next((arg for arg in args if isinstance(arg, fx.Node)), None)
            rank = None if first is None else self._builder.ranks.get(first)
        self._builder.ranks[node] = rank
        return node
