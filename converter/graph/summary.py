"""Summary of a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from .importer import unknown_operators
from .inputs.initial_states import state_names
from .registry import is_unknown
from .symbols.graph_cut import last_outputs, value_name
from .symbols.precision import limits
from .symbols.roles import roles
from .symbols.symbol import Graph


@dataclass(frozen=True)
class Summary:
    """Summary of a graph.

    Attributes:
        file: The `-symbol.json`.
        mxnet_version: The version that wrote it; None up to 0.8.
        operators: Number of nodes per operator, most frequent first (operator_counts).
        inputs: Names of the inputs.
        states: Names of the initial states, which are zeros by default.
        labels: Names of the labels, which only training uses.
        outputs: Names of the outputs (output_names).
        arrays: Names of the arrays that the `.params` file must contain.
        unsupported: Operators that cannot be imported → names of their nodes.
        last_outputs: If there are such, the last outputs that can be converted (graph_cut.py).
        limits: Largest allowed difference between MXNet's and torch's outputs, by dtype.
    """

    file: str
    mxnet_version: str | None
    operators: dict[str, int]
    inputs: tuple[str, ...]
    states: tuple[str, ...]
    labels: tuple[str, ...]
    outputs: tuple[str, ...]
    arrays: tuple[str, ...]
    unsupported: dict[str, list[str]]
    last_outputs: tuple[str, ...]
    limits: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return asdict(self)


def operator_counts(graph: Graph) -> dict[str, int]:
    """The number of nodes of each operator, most frequent first.

    Nodes of the graphs that a node contains are counted, too; those of a loop's body once.
    """
    return dict(Counter(node.written_op for node in graph.operators()).most_common())


def output_names(graph: Graph) -> tuple[str, ...]:
    """Names of a graph's outputs: those of their nodes, and `NODE:1` for a further output."""
    return tuple(value_name(graph, edge) for edge in graph.heads)


def summarize(graph: Graph, arrays: Collection[str] = ()) -> Summary:
    """Summarize a graph.

    Args:
        graph: The graph.
        arrays: Names of its arrays, beside those that the graph shows to be some.
    """
    found, states = roles(graph), tuple(state_names(graph))
    unknown = unknown_operators(graph)
    return Summary(
        file=graph.where,
        mxnet_version=graph.version,
        operators=operator_counts(graph),
        inputs=tuple(name for name in found.inputs if name not in {*states, *arrays}),
        states=states,
        labels=found.labels,
        outputs=output_names(graph),
        arrays=(*found.arrays, *(name for name in found.inputs if name in arrays)),
        unsupported=unknown,
        last_outputs=last_outputs(graph, is_unknown) if unknown else (),
        limits=limits(graph),
    )
