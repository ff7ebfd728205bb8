"""The record of a graph's conversion, and that of a failed one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..checkpoints.metadata import graph_facts_sha256
from ..checkpoints.record import GraphRecord
from ..checkpoints.record_draft import versions
from ..files.path_text import path_text
from ..graph.summary import operator_counts, output_names
from ..graph.symbols.symbol import Graph
from ..mappings.catalog import load_catalog
from ..parity.result import Parity
from ..sources.arrays import Array
from ..sources.source import Source
from ..weights.content_hash import content_sha256
from .attempt import Attempt
from .graph_inputs import BuiltGraph
from .graph_output import WrittenGraph
from .graph_proof import Network
from .request import PathLike

OPENED = "pt2", "pth", "safetensors"  # by open_program
LOAD = """from gluon2torch import open_program

network = open_program({file!r}).module()
"""


@dataclass(kw_only=True)
class GraphAttempt(Attempt):
    """The facts known during the conversion of a graph.

    Attributes:
        model: Name of the network, or stem of the `-symbol.json`.
        name: Start of the program's file name.
        family: `graph`, or the name of the architecture.
        source: The source of the arrays; a file's hash is added when it has been read.
    """

    model: str
    name: str = field(init=False)
    family: str = "graph"
    source: Source

    def __post_init__(self) -> None:
        self.name = "gluon_" + re.sub(r"[^A-Za-z0-9_.]", "_", self.model)

    @property
    def origin(self) -> str:
        """Where the network comes from, and its licence."""
        if self.family != "graph":
            return f"GluonCV's {self.model}, whose licence is {load_catalog().licence}"
        file = Path(self.source.path or self.model).name
        model = path_text(self.model)
        return f"the graph {model} and {path_text(file)}, whose licence is that of their author"


def _classes(network: Network, heads: Sequence[Array]) -> int | None:
    """The number of classes of a network of the zoo, or the number of logits of a classifier."""
    if network.num_classes is not None:
        return network.num_classes
    return heads[0].shape[1] if heads[0].ndim == 2 and not network.detections else None


def draft_graph_record(
    attempt: GraphAttempt,
    graph: Graph,
    network: Network,
    built: BuiltGraph,
    parity: Parity,
    notes: tuple[str, ...],
) -> GraphRecord:
    """Make the record of a network, still without files.

    Args:
        graph: The graph as it was read.
    """
    names = list(built.specs)
    only = names[0] if len(names) == 1 else None
    return GraphRecord(
        model=attempt.model,
        name=attempt.name,
        family=attempt.family,
        files=(),
        content_sha256=content_sha256(built.module.state_dict()),
        parameters=sum(p.numel() for p in built.module.parameters() if p.requires_grad),
        num_classes=_classes(network, built.heads),
        symbol=path_text(graph.where),
        mxnet_version=graph.version,
        operators=operator_counts(graph),
        input=only,
        input_shape=built.specs[only].shape[1:] if only is not None else None,
        inputs=(),
        outputs=output_names(network.graph),
        notes=notes,
        source=attempt.source,
        parity=parity,
        versions=versions(parity.reference),
        seconds=attempt.clock.seconds(),
    )


def record_of_file(
    record: GraphRecord, written: Sequence[WrittenGraph], place: int, out: PathLike
) -> GraphRecord:
    """The record of one of the files, which it lists first.

    Args:
        record: The record without files.
        written: All files.
        place: The number of the file.
        out: The folder that will contain them.
    """
    order = [written[place], *written[:place], *written[place + 1 :]]
    files = [replace(each.file, file=str(Path(out) / Path(each.file.file).name)) for each in order]
    one = written[place]
    made = replace(
        record,
        files=tuple(files),
        inputs=one.inputs,
        notes=record.notes + one.notes,
        load=LOAD.format(file=files[0].file) if one.file.format in OPENED else None,
    )
    return replace(made, facts_sha256=graph_facts_sha256(made.as_dict(), one.graph))
