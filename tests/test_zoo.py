"""GluonCV's other networks, by name: their tables, their stored graphs, and parity with MXNet."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.checkpoints.record import GraphRecord
from gluon2torch.errors import GraphError, UnknownModelError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.inputs.image_sizes import for_inputs
from gluon2torch.graph.symbols.precision import EXACT, limits
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.graph.zoo.graph_export import exported_line
from gluon2torch.graph.zoo.stored_graph import decompressed, load_graph
from gluon2torch.graph.zoo.zoo_graph import MAX_BYTES, family_file, load_zoo_graph, zoo_line
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.yaml_table import mapping_file
from gluon2torch.mappings.zoo import find_network, load_zoo
from gluon2torch.parity.exported_reference import ExportedReference
from gluon2torch.pipeline.graph_proof import Network, reference_notes
from gluon2torch.pipeline.request import Request
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays
from gluon2torch.sources.zoo_network import parameters_of, trace, zoo_block

from .graph_structure import structure, traced
from .zoo_proof import UNPROVED, prove, with_proposals

ZOO = load_zoo()
OWN = [name for name, entry in ZOO.items() if entry.float_name is None]
# the smallest network of each architecture that is proved in seconds
QUICK = (
    *("ssd_300_mobilenet0.25_voc", "yolo3_mobilenet0.25_voc", "mask_rcnn_fpn_resnet18_v1b_coco"),
    *("center_net_mobilenetv3_small_duc_voc", "center_net_resnet18_v1b_dcnv2_voc"),
    *("simple_pose_resnet18_v1b", "mobile_pose_mobilenetv3_small", "siamrpn_alexnet_v2_otb15"),
    *("monodepth2_resnet18_kitti_mono_640x192", "monodepth2_resnet18_posenet_kitti_mono_640x192"),
    *("fcn_resnet50_voc", "hrnet_w18_small_v1_s", "resnet18_v1b_kinetics400"),
    *("inceptionv1_ucf101", "i3d_resnet50_v1_ucf101", "slowfast_4x16_resnet50_custom"),
    *("mobilenet0.25", "mobilenetv2_0.25", "mobilenetv3_small", "squeezenet1.1", "googlenet"),
    *("densenet121", "xception"),
)

# the smallest network of each family whose proof has a smaller size
FULL_SIZE = (
    *("i3d_inceptionv1_kinetics400", "i3d_inceptionv3_kinetics400", "i3d_resnet50_v1_custom"),
    *("i3d_nl5_resnet50_v1_kinetics400", "i3d_slow_resnet101_f16s4_kinetics700"),
    *("p3d_resnet50_kinetics400", "r2plus1d_resnet18_kinetics400"),
    "slowfast_4x16_resnet50_custom",
    *("monodepth2_resnet18_kitti_mono_640x192", "monodepth2_resnet18_posenet_kitti_mono_640x192"),
    *("ssd_512_mobilenet1.0_custom", "yolo3_mobilenet0.25_custom"),
    *("center_net_mobilenetv3_small_duc_voc", "custom_faster_rcnn_fpn", "custom_mask_rcnn_fpn"),
    *("faster_rcnn_resnet50_v1b_custom", "mask_rcnn_resnet18_v1b_coco"),
    *("alpha_pose_resnet101_v1b_coco", "mobile_pose_mobilenetv3_small", "simple_pose_resnet18_v1b"),
    *("danet_resnet50_citys", "deeplab_resnet50_citys", "fastscnn_citys"),
    *("fcn_resnet50_voc", "hrnet_w18_small_v1_s", "icnet_resnet50_citys"),
    "psp_resnet50_ade",
)
TOO_LARGE = "deeplab_v3b_plus"  # its Wide ResNet takes 20 GB at 480x480 in float64
FEW = 20  # proposals of an R-CNN
RCNNS = [name for name in OWN if "rcnn" in ZOO[name].family]


@pytest.mark.mxnet
def test_every_name_of_gluoncv_is_known() -> None:
    import_mxnet()
    with legacy_names():
        from gluoncv.model_zoo import get_model_list

        names = set(get_model_list())
    assert len(names) == 329
    assert names == {*load_catalog(), *ZOO}
    assert not set(load_catalog()) & set(ZOO)


@pytest.mark.mxnet
def test_published_hashes_are_gluoncvs() -> None:
    import_mxnet()
    from gluoncv.model_zoo.model_store import _model_sha1

    published = {entry.file: entry.sha1 for entry in ZOO.values() if entry.sha1}
    assert published == {file: _model_sha1[file] for file in published}
    assert len(published) == 162
    assert not {entry.file for entry in ZOO.values() if not entry.sha1} & _model_sha1.keys()


def test_int8_names_are_their_float_networks() -> None:
    names = [name for name in ZOO if name.endswith("_int8")]
    assert len(names) == 22
    for name in names:
        assert find_network(name).name == name.removesuffix("_int8")


def test_similar_names_are_suggested() -> None:
    with pytest.raises(UnknownModelError, match="did you mean ssd_512_resnet50_v1_voc"):
        find_network("ssd_512_resnet50_voc")


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.parametrize("name", QUICK)
def test_networks_are_equal(name: str) -> None:
    assert prove(ZOO[name], proposals=FEW if name in RCNNS else None).passed


@pytest.mark.mxnet
@pytest.mark.parametrize("name", QUICK)
def test_a_stored_graph_is_a_new_export(name: str) -> None:
    entry = ZOO[name]
    data = mapping_file(family_file(entry.family)).read_bytes()
    lines = decompressed(data, name, MAX_BYTES).decode().split("\n")
    line = next(line for line in lines if line.startswith(f'{{"name":"{name}",'))
    assert exported_line(entry) == line


def test_each_network_has_a_graph() -> None:
    for family in {entry.family for entry in ZOO.values()}:
        names = [entry.name for entry in ZOO.values() if entry.family == family]
        own = [name for name in names if ZOO[name].float_name is None]
        if own:
            data = mapping_file(family_file(family)).read_bytes()
            lines = decompressed(data, family, MAX_BYTES).decode().split("\n")
            assert [json.loads(line)["name"] for line in lines] == own


def test_stored_graphs_are_small() -> None:
    files = mapping_file("graphs/zoo").glob("*")
    assert sum(path.stat().st_size for path in files) < 600_000


@pytest.mark.mxnet
@pytest.mark.costly
def test_a_file_is_converted_by_name(tmp_path: Path) -> None:
    entry = ZOO["squeezenet1.1"]
    stored = load_zoo_graph(entry)
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=3))
    write_params(tmp_path / "mine.params", arrays)
    record = convert_zoo("SqueezeNet1.1", params=tmp_path / "mine.params", out=tmp_path / "out")
    assert isinstance(record, GraphRecord)
    assert (record.model, record.family) == ("squeezenet1.1", "squeezenet")
    assert record.source.kind == "params"
    assert record.parity.passed
    assert [each.shape for each in record.inputs] == [(None, 3, 224, 224)]
    program = torch.export.load(record.file).module()
    images = torch.randn(3, 3, 224, 224)
    module = build_module(stored.graph, arrays, inputs={"data": (3, 3, 224, 224)})
    with torch.no_grad():
        assert torch.equal(program(images), module(images))


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    arrays = {"features.0.weight": np.zeros((64, 3, 3, 3), np.float32)}
    write_params(tmp_path / "mine.params", arrays)
    with pytest.raises(GraphError, match=r"(?s)squeezenet1\.1: .*'features\.0\.bias' is not in"):
        convert_zoo("squeezenet1.1", params=tmp_path / "mine.params", out=tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


WITH_MORE = (
    *("monodepth2_resnet18_kitti_mono_640x192", "i3d_inceptionv1_kinetics400", "googlenet"),
    *("monodepth2_resnet18_posenet_kitti_mono_640x192", "i3d_nl5_resnet50_v1_kinetics400"),
    *("i3d_slow_resnet101_f16s4_kinetics700", "custom_mask_rcnn_fpn", "ssd_300_vgg16_atrous_voc"),
    *("custom_faster_rcnn_fpn", "faster_rcnn_fpn_resnet50_v1b_coco"),
)


@pytest.mark.mxnet
@pytest.mark.parametrize("name", WITH_MORE)
def test_files_of_gluoncv_have_second_names_and_unused_arrays(name: str, tmp_path: Path) -> None:
    entry = ZOO[name]
    shapes = load_zoo_graph(entry).shapes
    own = parameters_of(zoo_block(name, entry.options))
    used = {id(own[key]) for key in shapes if key in own}
    assert {key for key, each in own.items() if id(each) not in used} == {*entry.unused}
    names = {*shapes, *own}
    zero = np.zeros(1, np.float32)
    write_params(tmp_path / "net.params", dict.fromkeys(names, zero))
    arrays = load_zoo_arrays(entry, shapes, {}, Source("params"), tmp_path / "net.params")
    assert arrays.keys() == shapes.keys()


FIXED_SIZES = (
    *("danet_resnet50_citys", "deeplab_resnest50_ade", "deeplab_v3b_plus_wideresnet_citys"),
    *("fastscnn_citys", "fcn_resnet50_voc", "icnet_resnet50_citys", "psp_resnet50_ade"),
)


@pytest.mark.mxnet
@pytest.mark.parametrize("name", FIXED_SIZES)
def test_a_graph_for_another_image_size_is_the_network_built_for_it(name: str) -> None:
    entry, inputs = ZOO[name], {"data": (1, 3, 96, 160)}
    traced = trace(name, {**entry.options, "height": 96, "width": 160}, inputs)
    line = zoo_line(name, traced.symbol, traced.structural, traced.prefix, traced.shapes, {})
    expected = parse_symbol(line.encode(), name)
    stored = load_zoo_graph(entry).graph
    assert stored.nodes != expected.nodes
    assert for_inputs(stored, entry.inputs, inputs).nodes == expected.nodes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": ((96, 96),)}, "give the shapes of this one with inputs"),
        ({"reference": "graph"}, "compare the graph with itself"),
        ({"layout": "torchvision"}, "layout applies to catalogue networks"),
    ],
)
def test_options_that_do_not_apply_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Request(model="vgg16", init="random", **options)


@pytest.mark.mxnet
def test_boxes_of_no_image_are_pooled_as_zeros(tmp_path: Path) -> None:
    """MXNet's kernel leaves them unwritten, and sets an element of another box to 0."""
    sym = import_mxnet().sym
    data, boxes = sym.var("data"), sym.var("boxes")
    pooled = sym.contrib.ROIAlign(
        data, boxes, pooled_size=(2, 2), spatial_scale=0.5, sample_ratio=2
    )
    (tmp_path / "net-symbol.json").write_text(sym.Group([pooled, boxes * 2]).tojson())
    rng = np.random.default_rng(0)
    corners = np.array([[0, 1, 2, 9, 8], [-1, 0, 0, 5, 5], [1, 2, 2, 7, 9], [-1, -1, -1, -1, -1]])
    given = {"data": rng.standard_normal((2, 3, 8, 8)), "boxes": corners.astype(float)}
    reference = ExportedReference(tmp_path / "net-symbol.json", {})
    reference.cast("float64")
    expected, doubled = reference(given).values()
    assert not expected[[1, 3]].any()
    assert expected[[0, 2]].all()
    assert np.array_equal(doubled, 2 * corners)
    graph = read_symbol(tmp_path / "net-symbol.json")
    shapes = {name: array.shape for name, array in given.items()}
    module = build_module(graph, {}, dtype="float64", inputs=shapes)
    assert "pooled all boxes" in reference_notes(Network(graph, {}, None, ()))[0]
    actual, _ = module(*(torch.from_numpy(given[node.name]) for node in graph.variables()))
    assert np.abs(actual.numpy() - expected).max() <= 1e-14


@pytest.mark.mxnet
@pytest.mark.parametrize("name", RCNNS)
def test_a_graph_with_fewer_proposals_is_the_network_built_so(name: str) -> None:
    def change(net: Any) -> None:
        net._rpn_test_post_nms = net.rpn._test_post_nms = FEW
        net._rcnn_max_dets = FEW

    found = with_proposals(load_zoo_graph(ZOO[name]).graph, FEW)
    assert structure(found) == structure(traced(ZOO[name], change).graph)


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.parametrize("name", sorted({*OWN} - {*QUICK} - {*UNPROVED}))
def test_all_networks_are_equal(name: str) -> None:
    assert prove(ZOO[name], proposals=FEW if name in RCNNS else None).passed


def test_the_readme_counts_the_networks_that_are_proved() -> None:
    """Of every name, that of an int8 network too, with the precision of MXNet's own results."""
    counts: dict[str, list[int]] = {}
    for name, entry in ZOO.items():
        own = entry.float_name or name
        graph = load_zoo_graph(ZOO[own]).graph if own in ZOO else load_graph(own).graph
        exact = limits(graph).get("float64") == EXACT
        row = counts.setdefault(entry.task, [0, 0, 0])
        row[0] += 1
        row[1 if exact else 2] += own not in UNPROVED
    for entry in load_catalog().values():
        grouped = entry.family == "resnet_v1b_gn"  # MXNet has GroupNorm in float32 only
        counts["classification"][0] += 1
        counts["classification"][2 if grouped else 1] += 1
    text = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    found = {task.split()[0]: [int(count) for count in row] for task, *row in rows}
    assert found == counts | {"all": [sum(column) for column in zip(*counts.values(), strict=True)]}
    assert found["all"][0] == 329
    assert all(reason in text and name in text for name, reason in UNPROVED.items())


def test_each_family_is_proved_at_its_published_size() -> None:
    """Families without a network in the list are proved at their published size anyway."""

    def sizes(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[int, ...]]:
        return [shape[1:] for shape in shapes.values()]  # batches may differ

    smaller = {entry.family for entry in ZOO.values() if sizes(entry.proof) != sizes(entry.inputs)}
    assert smaller - {TOO_LARGE} == {ZOO[name].family for name in FULL_SIZE}


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.parametrize("name", FULL_SIZE)
def test_a_network_of_each_family_is_equal_at_its_published_size(name: str) -> None:
    assert prove(ZOO[name], ZOO[name].inputs).passed
