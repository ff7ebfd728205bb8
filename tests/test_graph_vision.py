"""MXNet's operators of sampling, correlation, deformable convolution and images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gluon2torch.graph.operators import spectral
from gluon2torch.graph.operators.vision import OPERATORS
from gluon2torch.sources.mxnet_compat import import_mxnet

from .fuzz.generators.vision import GENERATORS
from .fuzz.operator_case import Arrays, Case, imported
from .operator_trials import (
    Trial,
    check,
    check_export,
    check_refusals,
    module_of,
    tensors,
)

pytestmark = pytest.mark.mxnet

ON_GPUS = {"_contrib_fft", "_contrib_ifft", "_contrib_count_sketch"}  # of MXNet only
RNG = np.random.default_rng(0)
MAPS = RNG.normal(0, 1, (2, 4, 7, 9))
TRANSFORMS = np.array([1.0, 0, 0, 0, 1, 0]) + RNG.normal(0, 0.3, (2, 6))
AFFINE = {"transform_type": "affine", "target_shape": "(5, 6)"}
TRANSFORMER = {**AFFINE, "sampler_type": "bilinear"}
PAIR = {"data1": MAPS, "data2": RNG.normal(0, 1, MAPS.shape)}
PATCHES = {"kernel_size": "3", "max_displacement": "2", "stride2": "2", "pad_size": "3"}
KERNEL = {"kernel": "(3, 2)", "stride": "(2, 1)", "pad": "(1, 2)", "dilate": "(1, 2)"}
GROUPS = {**KERNEL, "num_filter": "6", "num_group": "2", "num_deformable_group": "2"}
OFFSETS = {"data": MAPS, "offset": RNG.normal(0, 2, (2, 24, 4, 11))}
MASKED = {**OFFSETS, "mask": RNG.random((2, 12, 4, 11))}
WEIGHTS = {"weight": RNG.normal(0, 1, (6, 2, 3, 2)), "bias": RNG.normal(0, 1, 6)}
IMAGES = {"data": RNG.uniform(0, 255, (2, 7, 9, 3))}
WINDOW = {"x": "1", "y": "2", "width": "4", "height": "3"}
DEFORMABLE, MODULATED = (f"_contrib_{each}DeformableConvolution" for each in ("", "Modulated"))
TRIALS = [
    Trial(
        Case("BilinearSampler", {}, {"data": MAPS, "grid": RNG.uniform(-1.3, 1.3, (2, 2, 5, 6))}),
        "elemwise_add",
        refused=True,
    ),
    Trial(Case("GridGenerator", AFFINE, {"data": TRANSFORMS}), {"target_shape": "(6, 5)"}),
    Trial(
        Case("GridGenerator", {"transform_type": "warp"}, {"data": MAPS[:, :2]}),
        {"transform_type": "affine", "target_shape": "(7, 9)"},
    ),
    Trial(
        Case("SpatialTransformer", TRANSFORMER, {"data": MAPS, "loc": TRANSFORMS}),
        {"target_shape": "(6, 5)"},
    ),
    Trial(Case("Correlation", PATCHES, PAIR), {"stride2": "1"}),
    Trial(Case("Correlation", {**PATCHES, "stride1": "2"}, PAIR), {"kernel_size": "1"}),
    Trial(Case("Correlation", {**PATCHES, "is_multiply": "False"}, PAIR), {"is_multiply": "True"}),
    Trial(Case(DEFORMABLE, GROUPS, OFFSETS, WEIGHTS), {"pad": "(2, 1)"}),
    Trial(Case(DEFORMABLE, GROUPS, OFFSETS, WEIGHTS), {"dilate": "(2, 1)"}),
    Trial(Case(DEFORMABLE, GROUPS, OFFSETS, WEIGHTS), {"stride": "(1, 2)"}),
    Trial(Case(MODULATED, GROUPS, MASKED, WEIGHTS), {"pad": "(2, 1)"}),
    Trial(
        Case(
            MODULATED,
            {**GROUPS, "no_bias": "True"},
            {**MASKED, "mask": np.ones((2, 12, 4, 11))},
            {"weight": WEIGHTS["weight"]},
        ),
        {"dilate": "(1, 1)"},
    ),
    Trial(Case("_image_to_tensor", {}, IMAGES), "identity"),
    Trial(
        Case(
            "_image_normalize",
            {"mean": "(0.485, 0.456, 0.406)", "std": "(0.229, 0.224, 0.225)"},
            {"data": MAPS[:, :3]},
        ),
        {"std": "(0.229, 0.225, 0.224)"},
    ),
    *(
        Trial(
            Case("_image_resize", {"size": "(13, 5)", "interp": str(interp)}, IMAGES),
            {"interp": str((interp + 1) % 3)},
        )
        for interp in range(3)
    ),
    Trial(
        Case("_image_resize", {"size": "5", "keep_ratio": "True"}, IMAGES), {"keep_ratio": "False"}
    ),
    Trial(Case("_image_crop", WINDOW, IMAGES), {"x": "2"}),
]


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_an_operator_is_mxnets_and_its_mutation_is_not(trial: Trial, tmp_path: Path) -> None:
    check(trial, tmp_path)


def test_nodes_with_wrong_attributes_are_imported_or_refused() -> None:
    check_refusals(TRIALS)


def test_every_operator_has_trials_and_random_cases() -> None:
    assert {trial.case.op for trial in TRIALS} == set(GENERATORS)
    assert set(GENERATORS) == set(OPERATORS)
    assert set(spectral.OPERATORS) == ON_GPUS


@pytest.mark.parametrize(("op", "data"), [(DEFORMABLE, OFFSETS), (MODULATED, MASKED)])
def test_torch_export_of_deformable_convolutions(op: str, data: Arrays) -> None:
    other = {name: each[::-1].copy() for name, each in data.items()}
    check_export(Case(op, GROUPS, data, WEIGHTS), Case(op, GROUPS, other, WEIGHTS))


@pytest.mark.parametrize(
    ("op", "attributes", "data"),
    [
        ("BilinearSampler", {}, TRIALS[0].case.data),
        ("SpatialTransformer", TRANSFORMER, {"data": MAPS, "loc": TRANSFORMS}),
        ("Correlation", PATCHES, PAIR),
    ],
)
def test_gradients_are_mxnets(op: str, attributes: dict[str, str], data: Arrays) -> None:
    mx = import_mxnet()
    case = Case(op, attributes, data)
    theirs = [mx.nd.array(each, dtype="float64") for each in data.values()]
    for each in theirs:
        each.attach_grad()
    with mx.autograd.record():
        result = mx.nd.CachedOp(mx.sym.load_json(case.symbol()))(*theirs)
        (result * result).sum().backward()
    ours = [each.requires_grad_() for each in tensors(case)]
    module_of(case)(*ours).square().sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        expected = other.grad.asnumpy()
        assert one.grad is not None
        assert np.abs(one.grad.numpy() - expected).max() <= 1e-11 * np.abs(expected).max()


def test_the_gradients_of_deformable_convolutions_reach_all_inputs() -> None:
    # MXNet has them on GPUs only; they are those of the computation
    case = Case(MODULATED, GROUPS, {k: v[:1, :, :] for k, v in MASKED.items()}, WEIGHTS)
    module, inputs = module_of(case), [each.requires_grad_() for each in tensors(case)]
    assert torch.autograd.gradcheck(module, inputs, fast_mode=True)


def test_the_fourier_transform_and_its_inverse() -> None:
    rows = RNG.normal(0, 1, (3, 6))
    turns = np.exp(-2j * np.pi * np.outer(np.arange(6), np.arange(6)) / 6)
    expected = np.stack([(rows @ turns).real, (rows @ turns).imag], -1).reshape(3, 12)
    found = imported(Case("_contrib_fft", {}, {"data": rows}))[0]
    assert np.abs(found - expected).max() <= 1e-13
    again = imported(Case("_contrib_ifft", {"compute_size": "64"}, {"data": found}))[0]
    assert np.abs(again - 6 * rows).max() <= 1e-13  # MXNet does not divide by n


def test_the_count_sketch() -> None:
    rows, places, signs = RNG.normal(0, 1, (3, 6)), RNG.integers(0, 4, 6), RNG.choice([-1, 1], 6)
    expected = np.zeros((3, 4))
    for place, sign, column in zip(places, signs, rows.T, strict=True):
        expected[:, place] += sign * column
    data = {"data": rows, "h": places[None].astype(float), "s": signs[None].astype(float)}
    found = imported(Case("_contrib_count_sketch", {"out_dim": "4"}, data))[0]
    assert np.abs(found - expected).max() <= 1e-14


def test_integer_images_are_not_resized() -> None:
    case = Case("_image_resize", {"size": "4"}, {"data": np.zeros((7, 9, 3), np.uint8)})
    with pytest.raises(TypeError, match="must be floating point"):
        imported(case)
