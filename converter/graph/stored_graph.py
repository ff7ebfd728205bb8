"""The graphs of the catalogue's networks, as they are kept: mappings/graphs/<model>.json.xz.

Each is GluonCV's network as MXNet traces it (export_catalog.py), with these changes: its heads are
the outputs of the stages, its arrays are called by Gluon's structural names, and the classifier's
size is left out, so that an array of any class count fits. Neither our key maps nor our networks
had a part in making it.
"""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass, replace
from typing import Any

from ..errors import GraphError
from ..mappings.yaml_table import mapping_file
from .symbol import VARIABLE, Graph, parse_symbol

MAX_BYTES = 1 << 22  # unpacked; the largest of the catalogue takes 0.6 MB


@dataclass(frozen=True)
class StoredGraph:
    """A network's graph.

    Attributes:
        graph: its heads are the stages' outputs.
        stages: their names, in that order.
    """

    graph: Graph
    stages: tuple[str, ...]

    def of_stages(self, stages: list[str]) -> Graph:
        """The same graph, giving out some stages alone."""
        heads = tuple(self.graph.heads[self.stages.index(stage)] for stage in stages)
        return replace(self.graph, heads=heads)


def graph_file(name: str) -> str:
    """A network's file under mappings/."""
    return f"graphs/{name}.json.xz"


def pack(symbol: str, structural: dict[str, str], prefix: str, stages: list[str]) -> bytes:
    """MXNet's JSON of a network → the file's bytes.

    Args:
        symbol: its heads are the stages' outputs; the last is the classifier's.
        structural: the names of its arrays → Gluon's structural ones.
        prefix: the network's own, which stands before the names of its nodes.
        stages: their names.
    """
    table = json.loads(symbol)
    nodes = [_packed(node, structural, prefix) for node in table["nodes"]]
    classifier = nodes[table["heads"][-1][0]]
    del classifier["attrs"]["num_hidden"]
    kept = {"nodes": nodes, "heads": table["heads"], "attrs": table["attrs"], "stages": stages}
    text = json.dumps(kept, separators=(",", ":"))
    return lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)


def _packed(node: dict[str, Any], structural: dict[str, str], prefix: str) -> dict[str, Any]:
    attributes = {k: v for k, v in node.get("attrs", {}).items() if not k.startswith("__")}
    name = node["name"]
    packed = {
        "op": node["op"],
        "name": structural.get(name, name) if node["op"] == VARIABLE else name.removeprefix(prefix),
        "attrs": attributes,
        "inputs": [edge[:2] for edge in node["inputs"]],
    }
    return {key: value for key, value in packed.items() if value or key in ("op", "name", "inputs")}


def unpack(data: bytes, where: str) -> StoredGraph:
    """The file's bytes → a network's graph.

    Raises:
        GraphError: the file is damaged.
    """
    try:
        text = lzma.LZMADecompressor().decompress(data, MAX_BYTES)
        stages = json.loads(text)["stages"]
    except (lzma.LZMAError, ValueError, KeyError, TypeError) as error:
        raise GraphError(f"{where}: is damaged ({error}); install gluon2torch again") from error
    return StoredGraph(parse_symbol(text, where), tuple(stages))


def load_graph(name: str) -> StoredGraph:
    """The graph of a network of the catalogue.

    Raises:
        GraphError: it has none, or the file is damaged.
    """
    path = mapping_file(graph_file(name))
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise GraphError(
            f"{name}: has no graph, since GluonCV's network does not run as one; parity needs "
            "MXNet, or take `--reference none` to go without the proof"
        ) from error
    return unpack(data, f"mappings/{graph_file(name)}")
