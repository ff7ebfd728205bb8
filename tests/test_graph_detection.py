"""MXNet's operators of object detection: boxes, scores and classes are equal, and their order."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from gluon2torch import import_graph
from gluon2torch.graph.importer import build_module, read_arrays
from gluon2torch.graph.layers import suppression
from gluon2torch.graph.operators.boxes import OPERATORS
from gluon2torch.graph.symbols.precision import limits
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.parity.exported_reference import ExportedReference
from gluon2torch.sources.mxnet_compat import import_mxnet

from .exported import export
from .fuzz.generators.detection import GENERATORS, anchors, boxes
from .fuzz.operator_case import Arrays, Case, difference, imported
from .operator_trials import (
    Trial,
    check,
    check_export,
    check_refusals,
    module_of,
)

pytestmark = pytest.mark.mxnet


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def detections(batch: int = 2, count: int = 30, seed: int = 0) -> Arrays:
    """Rows of a class, a score of which many are equal, and a box."""
    rng = random(seed)
    labels = rng.integers(0, 3, (batch, count, 1))
    values = np.round(rng.random((batch, count, 1)) * 8) / 8
    return {"data": np.concatenate([labels, values, boxes(rng, (batch, count))], -1)}


NMS = {"overlap_thresh": "0.3", "valid_thresh": "0.2", "id_index": "0"}
SSD = {
    "cls_prob": np.round(random().random((2, 3, 24)) * 8) / 8,
    "loc_pred": random().normal(0, 0.5, (2, 96)),
    "anchor": anchors(random(1), 24),
}
TARGET = {
    "anchor": anchors(random(1), 24),
    "label": np.concatenate(
        [random().integers(0, 2, (2, 3, 1)), anchors(random(), 6).reshape(2, 3, 4)], -1
    ),
    "cls_pred": random().normal(0, 1, (2, 3, 24)),
}
TARGET["label"][1, 2] = -1.0
RPN = {
    "cls_prob": random().permutation(6 * 20).reshape(1, 6, 4, 5) / 120,
    "bbox_pred": random().normal(0, 0.3, (1, 12, 4, 5)),
    "im_info": np.array([[64.0, 80.0, 1.0]]),
}
ANCHORS = {"scales": "(2,)", "ratios": "(0.5, 1, 2)", "rpn_min_size": "0"}
FEW = {**ANCHORS, "rpn_post_nms_top_n": "10"}
RPN_BATCH = {name: np.concatenate([each, each[..., ::-1]]) for name, each in RPN.items()}
RPN_BATCH["im_info"] = np.array([[64.0, 80.0, 1.0], [64.0, 80.0, 2.0]])
PAIR = {"left": boxes(random(), (2, 4)), "right": boxes(random(1), (3,))}
CODED = {"data": random().normal(0, 1, (2, 6, 4)), "anchors": anchors(random(), 6)}
STDS = {"std0": "0.1", "std1": "0.2", "std2": "0.2", "std3": "1.736", "clip": "0.3"}
SAMPLED = {
    "samples": random().integers(-1, 2, (2, 6)).astype(float),
    "matches": random().integers(0, 3, (2, 6)).astype(float),
    "anchors": anchors(random(), 12).reshape(2, 6, 4),
    "refs": anchors(random(1), 6).reshape(2, 3, 4),
    "means": np.array([0.1, 0.2, 0.3, 0.4]),
    "stds": np.array([0.1, 0.1, 0.2, 0.3]),
}
MATCHED = {"data": np.round(random().random((2, 5, 4)) * 8) / 8}
MINED = {"negative_mining_ratio": "3", "negative_mining_thresh": "0.5"}
TRIALS = [
    Trial(Case("_contrib_box_nms", NMS, detections()), {"overlap_thresh": "0.6"}),
    Trial(Case("_contrib_box_nms", NMS, detections()), {"valid_thresh": "0.4"}),
    Trial(Case("_contrib_box_nms", NMS, detections()), {"force_suppress": "True"}),
    Trial(Case("_contrib_box_nms", NMS, detections()), {"background_id": "1"}),
    Trial(Case("_contrib_box_nms", {**NMS, "topk": "7"}, detections()), {"topk": "6"}),
    Trial(Case("_contrib_box_nms", {"topk": "0"}, detections()), {"topk": "-1"}),
    Trial(
        Case("_contrib_box_nms", {**NMS, "in_format": "center"}, detections()),
        {"in_format": "corner"},
    ),
    Trial(
        Case("_contrib_box_nms", {**NMS, "out_format": "center"}, detections()),
        {"out_format": "corner"},
    ),
    Trial(Case("_contrib_box_nms", {**NMS, "valid_thresh": "2"}, detections()), NMS),
    # more boxes than have their overlaps in memory at once
    Trial(Case("_contrib_box_nms", NMS, detections(1, 1300)), {"overlap_thresh": "0.31"}),
    Trial(Case("_contrib_box_iou", {}, PAIR), {"format": "center"}),
    Trial(Case("_contrib_box_iou", {"format": "center"}, PAIR), {"format": "corner"}),
    Trial(Case("_contrib_box_decode", STDS, CODED), {"std3": "1.5"}),
    Trial(Case("_contrib_box_decode", STDS, CODED), {"clip": "0.2"}),
    Trial(Case("_contrib_box_decode", STDS, CODED), {"format": "corner"}),
    Trial(Case("_contrib_box_encode", {}, SAMPLED, outputs=2), "_contrib_box_iou", refused=True),
    Trial(
        Case("_contrib_bipartite_matching", {"threshold": "0.1"}, MATCHED, outputs=2),
        {"threshold": "0.9"},
    ),
    Trial(
        Case(
            "_contrib_bipartite_matching",
            {"threshold": "0.9", "is_ascend": "True"},
            MATCHED,
            outputs=2,
        ),
        {"is_ascend": "False"},
    ),
    Trial(
        Case("_contrib_bipartite_matching", {"threshold": "0.1", "topk": "2"}, MATCHED, outputs=2),
        {"topk": "1"},
    ),
    Trial(
        Case(
            "_contrib_MultiBoxPrior",
            {"sizes": "(0.3, 0.5)", "ratios": "(2, 0.7)", "clip": "True"},
            {"data": np.ones((2, 3, 4, 5))},
        ),
        {"ratios": "(1, 0.7)"},
    ),
    Trial(
        Case(
            "_contrib_MultiBoxPrior",
            {"steps": "(0.1, 0.2)", "offsets": "(0.25, 0.75)"},
            {"data": np.ones((2, 3, 4, 5))},
        ),
        {"offsets": "(0.75, 0.25)"},
    ),
    Trial(Case("_contrib_MultiBoxDetection", {}, SSD), {"threshold": "0.6"}),
    Trial(Case("_contrib_MultiBoxDetection", {}, SSD), {"nms_threshold": "0.1"}),
    Trial(Case("_contrib_MultiBoxDetection", {}, SSD), {"force_suppress": "True"}),
    Trial(Case("_contrib_MultiBoxDetection", {"nms_topk": "5"}, SSD), {"nms_topk": "6"}),
    Trial(Case("_contrib_MultiBoxDetection", {"nms_threshold": "0"}, SSD), {"nms_threshold": "1"}),
    Trial(
        Case("_contrib_MultiBoxDetection", {"clip": "False"}, SSD),
        {"variances": "(0.1, 0.1, 0.2, 0.3)"},
    ),
    Trial(Case("_contrib_MultiBoxTarget", {}, TARGET, outputs=3), {"overlap_threshold": "0.2"}),
    Trial(Case("_contrib_MultiBoxTarget", MINED, TARGET, outputs=3), {"ignore_label": "-2"}),
    Trial(
        Case("_contrib_MultiBoxTarget", MINED, TARGET, outputs=3), {"negative_mining_ratio": "1"}
    ),
    Trial(
        Case("_contrib_MultiBoxTarget", {}, TARGET, outputs=3), {"variances": "(0.1,0.1,0.1,0.1)"}
    ),
    Trial(Case("_contrib_Proposal", FEW, RPN), {"threshold": "0.3"}),
    Trial(Case("_contrib_Proposal", FEW, RPN), {"scales": "(3,)"}),
    Trial(Case("_contrib_Proposal", FEW, RPN), {"ratios": "(0.6, 1, 2)"}),
    Trial(Case("_contrib_Proposal", FEW, RPN), {"feature_stride": "15"}),
    Trial(Case("_contrib_Proposal", {**FEW, "iou_loss": "True"}, RPN), {"iou_loss": "False"}),
    Trial(
        Case("_contrib_Proposal", {**FEW, "rpn_pre_nms_top_n": "8"}, RPN),
        {"rpn_pre_nms_top_n": "7"},
    ),
    Trial(
        Case("_contrib_Proposal", {**FEW, "output_score": "True"}, RPN, outputs=2),
        {"rpn_post_nms_top_n": "11"},
    ),
    Trial(Case("_contrib_MultiProposal", FEW, RPN_BATCH), {"threshold": "0.3"}),
]


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_an_operator_is_mxnets_and_its_mutation_is_not(trial: Trial, tmp_path: Path) -> None:
    check(trial, tmp_path)


def test_nodes_with_wrong_attributes_are_imported_or_refused() -> None:
    check_refusals(TRIALS)


def test_every_operator_has_trials_and_random_cases() -> None:
    assert {trial.case.op for trial in TRIALS} == set(OPERATORS) == set(GENERATORS)


def ssd(seed: int) -> Arrays:
    return {
        "cls_prob": random(seed).random((2, 3, 24)).astype(np.float32),
        "loc_pred": random(seed).normal(0, 0.3, (2, 96)).astype(np.float32),
        "anchor": anchors(random(seed), 24).astype(np.float32),
    }


def rpn(seed: int) -> Arrays:
    found = {**RPN, "bbox_pred": random(seed).normal(0, 0.3, (1, 12, 4, 5))}
    return {name: each.astype(np.float32) for name, each in found.items()}


@pytest.mark.parametrize(
    ("op", "attributes", "data"),
    [
        ("_contrib_box_nms", NMS, lambda seed: detections(2, 40, seed)),
        ("_contrib_box_nms", NMS, lambda seed: detections(1, 600, seed)),
        ("_contrib_MultiBoxDetection", {}, ssd),
        ("_contrib_Proposal", FEW, rpn),
    ],
)
def test_torch_export_keeps_the_loop_whose_length_depends_on_data(
    op: str, attributes: dict[str, str], data: object
) -> None:
    assert callable(data)
    check_export(Case(op, attributes, data(0)), Case(op, attributes, data(1)))


def test_an_exported_program_takes_another_number_of_images() -> None:
    case, other = (Case("_contrib_box_nms", NMS, detections(*n)) for n in ((2, 40), (3, 40)))
    shapes = {0: torch.export.Dim("batch", max=9)}
    data = torch.from_numpy(case.data["data"])
    program = torch.export.export(module_of(case), (data,), dynamic_shapes=(shapes,))
    found = program.module()(torch.from_numpy(other.data["data"]))
    assert not difference([found.numpy()], imported(other), other)


@pytest.mark.parametrize("op", ["_contrib_MultiBoxPrior", "_npx_multibox_prior"])
def test_operators_that_mxnet_has_in_float32_only_by_any_of_their_names(op: str) -> None:
    case = Case(op, {}, {"data": np.ones((1, 1, 2, 2), np.float32)})
    assert set(limits(parse_symbol(case.symbol().encode(), "it"))) == {"float32"}
    assert imported(case)[0].shape == (1, 4, 4)


@pytest.mark.parametrize("seed", range(8))
def test_suppression_is_greedy_whatever_the_blocks(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boxes that take part are in any places, also none at all; the last ones often do not."""
    monkeypatch.setattr(suppression, "BLOCK", 4)
    rng = np.random.default_rng(seed)
    valid = rng.random((3, 19)) < rng.choice([0, 0.1, 0.7])
    removes = np.triu(rng.random((3, 19, 19)) < 0.2, 1)
    expected = valid.copy()
    for image, box in itertools.product(range(3), range(19)):
        if expected[image, box]:
            expected[image] &= ~removes[image, box]
    conflicts = torch.from_numpy(removes)
    kept = suppression.suppress(
        torch.from_numpy(valid), lambda one, other: conflicts[:, one, other]
    )
    assert np.array_equal(kept.numpy(), expected)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")
def test_a_trace_suppresses_in_other_images_than_its_example() -> None:
    def greedy(valid: torch.Tensor, removes: torch.Tensor) -> torch.Tensor:
        return suppression.suppress(valid, lambda one, other: removes[:, one, other])

    removes = torch.ones(1, 9, 9).triu(1) * (torch.arange(9) == torch.arange(1, 10)[:, None])
    traced = torch.jit.trace(greedy, (torch.zeros(1, 9).bool(), removes.bool()))
    kept = traced(torch.ones(1, 9).bool(), removes.bool())  # each box removes the next one
    assert kept[0].tolist() == [True, False] * 4 + [True]


def test_gradients_of_box_nms_go_to_the_boxes_that_are_kept() -> None:
    mx = import_mxnet()
    values = detections(2, 12)["data"]
    theirs = mx.nd.array(values, dtype="float64")
    theirs.attach_grad()
    with mx.autograd.record():
        kept = mx.nd.contrib.box_nms(theirs, overlap_thresh=0.3, valid_thresh=0.2, id_index=0)
        (kept * mx.nd.array(values, dtype="float64")).sum().backward()
    ours = torch.from_numpy(values.copy()).requires_grad_()
    module = module_of(Case("_contrib_box_nms", NMS, {"data": values}))
    (module(ours) * torch.from_numpy(values)).sum().backward()
    assert ours.grad is not None
    assert np.abs(theirs.grad.asnumpy()).max() > 0
    assert np.array_equal(ours.grad.numpy(), theirs.grad.asnumpy())


@pytest.mark.costly
@pytest.mark.filterwarnings("ignore:Cannot decide")
@pytest.mark.parametrize(
    ("name", "size"), [("ssd_512_mobilenet1.0_voc", 128), ("yolo3_mobilenet1.0_voc", 96)]
)
def test_detectors_of_gluoncv_are_mxnets(name: str, size: int, tmp_path: Path) -> None:
    symbol, params = export(name, tmp_path, (size, size), pretrained_base=False)
    images = random().random((2, 3, size, size)).astype(np.float32)
    module = import_graph(symbol, params, inputs={"data": images.shape})
    reference = ExportedReference(symbol, read_arrays(params))
    reference.cast("float32")
    with torch.no_grad():
        found = [each.numpy() for each in module(torch.from_numpy(images))]
    expected = list(reference({"data": images}).values())
    assert np.array_equal(found[0], expected[0])  # classes, −1 where there is no box
    assert (found[0] >= 0).sum() > 3
    for one, other in zip(found[1:], expected[1:], strict=True):
        assert np.allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def test_fewer_boxes_than_the_graph_takes_are_refused() -> None:
    mxnet = import_mxnet()
    boxes = mxnet.sym.contrib.box_nms(mxnet.sym.var("data"))
    symbol = mxnet.sym.slice_axis(boxes, axis=1, begin=0, end=40)
    module = build_module(
        parse_symbol(symbol.tojson().encode(), "few"), {}, inputs={"data": (1, 40, 6)}
    )
    assert module(torch.rand(1, 40, 6)).shape == (1, 40, 6)
    message = "takes 40 boxes, and these images have only 30: they need 1.3 times as many pixels"
    with pytest.raises(ValueError, match=message):
        module(torch.rand(1, 30, 6))
    with pytest.raises(mxnet.MXNetError, match="end"):
        symbol.eval(mxnet.cpu(), data=mxnet.nd.zeros((1, 30, 6)))
