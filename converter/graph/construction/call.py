"""One MXNet node, as the functions that convert operators see it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import torch
from torch import fx, nn

from ...errors import GraphError
from ..symbols.attributes import Attributes
from ..symbols.symbol import VARIABLE, Node
from .builder import Builder, Values

_TRACED = frozenset({"torch", "_operator", "builtins", "math"})
JOINING = frozenset({"_rnn_param_concat", "Concat"})
MOST_JOINED = 1 << 12


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
    def dtype(self) -> torch.dtype:
        """Data type of the network's weights."""
        return self._builder.dtype

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
        return self._array(source)

    def is_array(self, index: int) -> bool:
        """Whether an input is an array, and not computed."""
        source = self.source(index)
        return source.op == VARIABLE and source.name in self._builder.tensors

    def is_computed(self, index: int) -> bool:
        """Whether other nodes compute an input, or it is an argument of a loop's body."""
        is_value = self.source(index).op != VARIABLE or self._builder.is_nested
        return is_value and not self.is_array(index)

    def joined_arrays(self, index: int) -> list[torch.Tensor]:
        """The arrays that an input concatenates.

        The input is an array, or computed from arrays by flattening and concatenation alone.
        """
        number, _ = self._edge(index)
        return [self._array(source) for source in self._joined(number)]

    def source(self, index: int) -> Node:
        """The node that computes an input."""
        number, _ = self._edge(index)
        return self._builder.nodes[number]

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

    def rank_of(self, value: fx.Node) -> int | None:
        """Number of dimensions of a value; None if unknown."""
        return self._builder.ranks.get(value)

    def ignore(self, index: int) -> None:
        """Count an input as used, although its value is not; the node need not have it.

        Such are labels, which only training uses, and ends of ranges that have no influence.
        """
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
        key = (self.node.op, attributes, *self._arrays) if shared else object()
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

    def check_all_taken(self) -> None:
        """Require that the operator has used all inputs of the node.

        Raises:
            GraphError: If there are further inputs.
        """
        if unused := set(range(len(self))) - self._used:
            raise self.error(f"has {len(self)} inputs; expected {len(self) - len(unused)}")

    def _array(self, source: Node) -> torch.Tensor:
        if source.name not in self._builder.tensors:
            raise self.error(f"array {source.name!r} is not in the .params file")
        self._arrays.append(source.name)
        return self._builder.parameter(source.name)

    def _joined(self, number: int) -> list[Node]:
        """The variables that a node concatenates after flattening them, in order."""
        found, waiting = [], [number]
        for _ in range(MOST_JOINED):
            source = self._builder.nodes[waiting.pop()]
            flattening = source.op == "Reshape"
            if source.op == VARIABLE:
                found.append(source)
            elif flattening and Attributes(source).integers("shape", ()) != (-1,):
                raise self.error(f"{source} does more than flatten; it must be an array")
            elif not flattening and source.op not in JOINING:
                raise self.error(f"depends on what {source} computes; it must be an array")
            waiting += [number for number, _ in reversed(source.inputs)]
            if not waiting:
                return found
        raise self.error(f"is computed from more than {MOST_JOINED} arrays")

    def _edge(self, index: int) -> tuple[int, int]:
        if index >= len(self):
            raise self.error(f"has {len(self)} inputs; expected more")
        self._used.add(index)
        return self.node.inputs[index]

    def _result(self, node: fx.Node, rank: Rank, args: Iterable[Any]) -> fx.Node:
        if isinstance(rank, _Same):
            first = next((arg for arg in args if isinstance(arg, fx.Node)), None)
            rank = None if first is None else self._builder.ranks.get(first)
        self._builder.ranks[node] = rank
        return node
