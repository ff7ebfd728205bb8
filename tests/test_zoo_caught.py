"""Mistakes in a detector, against GluonCV's own network on MXNet: each is caught, and the message
names the operator where it is.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable

import pytest

from gluon2torch.errors import ParityError
from gluon2torch.graph.inputs.shapes import input_specs
from gluon2torch.graph.symbols.graph_edits import find_nodes
from gluon2torch.graph.symbols.symbol import Graph
from gluon2torch.graph.symbols.symbol_writer import symbol_json
from gluon2torch.graph.zoo.nms_settings import NmsSettings
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.graph.zoo.zoo_settings import with_settings
from gluon2torch.mappings.heads import Nodes, load_heads
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.pipeline.graph_inputs import build_for_shapes
from gluon2torch.pipeline.graph_proof import Network, prove_graph
from gluon2torch.sources.arrays import Arrays
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .graph_structure import traced

ENTRY = load_zoo()["ssd_300_mobilenet0.25_voc"]
SMALL = {"data": ((2, 3, 96, 128), "float32")}

Mistake = Callable[[Graph, Arrays], tuple[Graph, Arrays]]


def swapped(kind: str) -> Mistake:
    """The predictors of two scales, whose arrays have equal shapes, are swapped."""

    def mistake(graph: Graph, arrays: Arrays) -> tuple[Graph, Arrays]:
        one, other = (f"{kind}_predictors.{scale}.predictor" for scale in (2, 3))
        taken = {f"{one}.{part}": arrays[f"{other}.{part}"] for part in ("weight", "bias")}
        taken |= {f"{other}.{part}": arrays[f"{one}.{part}"] for part in ("weight", "bias")}
        assert all(arrays[name].shape == array.shape for name, array in taken.items())
        return graph, {**arrays, **taken}

    return mistake


def moved_anchors(graph: Graph, arrays: Arrays) -> tuple[Graph, Arrays]:
    name = "anchor_generators.1.anchors"
    return graph, {**arrays, name: arrays[name] + 1}


def other_threshold(graph: Graph, arrays: Arrays) -> tuple[Graph, Arrays]:
    return with_settings(graph, load_heads()["ssd"], NmsSettings(nms_thresh=0.3)), arrays


def user_of(graph: Graph, array: str) -> str:
    (number,) = find_nodes(graph, Nodes(user_of=array))
    return str(graph.nodes[number])


@pytest.fixture(scope="module")
def original() -> Network:
    """GluonCV's network, with random weights."""
    stored = load_zoo_graph(ENTRY)
    arrays = load_zoo_arrays(ENTRY, stored.shapes, stored.constants, Source("random", seed=2))
    graph = traced(ENTRY).graph
    gc.collect()  # MXNet's blocks refer to one another, with all their arrays
    return Network(graph, arrays, symbol_json(graph), (), detections=True)


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.parametrize(
    ("mistake", "array"),
    [
        (swapped("class"), "class_predictors.2.predictor.weight"),
        (swapped("box"), "box_predictors.2.predictor.weight"),
        (moved_anchors, "anchor_generators.1.anchors"),
        (other_threshold, None),
    ],
)
def test_the_operator_of_a_mistake_is_named(
    mistake: Mistake, array: str | None, original: Network
) -> None:
    graph, arrays = mistake(load_zoo_graph(ENTRY).graph, original.arrays)
    specs = input_specs(graph, arrays, SMALL)
    built = build_for_shapes(graph, arrays, specs, specs)
    operator = "_contrib_box_nms 'box_nms0'" if array is None else user_of(graph, array)
    message = re.escape(f"the first operator that differs is {operator}")
    with pytest.raises(ParityError, match=f"the first stage that differs is head.*{message}"):
        prove_graph(built, original, "gluon", 0)


@pytest.mark.mxnet
@pytest.mark.costly
def test_the_network_itself_is_equal(original: Network) -> None:
    graph = load_zoo_graph(ENTRY).graph
    specs = input_specs(graph, original.arrays, SMALL)
    built = build_for_shapes(graph, original.arrays, specs, specs)
    assert prove_graph(built, original, "gluon", 0).passed
