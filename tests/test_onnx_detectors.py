"""ONNX files of detectors, in onnxruntime: their rows are those of MXNet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx, nn

from gluon2torch.checkpoints.formats import graph_onnx, onnx_translations
from gluon2torch.checkpoints.formats.job import GraphJob
from gluon2torch.checkpoints.formats.stepwise_check import (
    largest_difference,
    nodes_before_jumps,
    with_outputs,
)
from gluon2torch.checkpoints.formats.traced_operations import traced_nodes
from gluon2torch.errors import CheckpointError
from gluon2torch.graph.inputs.free_dimensions import Free
from gluon2torch.graph.inputs.input_spec import InputSpec
from gluon2torch.graph.layers.suppression import _settle
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

from .exported import export_symbol

pytestmark = [pytest.mark.mxnet, pytest.mark.onnxruntime]
SIZE = (64, 96)
BOXES = {"id_index": 0, "score_index": 1, "coord_start": 2, "overlap_thresh": 0.4, "topk": 30}


def layer(channels: int, stride: int) -> Any:
    gluon = import_mxnet().gluon.nn
    block = gluon.HybridSequential()
    block.add(gluon.Conv2D(channels, 3, stride, 1), gluon.Activation("relu"))
    return block


def small_ssd() -> Any:
    """GluonCV's SSD of two small feature maps."""
    from gluoncv.model_zoo.ssd import SSD

    class Features(import_mxnet().gluon.HybridBlock):  # type: ignore[misc]
        def __init__(self, **_: Any) -> None:
            super().__init__()
            self.one, self.other = layer(8, 8), layer(8, 2)

        def hybrid_forward(self, F: Any, x: Any) -> list[Any]:
            first = self.one(x)
            return [first, self.other(first)]

    return SSD(
        None,
        64,
        Features,
        None,
        sizes=[10, 25, 40],
        ratios=[[1, 2, 0.5]] * 2,
        steps=[8, 16],
        classes=["a", "b"],
        nms_topk=50,
        post_nms=60,
    )


def small_yolo() -> Any:
    """GluonCV's YOLOv3 of one small feature map."""
    from gluoncv.model_zoo.yolo import YOLOV3

    anchors = [[10, 14, 23, 27, 37, 58]]
    return YOLOV3([layer(8, 16)], [4], anchors, [16], ["a", "b"], nms_topk=50, post_nms=60)


def exported(make: Callable[[], Any], sigma: float, stem: Path) -> tuple[Any, list[Path]]:
    """A network of Gluon's with random weights of this size, and its files."""
    mx = import_mxnet()
    mx.random.seed(1)
    with legacy_names():
        net = make()
    net.initialize(mx.init.Normal(sigma))
    net.hybridize()
    net(mx.nd.zeros((1, 3, *SIZE)))
    net.export(str(stem))
    return net, [Path(f"{stem}-symbol.json"), Path(f"{stem}-0000.params")]


def session(path: Any) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


# with larger weights the scores of YOLO are nearly 1 and 7e-7 apart, less than their rounding
# of 1.3e-6 in onnxruntime, and two rows are exchanged
@pytest.mark.costly
@pytest.mark.parametrize(
    ("make", "sigma"), [pytest.param(small_ssd, 0.5, marks=pytest.mark.slow), (small_yolo, 0.2)]
)
def test_detections_are_those_of_mxnet(
    make: Callable[[], Any], sigma: float, tmp_path: Path
) -> None:
    net, files = exported(make, sigma, tmp_path / "net")
    options: dict[str, Any] = {"out": tmp_path, "inputs": {"data": (1, 3, *SIZE)}}
    record = convert_graph(*files, formats=["onnx"], reference="none", **options)
    (shape,) = (each.shape for each in record.inputs)
    assert shape[0] is None
    compute = session(record.file)
    for batch in (1, 4):
        images = np.random.default_rng(3).standard_normal((batch, 3, *SIZE)).astype(np.float32)
        rows = compute.run(None, {"data": images})
        expected = [each.asnumpy() for each in net(import_mxnet().nd.array(images))]
        ids, scores, _ = expected
        assert 5 < (ids >= 0).sum() / batch < ids.shape[1]
        assert len(np.unique(scores[ids >= 0])) > 5
        for one, other in zip(rows, expected, strict=True):
            assert np.abs(one - other).max() <= 1e-5 * np.abs(other).max()


@pytest.fixture(scope="module")
def suppression(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A job for a graph that is nothing but MXNet's NMS."""
    from gluon2torch.graph.importer import import_graph

    folder = tmp_path_factory.mktemp("nms")
    boxes = import_mxnet().sym.contrib.box_nms(import_mxnet().sym.var("data"), **BOXES)
    shape = (1, 50, 6)
    module = import_graph(*export_symbol(boxes, folder / "nms", {"data": shape}))
    specs = {"data": InputSpec(shape)}
    return GraphJob({}, folder, "nms", module, specs, ("nms",), Free(batch=True), "", "")


def detections(seed: int, batch: int = 3) -> np.ndarray[Any, Any]:
    """Boxes of which many have equal scores, and some are equal."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(-1, 3, (batch, 50, 1))
    scores = rng.integers(0, 12, (batch, 50, 1)) / 8 - 0.25
    corners = rng.integers(0, 8, (batch, 50, 2))
    sides = rng.integers(0, 5, (batch, 50, 2))
    return np.concatenate([classes, scores, corners, corners + sides], 2).astype(np.float32)


@pytest.mark.costly
def test_equal_scores_are_sorted_as_in_the_module(suppression: GraphJob) -> None:
    written = graph_onnx.write_graph_onnx(suppression)
    compute = session(written.file)
    for seed in range(20):
        rows = detections(seed)
        (found,) = compute.run(None, {"data": rows})
        assert np.array_equal(found, suppression.module(torch.from_numpy(rows)).numpy())
        assert 10 < (found[..., 0] >= 0).sum() < 90
    content = Path(written.file).read_bytes()
    assert b".py" not in content  # the exporter's source paths, in the loop's body, too
    assert graph_onnx.write_graph_onnx(suppression).sha256 == written.sha256


class Settled(nn.Module):
    """The suppression of one block of boxes."""

    def forward(self, valid: torch.Tensor, removes: torch.Tensor) -> torch.Tensor:
        return _settle(valid, removes)


@pytest.mark.filterwarnings("ignore")  # of the exporter
def test_a_loop_over_no_boxes_ends(tmp_path: Path) -> None:
    """As over the last blocks of boxes in small images: `any` of nothing is true in onnxruntime."""
    import onnxruntime

    examples = torch.ones(1, 5, dtype=torch.bool), torch.zeros(1, 5, 5, dtype=torch.bool)
    boxes = torch.export.Dim("boxes", min=0)
    shapes = {"valid": {1: boxes}, "removes": {1: boxes, 2: boxes}}
    program = torch.onnx.export(Settled().eval(), examples, dynamo=True, dynamic_shapes=shapes)
    program.save(tmp_path / "block.onnx")
    compute, options = session(tmp_path / "block.onnx"), onnxruntime.RunOptions()
    timer = threading.Timer(20, setattr, (options, "terminate", True))
    timer.start()
    for count in (0, 1, 7):
        data = np.ones((1, count), bool), np.triu(np.ones((1, count, count), bool), 1)
        (found,) = compute.run(None, dict(zip(shapes, data, strict=True)), options)
        assert found.tolist() == [[number == 0 for number in range(count)]]
    timer.cancel()


def test_another_sort_is_not_written(
    suppression: GraphJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = onnx_translations._sort

    def wrong(values: Any, stable: bool = True, dim: int = -1, descending: bool = False) -> Any:
        return right(values, stable, dim, not descending)

    monkeypatch.setattr(onnx_translations, "_sort", wrong)
    with pytest.raises(CheckpointError, match="onnx in onnxruntime differs from the module by"):
        graph_onnx.write_graph_onnx(suppression)


class Best(nn.Module):
    """The rows of a matrix, after a layer, by their first value."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        values = self.layer(rows)
        order = values[:, 0].sort(stable=True, descending=True).indices
        return 2 * values[order]


def test_exchanged_rows_are_compared_on_equal_inputs(tmp_path: Path) -> None:
    """Where rounding exchanges two rows, but not where a value differs."""
    module = fx.symbolic_trace(Best())
    specs = {"rows": InputSpec((5, 4))}
    job = GraphJob({}, tmp_path, "best", module, specs, ("best",), Free(), "", "")
    nodes = nodes_before_jumps(traced_nodes(job))
    assert [node.name for node in nodes] == ["getitem"]
    rows = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    rows[1] = rows[0] + np.float32(1e-7)

    def elsewhere(scale: float, shift: float) -> list[np.ndarray[Any, Any]]:
        with torch.no_grad():
            values = module.layer(torch.from_numpy(rows))
            scores = values[:, 0].clone()
            scores[0], scores[1] = scores[1] + shift, scores[0] - shift
            order = scores.sort(stable=True, descending=True).indices
            return [(2 * scale * values[order]).numpy(), scores.numpy()]

    with torch.no_grad():
        heads = with_outputs(module, nodes)(torch.from_numpy(rows))
    assert [tuple(each.shape) for each in heads] == [(5, 4), (5,)]
    inputs = {"rows": rows}
    direct = np.abs(heads[0].numpy() - elsewhere(1, 1e-7)[0]).max()
    found = largest_difference(module, inputs, elsewhere(1, 1e-7), nodes)
    assert found <= 1e-6
    assert largest_difference(module, inputs, elsewhere(1.001, 1e-7), nodes) > 1e-4
    assert largest_difference(module, inputs, elsewhere(1, 1e-3), nodes) > 1e-4
    assert direct < 1
    wrong = [each[:3] for each in elsewhere(1, 0)]
    assert largest_difference(module, inputs, wrong, nodes) == np.inf


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("ssd_512_mobilenet1.0_voc", (160, 128)),
        ("yolo3_mobilenet1.0_voc", (64, 96)),
        ("center_net_resnet18_v1b_voc", (64, 96)),
        ("center_net_resnet18_v1b_dcnv2_voc", (64, 96)),
        ("faster_rcnn_resnet50_v1b_voc", (96, 128)),
        ("faster_rcnn_fpn_resnet50_v1b_coco", (128, 128)),
        ("mask_rcnn_resnet18_v1b_coco", (128, 160)),
        ("mask_rcnn_fpn_resnet18_v1b_coco", (128, 128)),
    ],
)
def test_each_kind_of_detector_is_written(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    record = convert_zoo(
        name,
        init="random",
        formats=["onnx"],
        reference="none",
        out=tmp_path,
        inputs={"data": (1, 3, *size)},
    )
    assert record.file.endswith(".onnx")


@pytest.mark.parametrize(
    ("operator", "attributes", "columns"),
    [
        ("ROIAlign", {"sample_ratio": 2}, 5),
        ("ROIAlign", {"sample_ratio": 2, "aligned": True}, 5),
        ("ROIAlign", {"sample_ratio": 2, "position_sensitive": True}, 5),
        ("RROIAlign", {"sampling_ratio": 2}, 6),
    ],
)
def test_pooled_regions_are_those_of_the_module(
    operator: str, attributes: dict[str, Any], columns: int, tmp_path: Path
) -> None:
    from gluon2torch.graph.importer import import_graph

    sym = import_mxnet().sym
    pool = getattr(sym.contrib, operator)(
        sym.var("data"), sym.var("rois"), pooled_size=(2, 3), spatial_scale=0.5, **attributes
    )
    shapes = {"data": (2, 12, 9, 11), "rois": (6, columns)}
    module = import_graph(*export_symbol(pool, tmp_path / "pool", shapes))
    specs = {name: InputSpec(shape) for name, shape in shapes.items()}
    job = GraphJob({}, tmp_path, "pool", module, specs, ("pool",), Free(), "", "")
    compute = session(graph_onnx.write_graph_onnx(job).file)
    rng = np.random.default_rng(0)
    maps = rng.standard_normal(shapes["data"]).astype(np.float32)
    corners = rng.uniform(-4, 12, (6, 2))
    numbers = [[-1], [0], [1], [1], [0], [1]] if columns == 5 else [[0], [0], [1], [1], [0], [1]]
    places = [numbers, corners, corners + rng.uniform(-1, 20, (6, 2)), np.ones((6, columns - 5))]
    rows = np.concatenate(places, 1).astype(np.float32)
    (found,) = compute.run(None, {"data": maps, "rois": rows})
    expected = module(torch.from_numpy(maps), torch.from_numpy(rows)).numpy()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
