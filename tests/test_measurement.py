"""The comparison of outputs: what passes, what does not, and what an error says of it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gluon2torch.errors import ParityError
from gluon2torch.mappings.key_map import Stage
from gluon2torch.parity.measurement import measure, random_images, stage_outputs
from gluon2torch.parity.output_bounds import OutputDifference, output_difference
from gluon2torch.parity.output_comparison import compare_at_shapes, compare_outputs, difference
from gluon2torch.parity.requirement import require
from gluon2torch.parity.result import Check, Parity, StageDifference, TrainingCheck, TrainingParity

Outputs = dict[tuple[str, int], dict[str, np.ndarray]]
LIMITS = {"float64": 1e-12, "float32": 1e-5}
IMAGES = [np.zeros((2, 3, 8, 8), np.float32), np.zeros((2, 3, 9, 7), np.float32)]


def outputs() -> Outputs:
    """Outputs of two stages for two inputs; in float32, they are rounded."""
    found: Outputs = {}
    for number in range(len(IMAGES)):
        rng = np.random.default_rng(number)
        wide = {"stem": rng.standard_normal((2, 4, 5, 5)), "logits": rng.standard_normal((2, 6))}
        found["float64", number] = wide
        found["float32", number] = {k: v.astype(np.float32) for k, v in wide.items()}
    return found


def compare(
    dtype: str = "float64", number: int = 0, stage: str = "logits", error: float = 0.0
) -> Parity:
    """Compare outputs with themselves; one has a relative error."""
    expected = outputs()
    place = expected[dtype, number]
    place[stage] = (place[stage] * (1 + error)).astype(dtype)
    return compare_outputs("it", ["stem", "logits"], IMAGES, outputs(), expected, LIMITS, 2.5)


def test_equal_outputs_pass() -> None:
    parity = compare()
    assert parity.passed is True
    assert (parity.reference, parity.condition, parity.constant_from) == ("it", 2.5, None)
    assert parity.checks == tuple(
        Check(dtype, shape, 0.0, 0.0, limit)
        for dtype, limit in (("float64", 1e-12), ("float32", 1e-5))
        for shape in ("2x3x8x8", "2x3x9x7")
    )
    assert parity.stages == (StageDifference("stem", 0.0), StageDifference("logits", 0.0))
    require(parity, "it")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("number", [0, 1])
def test_logits_of_every_input_and_dtype_count(dtype: str, number: int) -> None:
    limit = LIMITS[dtype]
    assert compare(dtype, number, error=limit / 3).passed is True
    parity = compare(dtype, number, error=limit * 300)
    assert parity.passed is False
    failed = [check for check in parity.checks if not check.passed]
    assert [(check.dtype, check.input) for check in failed] == [
        (dtype, "x".join(map(str, IMAGES[number].shape)))
    ]
    assert failed[0].max_rel == pytest.approx(limit * 300, rel=0.01)
    assert failed[0].max_abs > failed[0].max_rel  # the largest logit is more than 1
    # stages are compared in the first data type
    assert parity.stages[1].max_rel == (failed[0].max_rel if dtype == "float64" else 0.0)


@pytest.mark.parametrize("number", [0, 1])
def test_a_stage_that_differs_is_enough(number: int) -> None:
    parity = compare(number=number, stage="stem", error=1e-10)
    assert parity.passed is False
    assert all(check.passed for check in parity.checks)
    assert parity.stages[0].max_rel == pytest.approx(1e-10, rel=0.01)
    assert parity.stages[1] == StageDifference("logits", 0.0)
    message = "x: not equal to its it reference: the first stage that differs is stem .1.0e-10 in "
    with pytest.raises(ParityError, match=message + "float64, limit 1e-12") as caught:
        require(parity, "x")
    assert caught.value.parity is parity


@pytest.mark.parametrize("stage", ["stem", "logits"])
def test_outputs_that_are_constant_prove_nothing(stage: str) -> None:
    found = outputs()
    for each in found.values():
        each[stage][1:] = each[stage][:1]
    parity = compare_outputs("it", ["stem", "logits"], IMAGES, found, found, LIMITS, None)
    assert parity.constant_from == stage
    assert parity.passed is False
    with pytest.raises(ParityError, match=f"do not depend on the input: {stage} is the first"):
        require(parity, "it")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("number", [0, 1])
def test_what_is_no_number_is_the_worst_of_a_stage(value: float, number: int) -> None:
    expected = outputs()
    expected["float64", number]["stem"][0, 0, 0, 0] = value
    parity = compare_outputs("it", ["stem", "logits"], IMAGES, outputs(), expected, LIMITS, None)
    assert parity.passed is False
    assert not parity.stages[0].max_rel <= 1e300
    with pytest.raises(ParityError, match="the first stage that differs is stem"):
        require(parity, "it")


def test_the_limits() -> None:
    """A network's outputs are a twelfth digit off in float64, or a fifth in float32."""

    class Wrong:
        name, dtypes = "it", ("float64", "float32")

        def __init__(self, error: dict[str, float]) -> None:
            self.error = error

        def cast(self, dtype: str) -> None:
            self.dtype = dtype

        def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
            found = stage_outputs(twin.to(getattr(torch, self.dtype)), stages, images)
            factor = 1 + self.error.get(self.dtype, 0.0)
            return {name: (each * factor).astype(self.dtype) for name, each in found.items()}

    network, stages = small(), [Stage("stem", "0", "0"), Stage("logits", "3", "3")]
    twin = copy.deepcopy(network).eval()
    for error in ({}, {"float64": 5e-13}, {"float32": 5e-6}):
        assert measure(network, Wrong(error), stages, random_images([(8, 8)])).passed is True, error
    for error in ({"float64": 2e-11}, {"float32": 3e-4}):
        parity = measure(network, Wrong(error), stages, random_images([(8, 8)]))
        assert parity.passed is False, error
        (dtype,) = error
        assert [check.dtype for check in parity.checks if not check.passed] == [dtype]
        assert {check.limit for check in parity.checks} == {1e-12, 1e-5}


def small() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)
    return nn.Sequential(nn.Conv2d(3, 4, 1), *layers)


def test_a_measurement_needs_no_reference_in_a_second_dtype() -> None:
    network, stages = small(), [Stage("stem", "0", "0"), Stage("logits", "3", "3")]
    casts: list[str] = []
    twin = copy.deepcopy(network).eval()

    class Same:
        name, dtypes = "it", ("float32",)

        def cast(self, dtype: str) -> None:
            casts.append(dtype)

        def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
            assert images.dtype == np.float32
            return stage_outputs(twin, stages, images)

    network.train()
    parity = measure(network, Same(), stages, random_images([(8, 8), (8, 8)]))
    assert parity.passed is True
    assert casts == ["float32"]
    assert [check.dtype for check in parity.checks] == ["float32", "float32"]
    assert not network.training
    assert next(network.parameters()).dtype == torch.float64


class Itself:
    """A reference that is a copy of the network."""

    name, dtypes = "itself", ("float64",)

    def __init__(self, network: nn.Module, stages: list[Stage]) -> None:
        self.network, self.stages = copy.deepcopy(network).eval().double(), stages

    def cast(self, dtype: str) -> None:
        assert dtype == "float64"

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return stage_outputs(self.network, self.stages, images)


class Affine(nn.Module):
    """factor · x + bias, flattened."""

    def __init__(self, factor: float, bias: float, power: int = 1) -> None:
        super().__init__()
        self.factor, self.bias, self.power, self.last = factor, bias, power, nn.Flatten()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(images.shape))
        self.images = images
        found: torch.Tensor = self.last(self.factor * images**self.power + self.bias)
        return found


@pytest.mark.parametrize(
    ("network", "least", "largest"),
    [
        (Affine(1, 0), 1 - 1e-6, 1 + 1e-6),
        (Affine(30, 0), 1 - 1e-6, 1 + 1e-6),
        (Affine(1, 1e3), 5e-4, 2e-3),
        (Affine(1e-3, 0, power=3), 1.5, 6),
    ],
    ids=["the identity", "a factor", "a bias", "a cube"],
)
def test_the_condition_number(network: Affine, least: float, largest: float) -> None:
    stages, images = [Stage("logits", "", "last")], random_images([(16, 16), (7, 8)])
    parity = measure(network, Itself(network, stages), stages, images)
    assert parity.condition is not None
    assert least <= parity.condition <= largest
    assert network.shapes[-1] == (2, 3, 4, 4)  # half of the smaller images, and its change
    parity = measure(network, Itself(network, stages), stages, images, condition=False)
    assert parity.condition is None


def test_the_condition_number_is_of_a_small_crop() -> None:
    network, stages = Affine(1, 0), [Stage("logits", "", "last")]
    measure(network, Itself(network, stages), stages, random_images([(60, 200)]))
    assert network.shapes[-1] == (2, 3, 30, 48)


def test_the_condition_number_is_of_a_small_change_of_each_value_by_itself() -> None:
    """A network that only scales its input by another factor would seem perfectly conditioned."""
    network, stages = Affine(1, 0), [Stage("logits", "", "last")]
    measure(network, Itself(network, stages), stages, random_images([(8, 8)]))
    image, changed = network.images.numpy()
    change = (changed - image) / image
    assert 0.9e-6 < np.abs(change).max() <= 1e-6
    assert change.min() < -0.5e-6 < 0.5e-6 < change.max()
    assert len(np.unique(np.round(change / 1e-9))) > change.size / 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_wider_than_float32_are_not_rounded_before_float64(dtype: torch.dtype) -> None:
    network, stages = small().to(dtype), [Stage("stem", "0", "0"), Stage("logits", "3", "3")]
    exact = copy.deepcopy(network).double()
    with torch.no_grad():
        exact[0].weight *= 1 + (1e-9 if dtype == torch.float64 else 0)
        network[0].weight.copy_(exact[0].weight)
    assert measure(network, Itself(exact, stages), stages, random_images([(8, 8)])).passed


def test_outputs_of_different_shapes_never_pass() -> None:
    one = np.ones((2, 3))
    for other in (np.ones((2, 1)), np.ones((2, 3, 1)), np.ones((1, 3))):
        units = np.zeros(1)
        worst = OutputDifference(np.inf, np.inf, np.inf)
        assert output_difference(one, other, units, 1e-12, "float64") == worst
        assert difference(one, other) == (np.inf, np.inf)


@pytest.mark.parametrize(
    ("actual", "expected", "largest"),
    [
        (np.array([[0, 5]], np.int8), np.array([[-128, 5]], np.int8), 128),
        (np.array([[-100]], np.int8), np.array([[100]], np.int8), 200),
        (np.array([[3]], np.uint8), np.array([[4]], np.uint8), 1),
        (np.array([[True, False]]), np.array([[True, True]]), 1),
        (np.array([[True]]), np.array([[True]]), 0),
    ],
)
def test_integers_and_booleans_are_compared_without_wrapping(
    actual: np.ndarray, expected: np.ndarray, largest: int
) -> None:
    units = np.zeros(actual.shape[1])
    found = output_difference(actual, expected, units, 1e-12, "float64")
    relative = largest / np.abs(expected.astype(float)).max()
    assert (found.max_abs, found.max_rel) == difference(actual, expected) == (largest, relative)
    assert found.max_own == pytest.approx(relative / 1e-12)


@pytest.mark.parametrize(
    ("dtype", "limit", "rounds_in"),
    [
        ("float64", 1e-12, "float64"),
        ("float32", 1e-5, "float32"),
        ("float64", 1e-5, "float32"),  # an operator that MXNet computes in float32
    ],
)
def test_a_channel_may_round_256_times(dtype: str, limit: float, rounds_in: str) -> None:
    """Terms of size 1 that cancel to 1e-6 leave their own rounding."""
    expected = np.array([[1.0, 1e-6], [-1.0, 2e-6]])
    units = np.array([1.0, 1.0])

    def own(error: float) -> float:
        actual = expected + np.array([[0, error], [0, 0]])
        return output_difference(actual, expected, units, limit, dtype).max_own

    eps = np.finfo(rounds_in).eps
    assert own(250 * eps) < 1 < own(260 * eps)
    assert own(512 * eps) == pytest.approx(2, rel=1e-2)


def test_differences_of_a_whole_output() -> None:
    assert difference(np.array([1.0, -4.0]), np.array([1.0, -4.0])) == (0.0, 0.0)
    assert difference(np.array([1.5, -4.0]), np.array([1.0, -4.0])) == (0.5, 0.125)
    assert difference(np.array([0.0]), np.array([0.0])) == (0.0, 0.0)
    assert difference(np.array([0.5]), np.array([0.0])) == (0.5, np.inf)
    assert np.isnan(difference(np.array([np.inf]), np.array([np.inf]))[0])


@pytest.mark.parametrize(
    ("max_rel", "max_own", "passed"),
    [(1e-12, 1.0, True), (1.01e-12, 0.5, False), (0.0, 1.01, False), (np.nan, 0, False)],
)
def test_a_check_has_two_figures(max_rel: float, max_own: float, passed: bool) -> None:
    check = Check("float64", "2x3x8x8", 1.0, max_rel, 1e-12, max_own)
    assert check.passed is passed


def test_what_does_not_train_alike_never_passes() -> None:
    good = TrainingCheck("gradients", "float64", "fc.weight", 1e-10, 1e-10)
    bad = replace(good, what="statistics", array="bn1.running_mean", max_rel=2e-10)
    assert good.passed is True
    assert bad.passed is False
    assert replace(good, max_rel=np.nan).passed is False
    parity = replace(compare(), training=TrainingParity(False, (good, bad)))
    message = "it: does not train as Gluon does: statistics differ, most in bn1.running_mean "
    with pytest.raises(ParityError, match=message):
        require(parity, "it")
    require(replace(parity, training=TrainingParity(True, (good,))), "it")


def test_a_wrong_map_is_an_error_whatever_the_weights() -> None:
    parity = replace(compare(), map_proof=compare(stage="stem", error=1e-3))
    with pytest.raises(ParityError, match="arrays are mapped to wrong keys: the first .* stem"):
        require(parity, "it")
    require(replace(parity, map_proof=compare()), "it")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_rel": 3e-5}, "logits differ at 2x3x9x7 .3.0e-05 in float32, limit 1e-05"),
        ({"max_own": 7.0}, "at 2x3x9x7 .a single output by 7.0e.00 times its own bound in float32"),
    ],
)
def test_the_check_that_fails_is_named(change: dict[str, Any], message: str) -> None:
    parity = compare()
    *others, last = parity.checks
    parity = replace(parity, passed=False, checks=(*others, replace(last, **change)))
    with pytest.raises(ParityError, match=message):
        require(parity, "it")


def test_a_single_output_of_a_stage_is_named_by_its_bound() -> None:
    parity = replace(compare(), passed=False, stages=(StageDifference("stem", 0.0, 2.0),))
    with pytest.raises(ParityError, match="stem .a single output by 2.0e.00 times its own bound"):
        require(parity, "it")


def test_images_are_as_asked() -> None:
    first, second = random_images([(4, 6), (5, 5)], 2, seed=3)
    assert (first.shape, second.shape) == ((2, 2, 4, 6), (2, 2, 5, 5))
    assert first.dtype == np.float32
    assert np.array_equal(first, random_images([(4, 6)], 2, seed=3)[0])
    assert not np.array_equal(first, random_images([(4, 6)], 2, seed=4)[0])
    assert random_images([(4, 6)])[0].shape == (2, 3, 4, 6)
    assert abs(float(first.std()) - 1) < 0.3


def test_hooks_are_removed_and_outputs_are_copies() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(inplace=True))
    found = stage_outputs(network, [Stage("conv", "0", "0")], random_images([(4, 4)])[0])
    assert (found["conv"] < 0).any()  # before the activation, which is in place
    assert not network[0]._forward_hooks

    class Broken(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("broken")

    network[1] = Broken()
    with pytest.raises(RuntimeError, match="broken"):
        stage_outputs(network, [Stage("conv", "0", "0")], random_images([(4, 4)])[0])
    assert not network[0]._forward_hooks


@pytest.mark.parametrize("wrong", ["head0", "head1"])
def test_every_output_of_a_graph_counts_in_every_dtype(wrong: str) -> None:
    """In float32, too, where those before the last were not looked at."""
    rng = np.random.default_rng(0)
    exact = {name: rng.standard_normal((2, 4)) for name in ("head0", "head1")}
    outputs = {(dtype, 0): exact for dtype in LIMITS}
    spoiled = {**exact, wrong: exact[wrong] + 1e-3 * np.abs(exact[wrong]).max()}
    found = {
        name: compare_at_shapes(
            "mxnet",
            list(exact),
            ["2x4"],
            outputs | {("float32", 0): actual},
            outputs,
            LIMITS,
            heads=list(exact),
            condition=None,
            constant_from=None,
        )
        for name, actual in (("right", exact), ("wrong", spoiled))
    }
    assert found["right"].passed is True
    assert found["wrong"].passed is False
    largest = {check.dtype: check.max_rel for check in found["wrong"].checks}
    assert largest == {"float64": 0.0, "float32": pytest.approx(1e-3)}
