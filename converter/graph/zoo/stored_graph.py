"""The stored graphs of the catalogue's networks: mappings/graphs/<model>.json.xz.

Each is GluonCV's network as MXNet traces it (graph_export.py), with these changes: the heads are
the outputs of the stages, arrays have Gluon's structural names, and the classifier's size is left
out, so that an array for any number of classes fits. The graphs are independent of this project's
key maps and networks.
"""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass, replace
from typing import Any

from ...errors import GraphError
from ...mappings.yaml_table import mapping_file
from ..symbols.symbol import VARIABLE, Graph, parse_symbol

MAX_BYTES = 1 << 22  # unpacked; the largest of the catalogue has 0.6 MB


@dataclass(frozen=True)
class StoredGraph:
    """A network's stored graph.

    Attributes:
        graph: The graph, whose heads are the outputs of the stages.
        stages: Names of the stages, in the same order.
    """

    graph: Graph
    stages: tuple[str, ...]

    def of_stages(self, stages: list[str]) -> Graph:
        """The graph with the outputs of the given stages only."""
        heads = tuple(self.graph.heads[self.stages.index(stage)] for stage in stages)
        return replace(self.graph, heads=heads)


def graph_file(name: str) -> str:
    """The path of a network's file, relative to mappings/."""
    return f"graphs/{name}.json.xz"


def pack(symbol: str, structural: dict[str, str], prefix: str, stages: list[str]) -> bytes:
    """Compress MXNet's JSON of a network for storage.

    Args:
        symbol: The JSON; its heads are the outputs of the stages, the last one the classifier's.
        structural: Names of its arrays → Gluon's structural names.
        prefix: The network's prefix of node names, which is removed.
        stages: Names of the stages.

    Returns:
        The content of the file.
    """
    table = reduced(symbol, structural, prefix)
    classifier = table["nodes"][table["heads"][-1][0]]
    del classifier["attrs"]["num_hidden"]
    return compressed(json.dumps({**table, "stages": stages}, separators=(",", ":")))


def reduced(symbol: str, structural: dict[str, str], prefix: str) -> dict[str, Any]:
    """The graph in MXNet's JSON without what does not define it; arrays have structural names."""
    table = json.loads(symbol)
    nodes = [_packed(node, structural, prefix) for node in table["nodes"]]
    return {"nodes": nodes, "heads": table["heads"], "attrs": table["attrs"]}


def compressed(text: str) -> bytes:
    """The content of a file."""
    return lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)


def decompressed(data: bytes, where: str, most: int = MAX_BYTES) -> bytes:
    """The text in a file, of which at most `most` bytes are taken.

    Raises:
        GraphError: If the file is damaged.
    """
    decompressor = lzma.LZMADecompressor()
    try:
        text = decompressor.decompress(data, most)
    except lzma.LZMAError as error:
        raise GraphError(f"{where}: is damaged ({error}); install gluon2torch again") from error
    if not decompressor.eof:
        raise GraphError(f"{where}: is damaged (it is cut short); install gluon2torch again")
    return text


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
    """Decompress a stored graph.

    Args:
        data: Content of the file.
        where: File name, for errors.

    Raises:
        GraphError: If the file is damaged.
    """
    text = decompressed(data, where)
    try:
        stages = json.loads(text)["stages"]
    except (ValueError, KeyError, TypeError) as error:
        raise GraphError(f"{where}: is damaged ({error}); install gluon2torch again") from error
    return StoredGraph(parse_symbol(text, where), tuple(stages))


def load_graph(name: str) -> StoredGraph:
    """Load the stored graph of a network of the catalogue.

    Raises:
        GraphError: If the network has none, or the file is damaged.
    """
    path = mapping_file(graph_file(name))
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise GraphError(
            f"{name}: has no graph, because GluonCV's network does not run as one; parity needs "
            "MXNet, or use `--reference none` to skip parity"
        ) from error
    return unpack(data, f"mappings/{graph_file(name)}")
