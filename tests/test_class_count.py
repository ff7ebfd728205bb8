"""Stored graphs with other numbers of classes: the graphs that MXNet traces of GluonCV's networks
with these classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from gluon2torch.errors import GraphError
from gluon2torch.graph.symbols.symbol import Graph, Node
from gluon2torch.graph.zoo.class_blocks import with_blocks
from gluon2torch.graph.zoo.class_count import Dependence, dependence, fitted, with_classes
from gluon2torch.graph.zoo.zoo_graph import ZooGraph, load_zoo_graph
from gluon2torch.mappings.heads import load_heads
from gluon2torch.mappings.zoo import Shape, ZooEntry, load_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

from .graph_structure import structure, traced

ZOO, HEADS = load_zoo(), load_heads()


NAMES = [name for name, entry in ZOO.items() if entry.head and not entry.float_name]
# GluonCV's reset_class replaces the 1×1 predictors of this network by others, of 3×3
LITE = "ssd_300_mobilenet1.0_lite_coco"
# proved in seconds: each head, and each way in which the last layers are found
QUICK = (
    *("ssd_300_mobilenet0.25_voc", "yolo3_mobilenet0.25_coco", "mask_rcnn_fpn_resnet18_v1b_coco"),
    *("center_net_mobilenetv3_small_duc_coco", "faster_rcnn_resnet50_v1b_voc", "fcn_resnet50_ade"),
    *("squeezenet1.1", "mobilenetv2_0.25", "resnet18_v1b_kinetics400", "hrnet_w18_small_v1_s"),
)
# GluonCV's names of the option of get_model
OPTIONS = {"hrnet_classification": "num_classes", "dla": "classes", "i3d_slow": "nclass"}


@contextmanager
def gluoncv_with(entry: ZooEntry, count: int) -> Iterator[dict[str, Any]]:
    """Let GluonCV build a network with this many classes; gives options of `get_model`."""
    import_mxnet()
    if entry.task == "classification":
        yield {OPTIONS.get(entry.family, "classes"): count}
    elif entry.task == "action":
        yield {"nclass": count}
    elif entry.task == "segmentation":
        with legacy_names(), ExitStack() as stack:
            from gluoncv.data import datasets
            from gluoncv.model_zoo import hrnet

            for data_set in set(datasets.values()):
                stack.enter_context(mock.patch.object(data_set, "NUM_CLASS", count))
            build = hrnet.get_hrnet
            stack.enter_context(
                mock.patch.object(
                    hrnet,
                    "get_hrnet",
                    lambda *args, **given: build(*args, **{**given, "num_classes": count}),
                )
            )
            yield {}
    else:
        yield {}


def check(name: str) -> None:
    entry = ZOO[name]
    stored, head = load_zoo_graph(entry), HEADS[entry.head or ""]
    count = 5 if entry.classes == 3 else 3

    def reset(net: Any) -> None:
        net.initialize()
        net.reset_class([f"class {number}" for number in range(count)])

    with gluoncv_with(entry, count) as options:
        change = reset if entry.task == "detection" else None
        expected = traced(entry, change, **options)
    assert expected.shapes != stored.shapes
    actual = fitted(stored, head, expected.shapes)
    assert actual.shapes == expected.shapes
    assert structure(actual.graph) == structure(expected.graph)
    assert dependence(actual, head).count == count
    back = fitted(actual, head, stored.shapes)
    assert structure(back.graph) == structure(stored.graph)


@pytest.mark.mxnet
@pytest.mark.parametrize("name", QUICK)
def test_a_rewritten_graph_is_gluoncvs(name: str) -> None:
    check(name)


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != LITE])
def test_all_rewritten_graphs_are_gluoncvs(name: str) -> None:
    check(name)


@pytest.mark.mxnet
def test_predictors_of_another_kernel_are_refused() -> None:
    with pytest.raises(GraphError, match=r"(?s)6 arrays.*with 3 classes.*expected \(12, 512, 1, 1"):
        check(LITE)


def shapes_with(name: str, count: int) -> tuple[ZooGraph, dict[str, Shape]]:
    """A stored graph, and the shapes of its arrays with another number of classes."""
    stored = load_zoo_graph(ZOO[name])
    known = dependence(stored, HEADS[ZOO[name].head or ""])
    return stored, dict(with_classes(stored, known, count).shapes)


def test_one_class_is_possible() -> None:
    stored, shapes = shapes_with("ssd_512_resnet50_v1_voc", 1)
    graph = fitted(stored, HEADS["ssd"], shapes).graph
    (nms,) = (node for node in graph.nodes if node.op == "_contrib_box_nms")
    assert len(graph.nodes[nms.inputs[0][0]].inputs) == 1
    assert shapes["class_predictors.0.predictor.bias"] == (8,)


def test_arrays_that_disagree_are_refused() -> None:
    stored, shapes = shapes_with("ssd_300_mobilenet0.25_voc", 7)
    shapes["class_predictors.3.predictor.bias"] = (126,)
    with pytest.raises(GraphError, match=r"(?s)other shapes.*predictor.bias: \(.*; expected \("):
        fitted(stored, HEADS["ssd"], shapes)


def test_other_arrays_than_those_of_the_classes_are_refused() -> None:
    stored, shapes = shapes_with("yolo3_mobilenet0.25_voc", 7)
    shapes["stages.0.0.weight"] = (16, 3, 3, 3)
    message = r"(?s)1 arrays .* with 7 classes \(GluonCV's has 20\).*stages.0.0.weight"
    with pytest.raises(GraphError, match=message):
        fitted(stored, HEADS["yolo3"], shapes)


def test_networks_without_classes_are_refused() -> None:
    stored = load_zoo_graph(ZOO["simple_pose_resnet18_v1b"])
    shapes = {**stored.shapes, "final_layer.weight": (4, 256, 1, 1), "final_layer.bias": (4,)}
    with pytest.raises(GraphError, match=r"(?s)2 arrays.*final_layer.weight: \(4, 256, 1, 1\)"):
        fitted(stored, None, shapes)


def test_the_stored_graph_is_kept_if_the_classes_are_its_own() -> None:
    stored = load_zoo_graph(ZOO["ssd_300_mobilenet0.25_voc"])
    assert fitted(stored, HEADS["ssd"], {**stored.shapes, "another": (3,)}) is stored


def small_graph(second: dict[str, str]) -> Graph:
    """Two slices of an input, one for each class, and their Concat."""
    return Graph(
        "small",
        (
            Node("null", "data", {}, ()),
            Node("slice_axis", "a", {"axis": "1", "begin": "0", "end": "2"}, ((0, 0),)),
            Node("slice_axis", "b", {"axis": "1", **second}, ((0, 0),)),
            Node("Concat", "both", {"num_args": "2"}, ((1, 0), (2, 0))),
            Node("relu", "end", {}, ((3, 0),)),
        ),
        ((4, 0),),
        None,
    )


def test_blocks_are_repeated_by_the_difference_of_the_first_two() -> None:
    graph = with_blocks(small_graph({"begin": "5", "end": "7"}), 3, 4)
    *_, concat, end = graph.nodes
    begins = [graph.nodes[number].attributes["begin"] for number, _ in concat.inputs]
    assert begins == ["0", "5", "10", "15"]
    assert concat.attributes["num_args"] == "4"
    assert (end.inputs, graph.heads) == (((5, 0),), ((6, 0),))
    assert len(with_blocks(graph, 5, 1).nodes) == 4


def test_blocks_that_are_not_alike_are_refused() -> None:
    with pytest.raises(GraphError, match="end is not a number of the class"):
        with_blocks(small_graph({"begin": "2", "end": "None"}), 3, 3)
    graph = small_graph({"begin": "2", "end": "4"})
    nodes = list(graph.nodes)
    nodes[2] = Node("relu", "b", {}, ((0, 0),))
    with pytest.raises(GraphError, match="Concat 'both': its first two inputs are computed"):
        with_blocks(replace(graph, nodes=tuple(nodes)), 3, 3)


def test_a_table_that_does_not_fit_is_an_error() -> None:
    stored = load_zoo_graph(ZOO["squeezenet1.1"])
    with pytest.raises(GraphError, match="has no node 'yolooutputv3"):
        dependence(stored, HEADS["yolo3"])
    with pytest.raises(GraphError, match=r"output.0.weight: 1000 is no multiple of 7 classes \+ 0"):
        with_classes(stored, Dependence(7, {"output.0.weight": 0}, None), 3)
