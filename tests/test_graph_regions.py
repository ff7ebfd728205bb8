"""MXNet's pooling of regions, of which some are outside the image, empty or inverted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gluon2torch.graph.operators.regions import OPERATORS
from gluon2torch.sources.mxnet_compat import import_mxnet

from .fuzz.generators.regions import GENERATORS
from .fuzz.operator_case import Case, imported
from .operator_trials import (
    Trial,
    check,
    check_export,
    check_refusals,
    module_of,
    tensors,
)

pytestmark = pytest.mark.mxnet

RNG = np.random.default_rng(0)
MAPS = RNG.normal(0, 1, (2, 8, 9, 11))
ROIS = np.array(
    [
        [0, 1.2, 0.7, 15.1, 12.4],
        [1, 4, 4, 10, 16],
        [1, -5.5, -3, 30, 40],  # around the image
        [0, 8, 9, 3, 2],  # inverted
        [0, 40, 40, 50, 60],  # outside
    ]
)
UPRIGHT = ROIS[ROIS[:, 3] > ROIS[:, 1]]
ROTATED = np.array([[0, 9, 9, 12, 5, 30], [1, 4, 12, 9, 9, -100], [1, 20, 3, 30, 0.1, 45.0]])
SHIFTS = RNG.normal(0, 1, (len(ROIS), 4, 3, 3))
ALIGN = {"pooled_size": "(3, 2)", "spatial_scale": "0.5"}
DATA = {"data": MAPS, "rois": ROIS}
PS = {"spatial_scale": "0.5", "output_dim": "2", "pooled_size": "3", "group_size": "2"}
SHIFTED = {**PS, "trans_std": "0.1", "sample_per_part": "3"}
TRIALS = [
    Trial(Case("_contrib_ROIAlign", ALIGN, DATA), {"pooled_size": "(2, 3)"}),
    Trial(Case("_contrib_ROIAlign", ALIGN, DATA), {"spatial_scale": "0.25"}),
    Trial(Case("_contrib_ROIAlign", {**ALIGN, "sample_ratio": "2"}, DATA), {"sample_ratio": "3"}),
    Trial(
        Case("_contrib_ROIAlign", {**ALIGN, "aligned": "True"}, {"data": MAPS, "rois": UPRIGHT}),
        {"aligned": "False"},
    ),
    Trial(
        Case(
            "_contrib_ROIAlign",
            {**ALIGN, "pooled_size": "(2, 2)", "position_sensitive": "True"},
            DATA,
        ),
        {"position_sensitive": "False"},
    ),
    Trial(
        Case("_contrib_RROIAlign", ALIGN, {"data": MAPS, "rois": ROTATED}),
        {"spatial_scale": "0.6"},
    ),
    Trial(
        Case(
            "_contrib_RROIAlign", {**ALIGN, "sampling_ratio": "2"}, {"data": MAPS, "rois": ROTATED}
        ),
        {"sampling_ratio": "1"},
    ),
    Trial(Case("ROIPooling", ALIGN, DATA), {"pooled_size": "(3, 3)"}),
    Trial(Case("ROIPooling", ALIGN, DATA), {"spatial_scale": "0.6"}),
    Trial(Case("_contrib_PSROIPooling", PS, DATA), {"group_size": "1"}),
    Trial(Case("_contrib_PSROIPooling", PS, DATA), {"spatial_scale": "0.6"}),
    Trial(
        Case("_contrib_DeformablePSROIPooling", SHIFTED, {**DATA, "trans": SHIFTS}),
        {"trans_std": "0.2"},
    ),
    Trial(
        Case("_contrib_DeformablePSROIPooling", SHIFTED, {**DATA, "trans": SHIFTS}),
        {"sample_per_part": "2"},
    ),
    Trial(
        Case("_contrib_DeformablePSROIPooling", {**PS, "no_trans": "True"}, DATA),
        {"group_size": "1"},
    ),
]


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_an_operator_is_mxnets_and_its_mutation_is_not(trial: Trial, tmp_path: Path) -> None:
    check(trial, tmp_path)


def test_nodes_with_wrong_attributes_are_imported_or_refused() -> None:
    check_refusals(TRIALS)


def test_every_operator_has_trials_and_random_cases() -> None:
    assert {trial.case.op for trial in TRIALS} == set(OPERATORS) == set(GENERATORS)


@pytest.mark.parametrize("op", ["_contrib_ROIAlign", "ROIPooling"])
def test_regions_without_an_image_give_zeros_and_the_others_what_mxnet_gives(
    op: str,
) -> None:
    # MXNet's ROIAlign writes one zero in the wrong place for each, so it pools all here
    mx = import_mxnet()
    case = Case(op, ALIGN, DATA)
    inputs = [mx.nd.array(each, dtype="float64") for each in DATA.values()]
    expected = mx.nd.CachedOp(mx.sym.load_json(case.symbol()))(*inputs).asnumpy()
    absent = np.array([False, True, False, True, False])
    rois = ROIS.copy()
    rois[absent, 0] = -1
    found = imported(replace(case, data={"data": MAPS, "rois": rois}))[0]
    assert np.array_equal(found[absent], np.zeros_like(found[absent]))
    assert np.abs(found[~absent] - expected[~absent]).max() <= 1e-13
    assert np.abs(expected[absent]).max() > 0


@pytest.mark.parametrize("ratio", ["2", "-1"])
def test_torch_export_of_roi_align(ratio: str) -> None:
    attributes = {**ALIGN, "sample_ratio": ratio}
    longer = ROIS + np.array([0, 0, 0, 20, 30])  # of more samples
    check_export(
        Case("_contrib_ROIAlign", attributes, DATA),
        Case("_contrib_ROIAlign", attributes, {"data": MAPS, "rois": longer}),
    )


@pytest.mark.parametrize("op", ["_contrib_ROIAlign", "ROIPooling", "_contrib_PSROIPooling"])
def test_gradients_of_the_maps_are_mxnets_and_regions_have_none(op: str) -> None:
    mx = import_mxnet()
    attributes = PS if op == "_contrib_PSROIPooling" else ALIGN
    case = Case(op, attributes, DATA)
    theirs = mx.nd.array(MAPS, dtype="float64")
    theirs.attach_grad()
    symbol = mx.sym.load_json(case.symbol())
    with mx.autograd.record():
        pooled = mx.nd.CachedOp(symbol)(theirs, mx.nd.array(ROIS, dtype="float64"))
        (pooled * pooled).sum().backward()
    maps, rois = (each.requires_grad_() for each in tensors(case))
    module_of(case)(maps, rois).square().sum().backward()
    assert rois.grad is None
    assert maps.grad is not None
    expected = theirs.grad.asnumpy()
    assert np.abs(maps.grad.numpy() - expected).max() <= 1e-12 * np.abs(expected).max()
