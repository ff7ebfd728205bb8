"""The inputs of one MXNet node: arrays of the file, and values that other nodes compute."""

from __future__ import annotations

import torch
from torch import fx

from ...errors import GraphError
from ..symbols.attributes import Attributes
from ..symbols.symbol import VARIABLE, Node
from .builder import Builder

JOINING = frozenset({"_rnn_param_concat", "Concat"})
MOST_JOINED = 1 << 12


class NodeInputs:
    """The inputs of one MXNet node, by number.

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

    def shape(self, index: int = 0) -> tuple[int, ...] | None:
        """Shape of an input; None if unknown, as it is where the graph's inputs' shapes are."""
        return self._builder.shapes.shape(self.value(index))

    def rank_of(self, value: fx.Node) -> int | None:
        """Number of dimensions of a value; None if unknown."""
        return self._builder.ranks.get(value)

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
        """The variables that a node concatenates after flattening them, in order.

        Dropout of weights is left out: it changes nothing in inference.
        """
        found, waiting = [], [number]
        for _ in range(MOST_JOINED):
            source = self._builder.nodes[waiting.pop()]
            flattening = source.op == "Reshape"
            if source.op == VARIABLE:
                found.append(source)
            elif flattening and Attributes(source).integers("shape", ()) != (-1,):
                raise self.error(f"{source} does more than flatten; it must be an array")
            elif not (flattening or source.op in JOINING or _is_dropout(source)):
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


def _is_dropout(node: Node) -> bool:
    """Whether a node is a dropout that changes nothing in inference."""
    return node.op == "Dropout" and Attributes(node).text("mode", "training") == "training"
