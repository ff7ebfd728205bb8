"""What a graph is made of, in short."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from .importer import unknown_operators
from .precision import limits
from .roles import roles
from .symbol import VARIABLE, Graph


@dataclass(frozen=True)
class Summary:
    """A graph in short.

    Attributes:
        file: the `-symbol.json`.
        mxnet_version: that wrote it; None up to 0.8.
        operators: how many nodes each has, most frequent first.
        inputs, labels: variables that are no arrays; labels count in training alone.
        outputs: the names of the nodes that the heads are of.
        arrays: the names of what the `.params` file must hold.
        unsupported: operators that cannot be imported → their nodes.
        limits: by dtype, what MXNet's and torch's outputs may differ by.
    """

    file: str
    mxnet_version: str | None
    operators: dict[str, int]
    inputs: tuple[str, ...]
    labels: tuple[str, ...]
    outputs: tuple[str, ...]
    arrays: tuple[str, ...]
    unsupported: dict[str, list[str]]
    limits: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return asdict(self)


def summarize(graph: Graph) -> Summary:
    """A graph in short."""
    counts = Counter(node.op for node in graph.nodes if node.op != VARIABLE)
    found = roles(graph)
    return Summary(
        file=graph.where,
        mxnet_version=graph.version,
        operators=dict(counts.most_common()),
        inputs=found.inputs,
        labels=found.labels,
        outputs=tuple(graph.nodes[number].name for number, _ in graph.heads),
        arrays=found.arrays,
        unsupported=unknown_operators(graph),
        limits=limits(graph),
    )
