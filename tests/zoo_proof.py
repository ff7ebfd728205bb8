"""Parity of GluonCV's other networks with MXNet, with random weights."""

from __future__ import annotations

import gc
import re
from collections.abc import Mapping
from dataclasses import replace

from gluon2torch.graph.importer import build_module
from gluon2torch.graph.inputs.free_dimensions import Free
from gluon2torch.graph.inputs.image_sizes import for_inputs
from gluon2torch.graph.inputs.shapes import input_specs
from gluon2torch.graph.symbols.graph_edits import find_nodes
from gluon2torch.graph.symbols.symbol import Graph, Node
from gluon2torch.graph.symbols.symbol_writer import symbol_json
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.heads import Nodes
from gluon2torch.mappings.zoo import ZooEntry
from gluon2torch.parity.result import Parity
from gluon2torch.pipeline.graph_conversion import check_sound
from gluon2torch.pipeline.graph_inputs import BuiltGraph, build_for_shapes
from gluon2torch.pipeline.graph_proof import Network, first_allowed, prove_graph
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

# networks that are not proved → the reason; README.md counts all others
UNPROVED: dict[str, str] = {}
PROPOSALS = Nodes(user_of="rpn0_box_nms0", op="slice_axis")


def prove(
    entry: ZooEntry,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    proposals: int | None = None,
    seed: int = 0,
) -> Parity:
    """Measure parity of a network with random weights.

    Args:
        shapes: Shapes of the inputs, for a proof in float64 with these alone; by default those that
            the table has for the proof, in the batches and sizes that the network takes.
        proposals: Number of proposals of an R-CNN, instead of its own.
        seed: Seed of the weights and the inputs.
    """
    stored = load_zoo_graph(entry)
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=seed))
    check_sound(entry.name, arrays)
    sizes = shapes or entry.proof
    given = {name: (shape, "float32") for name, shape in sizes.items()}
    graph = for_inputs(stored.graph, entry.inputs, sizes)
    if proposals is not None:
        graph = with_proposals(graph, proposals)
    specs = input_specs(graph, arrays, given)
    if shapes is None:
        built = build_for_shapes(graph, arrays, specs, specs)
    else:  # a try at other batches and sizes takes minutes, and twice the memory
        module = build_module(graph, arrays, dtype="float64", inputs=shapes, any_dtype=True)
        built = BuiltGraph(module, specs, Free(), [specs], [], [], ())
    network = Network(graph, arrays, symbol_json(graph), (), detections=entry.task == "detection")
    try:
        allowed = first_allowed(network) if shapes else None
        return prove_graph(built, network, "gluon", seed, allowed=allowed)
    finally:
        gc.collect()  # MXNet's blocks refer to one another, with all their arrays


def with_proposals(graph: Graph, count: int) -> Graph:
    """The graph of an R-CNN with another number of proposals.

    The head runs once for each of them, 300 or 1,000, which is most of the time of a proof.
    """
    (place,) = find_nodes(graph, PROPOSALS)
    number = re.compile(rf"\b{graph.nodes[place].attributes['end']}\b")

    def changed(node: Node) -> Node:
        values = {key: number.sub(str(count), value) for key, value in node.attributes.items()}
        return replace(node, attributes=values)

    return replace(graph, nodes=tuple(map(changed, graph.nodes)))
