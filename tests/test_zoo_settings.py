"""Settings of NMS in stored graphs: the graphs that MXNet traces of GluonCV's networks after
`set_nms`, and their outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gluon2torch.checkpoints.program import open_program
from gluon2torch.cli import main
from gluon2torch.errors import GraphError
from gluon2torch.graph.inputs.shapes import input_specs
from gluon2torch.graph.symbols.symbol_writer import symbol_json
from gluon2torch.graph.zoo.class_count import dependence, with_classes
from gluon2torch.graph.zoo.nms_settings import NmsSettings
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.graph.zoo.zoo_settings import with_settings
from gluon2torch.mappings.heads import load_heads
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.pipeline.graph_inputs import build_for_shapes
from gluon2torch.pipeline.graph_proof import Network, prove_graph
from gluon2torch.pipeline.request import Request
from gluon2torch.pipeline.zoo_conversion import WITHOUT_THRESHOLD, convert_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .graph_structure import structure, traced

ZOO, HEADS = load_zoo(), load_heads()
SSD, YOLO = "ssd_300_mobilenet0.25_custom", "yolo3_mobilenet0.25_custom"
RCNN, FPN = "faster_rcnn_resnet50_v1b_custom", "custom_faster_rcnn_fpn"
MASK, CENTER = "mask_rcnn_resnet18_v1b_coco", "center_net_mobilenetv3_small_duc_voc"
Change = Callable[[Any], None]


def nms(**settings: Any) -> Change:
    return lambda net: net.set_nms(**settings)


def decoder_threshold(value: float) -> Change:
    """GluonCV has no function for the threshold of scores before NMS."""

    def change(net: Any) -> None:
        for block in (getattr(net, "cls_decoder", None), getattr(net, "decoder", None)):
            if block is not None and hasattr(block, "_thresh"):
                block._thresh = value

    return change


def top(count: int) -> Change:
    def change(net: Any) -> None:
        net.decoder._topk = count

    return change


DETECTORS = [
    name for name, entry in ZOO.items() if entry.task == "detection" and not entry.float_name
]
CASES: list[tuple[str, NmsSettings, Change]] = [
    (SSD, NmsSettings(nms_thresh=0.6), nms(nms_thresh=0.6)),
    (
        SSD,
        NmsSettings(nms_thresh=0.3, nms_topk=50, post_nms=20),
        nms(nms_thresh=0.3, nms_topk=50, post_nms=20),
    ),
    (SSD, NmsSettings(nms_topk=-1, post_nms=-1), nms(nms_topk=-1, post_nms=-1)),
    (SSD, NmsSettings(nms=False), nms(nms_thresh=0)),
    (
        YOLO,
        NmsSettings(nms_thresh=0.5, nms_topk=30, post_nms=10),
        nms(nms_thresh=0.5, nms_topk=30, post_nms=10),
    ),
    (YOLO, NmsSettings(post_nms=-1), nms(post_nms=-1)),
    (YOLO, NmsSettings(nms=False), nms(nms_thresh=1)),
    (RCNN, NmsSettings(nms_thresh=0.5, nms_topk=40), nms(nms_thresh=0.5, nms_topk=40)),
    (FPN, NmsSettings(nms_topk=-1), nms(nms_topk=-1)),
    (MASK, NmsSettings(nms_thresh=0.7, nms_topk=9), nms(nms_thresh=0.7, nms_topk=9)),
    (CENTER, NmsSettings(nms_topk=7), top(7)),
]


@pytest.mark.mxnet
@pytest.mark.parametrize(("name", "settings", "change"), CASES)
def test_a_rewritten_graph_is_gluoncvs(name: str, settings: NmsSettings, change: Change) -> None:
    entry = ZOO[name]
    stored = load_zoo_graph(entry).graph
    actual = structure(with_settings(stored, HEADS[entry.head or ""], settings))
    assert actual == structure(traced(entry, change).graph)
    assert actual != structure(stored)


def box_nms(**replaced: Any) -> Any:
    """MXNet's box_nms with other arguments, where GluonCV writes them into its code."""
    original = import_mxnet().sym.contrib.box_nms
    return mock.patch(
        "mxnet.sym.contrib.box_nms",
        lambda data, **given: original(
            data, **{**given, **(replaced if "valid_thresh" in given else {})}
        ),
    )


OUTPUTS: list[Any] = [
    (
        SSD,
        NmsSettings(nms_thresh=0.2, nms_topk=60, post_nms=30),
        nms(nms_thresh=0.2, nms_topk=60, post_nms=30),
    ),
    (YOLO, NmsSettings(nms_thresh=0.2, nms_topk=60), nms(nms_thresh=0.2, nms_topk=60)),
    (CENTER, NmsSettings(nms_topk=25), top(25)),
    pytest.param(
        *(FPN, NmsSettings(nms_thresh=0.6, nms_topk=50), nms(nms_thresh=0.6, nms_topk=50)),
        marks=pytest.mark.slow,
    ),
]


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.parametrize(("name", "settings", "change"), OUTPUTS)
def test_outputs_are_gluoncvs(name: str, settings: NmsSettings, change: Change) -> None:
    """Torch computes the rewritten graph, and MXNet GluonCV's."""
    entry = ZOO[name]
    stored = load_zoo_graph(entry)
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=2))
    graph = with_settings(stored.graph, HEADS[entry.head or ""], settings)
    theirs = traced(entry, change).graph
    given = {key: (shape, "float32") for key, shape in entry.proof.items()}
    specs = input_specs(graph, arrays, given)
    built = build_for_shapes(graph, arrays, specs, specs)
    network = Network(theirs, arrays, symbol_json(theirs), (), detections=True)
    assert prove_graph(built, network, "gluon", 0).passed


@pytest.mark.mxnet
@pytest.mark.parametrize("name", [SSD, YOLO, RCNN, MASK])
def test_scores_have_one_threshold(name: str) -> None:
    """It is that of the decoder and of NMS, so that a lower one has an effect, too."""
    import_mxnet()
    entry = ZOO[name]
    with box_nms(valid_thresh=0.001):
        expected = traced(entry, decoder_threshold(0.001)).graph
    stored = load_zoo_graph(entry).graph
    actual = with_settings(stored, HEADS[entry.head or ""], NmsSettings(score_thresh=0.001))
    assert structure(actual) == structure(expected)


@pytest.mark.mxnet
def test_boxes_of_rcnn_before_nms() -> None:
    """GluonCV cannot leave out this NMS."""
    import_mxnet()
    entry = ZOO[RCNN]
    original = import_mxnet().sym.contrib.box_nms

    def only_of_proposals(data: Any, **given: Any) -> Any:
        return data if "valid_thresh" in given else original(data, **given)

    with mock.patch("mxnet.sym.contrib.box_nms", only_of_proposals):
        expected = traced(entry).graph
    actual = with_settings(
        load_zoo_graph(entry).graph, HEADS["faster_rcnn"], NmsSettings(nms=False)
    )
    assert structure(actual) == structure(expected)


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_has_the_numbers_of_its_head(name: str) -> None:
    entry = ZOO[name]
    head = HEADS[entry.head or ""]
    stored = load_zoo_graph(entry).graph
    for setting in head.settings:
        value = 0.55 if setting.endswith("thresh") else 17
        changed = with_settings(stored, head, NmsSettings(**{setting: value}))  # type: ignore[arg-type]
        assert changed.nodes != stored.nodes


def test_only_detectors_have_settings() -> None:
    heads = {entry.head for entry in ZOO.values() if entry.task != "detection"}
    assert heads == {None, "logits"}
    assert not HEADS["logits"].settings


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (CENTER, NmsSettings(nms_thresh=0.5), "no nms_thresh; its settings are nms_topk$"),
        (MASK, NmsSettings(nms=False), r"no outputs before NMS"),
        (CENTER, NmsSettings(nms_topk=-1), "nms_topk=-1: this network needs a number"),
        (CENTER, NmsSettings(nms=False), r"no outputs before NMS \(nms=False\)"),
        (RCNN, NmsSettings(post_nms=5), "no post_nms.* nms_thresh, score_thresh, nms_topk$"),
        ("fcn_resnet50_voc", NmsSettings(nms_topk=5), "no nms_topk; it is not a detector"),
        ("simple_pose_resnet18_v1b", NmsSettings(nms_topk=5), "no nms_topk; it is not a detector"),
    ],
)
def test_settings_that_a_network_does_not_have_are_refused(
    name: str, settings: NmsSettings, message: str
) -> None:
    entry = ZOO[name]
    head = HEADS[entry.head] if entry.head else None
    with pytest.raises(GraphError, match=f"{name}: .*{message}"):
        with_settings(load_zoo_graph(entry).graph, head, settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nms_thresh": 1.0}, "nms_thresh=1.0: expected a number from 0 to below 1"),
        ({"nms_thresh": float("nan")}, "expected a number from 0 to below 1"),
        ({"nms_thresh": 0.0}, "give nms=False"),
        ({"score_thresh": -0.1}, "score_thresh=-0.1"),
        ({"nms_topk": 0}, "expected 1 or more, or -1 for all"),
        ({"post_nms": -2}, "post_nms=-2"),
        ({"nms_topk": 5.0}, "nms_topk=5.0"),
        ({"nms_topk": True}, "nms_topk=True"),
        ({"nms_thresh": "0.5"}, "nms_thresh=0.5: expected a number"),
        ({"post_nms": 5, "nms": False}, "omit post_nms"),
        ({"score_thresh": 0.1, "nms": False}, "omit score_thresh"),
    ],
)
def test_invalid_settings_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NmsSettings(**given)


def test_numbers_of_numpy_are_settings() -> None:
    settings = NmsSettings(score_thresh=np.float32(0.5), nms_topk=np.int64(7))
    assert settings.given() == {"score_thresh": 0.5, "nms_topk": 7}


@pytest.mark.mxnet
@pytest.mark.costly
def test_a_file_is_converted_with_other_classes_and_settings(tmp_path: Path) -> None:
    entry = ZOO["yolo3_mobilenet0.25_coco"]
    stored = load_zoo_graph(entry)
    known = dependence(stored, HEADS["yolo3"])
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=1))
    for name, shape in with_classes(stored, known, 3).shapes.items():
        arrays[name] = arrays[name][: shape[0]] if shape else arrays[name]
    write_params(tmp_path / "mine.params", arrays)
    record = convert_zoo(
        entry.name,
        params=tmp_path / "mine.params",
        out=tmp_path / "out",
        inputs={"data": (1, 3, 96, 64)},
        nms_thresh=0.3,
        score_thresh=0.02,
        post_nms=20,
        formats=["pth"],
    )
    assert record.parity.passed
    assert record.num_classes == 3
    assert "the graph was changed from 80 classes to the file's 3" in record.notes
    assert (
        "settings of detections that were changed in the graph: nms_thresh = 0.3, "
        "score_thresh = 0.02, post_nms = 20"
    ) in record.notes
    module = open_program(record.file).module()
    with torch.no_grad():
        ids, scores, boxes = module(torch.randn(2, 3, 96, 64))
    assert (ids.shape, boxes.shape) == ((2, 20, 1), (2, 20, 4))
    assert set(ids.unique().tolist()) <= {-1, 0, 1, 2}
    assert ((scores == -1) | (scores > 0.02)).all()


@pytest.mark.mxnet
@pytest.mark.costly
def test_outputs_before_nms_are_proved(tmp_path: Path) -> None:
    record = convert_zoo(
        YOLO,
        init="random",
        out=tmp_path,
        inputs={"data": (1, 3, 64, 64)},
        nms=False,
        formats=["pth"],
    )
    assert record.parity.passed
    assert "the outputs are those before NMS, which the graph has in GluonCV" in record.notes
    ids, _, boxes = open_program(record.file).module()(torch.randn(1, 3, 64, 64))
    rows = 3 * 3 * (2 * 2 + 4 * 4 + 8 * 8)  # classes, anchors, cells
    assert (ids.shape, boxes.shape) == ((1, rows, 1), (1, rows, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnet18_v1", "nms_thresh": 0.5}, "settings of GluonCV's detectors"),
        ({"symbol": "net-symbol.json", "params": "a.params", "post_nms": 5}, "name one as model"),
        ({"model": SSD, "score_thresh": 2.0}, "score_thresh=2.0: expected"),
    ],
)
def test_requests_with_other_networks_or_values_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Request(**options)


def test_a_network_without_the_setting_is_refused_before_its_weights_are_read(
    tmp_path: Path,
) -> None:
    with pytest.raises(ValueError, match="fcn_resnet50_voc: .*no post_nms; it is not a detector"):
        convert_zoo("fcn_resnet50_voc", init="random", out=tmp_path / "out", post_nms=5)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_the_command_line_has_the_settings(tmp_path: Path) -> None:
    runner = CliRunner()
    given = ["--nms-thresh", "0.4", "--score-thresh", "0.1", "--topk", "9", "--post-nms", "3"]
    missing = ["--params", str(tmp_path / "none.params"), "-o", str(tmp_path)]
    result = runner.invoke(main, ["convert", CENTER, *given, *missing])
    assert result.exit_code == 2
    assert "no --score-thresh and no --post-nms; its settings are --topk" in " ".join(
        result.output.split()
    )
    result = runner.invoke(main, ["convert", "resnet18_v1", "--no-nms", *missing])
    assert result.exit_code == 2
    assert "--nms are settings of GluonCV's detectors" in " ".join(result.output.split())


@pytest.mark.mxnet
@pytest.mark.costly
def test_a_detector_that_finds_nothing_in_noise_is_proved(tmp_path: Path) -> None:
    """Its scores are those of the background, as a trained detector's are on random images."""
    entry = ZOO["ssd_300_mobilenet0.25_voc"]
    stored = load_zoo_graph(entry)
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=0))
    for name, array in arrays.items():
        if name.startswith("class_predictors") and name.endswith("bias"):
            array.reshape(-1, 21)[:, 0] = 40  # class 0 is the background
    write_params(tmp_path / "net.params", arrays)
    given: dict[str, Any] = {"params": tmp_path / "net.params", "formats": ["pth"]}
    record = convert_zoo(entry.name, out=tmp_path / "out", **given)
    assert record.parity.passed
    assert WITHOUT_THRESHOLD in record.notes
    unproved = convert_zoo(entry.name, out=tmp_path / "unproved", reference="none", **given)
    assert WITHOUT_THRESHOLD not in unproved.notes
    assert unproved.sha256 == record.sha256
    with torch.no_grad():
        ids, _, _ = open_program(record.file).module()(torch.randn(1, 3, 300, 300))
    assert (ids == -1).all()
