"""Converted networks train as Gluon's do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gluon2torch import convert
from gluon2torch.errors import ParityError
from gluon2torch.mapping.assignment import Assignment
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.models import create_model, resnet
from gluon2torch.models.gluon_batch_norm import GluonBatchNorm2d
from gluon2torch.parity import training_parity
from gluon2torch.parity.map_proof import draw_network
from gluon2torch.parity.result import TrainingParity
from gluon2torch.parity.torch_autograd import TorchTrainer

from .conftest import random_network

CATALOG = load_catalog()
# one of each architecture, small
SOME = (
    *("cifar_resnet20_v1", "cifar_resnet20_v2", "resnet18_v1b"),
    *("resnet50_v1d_0.11", "se_resnet18_v1", "resnest14", "resnet18_v2"),
)


def measure(name: str) -> TrainingParity:
    drawn = draw_network(random_network(name))
    return training_parity.measure_training(
        drawn, CATALOG[name].dataset.small_size, imperative=drawn.fit.keymap.imperative
    )


def check(name: str) -> None:
    found = measure(name)
    assert found.passed, found
    kinds = [each.what for each in found.checks]
    if name.endswith("_gn"):  # GluonCV's GroupNorm computes in float32 alone
        assert kinds == ["gradients, train mode", "3 steps of SGD"]
        assert {each.dtype for each in found.checks} == {"float32"}
    else:
        assert kinds == [
            *("gradients, eval mode", "gradients, train mode"),
            *("running statistics", "3 steps of SGD"),
        ]
        assert all(0 < each.max_rel <= 1e-10 == each.limit for each in found.checks)
    print(name, *(f"{each.what} {each.max_rel:.1e} ({each.array});" for each in found.checks))


@pytest.mark.mxnet
@pytest.mark.parametrize("name", SOME)
def test_gradients_statistics_and_sgd_are_gluons(name: str) -> None:
    check(name)


@pytest.mark.mxnet
def test_a_network_without_a_graph_is_trained_in_float32_and_train_mode_alone() -> None:
    """A small network in place of those with GroupNorm, which take seconds."""
    drawn = draw_network(random_network("cifar_resnet20_v1"))
    found = training_parity.measure_training(drawn, (32, 32), imperative=True)
    assert found.passed, found
    assert [(each.what, each.dtype, each.limit) for each in found.checks] == [
        ("gradients, train mode", "float32", 1e-4),
        ("running statistics", "float32", 1e-4),
        ("3 steps of SGD", "float32", 1e-4),
    ]


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOG)
def test_every_network_trains_as_gluons(name: str) -> None:
    check(name)


@pytest.mark.mxnet
def test_a_record_says_how_it_trains(tmp_path: Path) -> None:
    record = convert("cifar_resnet20_v1", init="random", prove=["training"], out=tmp_path)
    assert record.parity.training.passed is True
    assert "training" in record.seconds
    written = json.loads(Path(record.file).with_suffix(".json").read_text())
    assert [each["what"] for each in written["parity"]["training"]["checks"]][2] == (
        "running statistics"
    )


def torchs_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GluonBatchNorm2d, "forward", nn.BatchNorm2d.forward)


def wrong_momentum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gluon2torch.models.gluon_batch_norm.MOMENTUM", 0.1)


def trained_beta(monkeypatch: pytest.MonkeyPatch) -> None:
    build = resnet.ResNet.__init__

    def wrong(self: Any, **options: Any) -> None:
        build(self, **options)
        self.data_bn.bias.requires_grad_(True)

    monkeypatch.setattr(resnet.ResNet, "__init__", wrong)


def frozen_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    build = resnet.ResNet.__init__

    def wrong(self: Any, **options: Any) -> None:
        build(self, **options)
        self.norm.bias.requires_grad_(False)

    monkeypatch.setattr(resnet.ResNet, "__init__", wrong)


def other_decay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.optim.SGD, "__init__", _with(weight_decay=0.499))


def other_momentum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.optim.SGD, "__init__", _with(momentum=0.874))


def no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    step = torch.optim.SGD.step

    def wrong(self: Any) -> None:
        for parameter in self.param_groups[0]["params"]:
            parameter.grad.zero_()
        step(self)

    monkeypatch.setattr(torch.optim.SGD, "step", wrong)


def _with(**changed: float) -> Any:
    build = torch.optim.SGD.__init__

    def wrong(self: Any, params: Any, **options: Any) -> None:
        build(self, params, **{**options, **changed})

    return wrong


def frozen_first_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    build = resnet.ResNet.__init__

    def wrong(self: Any, **options: Any) -> None:
        build(self, **options)
        self.bn1.bias.requires_grad_(False)

    monkeypatch.setattr(resnet.ResNet, "__init__", wrong)


def small_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    build = nn.GroupNorm.__init__

    def wrong(self: Any, *arguments: Any, **options: Any) -> None:
        build(self, *arguments, **{**options, "eps": 1e-4})

    monkeypatch.setattr(nn.GroupNorm, "__init__", wrong)


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (torchs_variance, "running statistics"),
        (wrong_momentum, "running statistics"),
        (trained_beta, "gradients, eval mode"),
        (frozen_norm, "gradients, eval mode"),
        (other_decay, "3 steps of SGD"),
        (other_momentum, "3 steps of SGD"),
        (no_gradient, "3 steps of SGD"),
    ],
)
def test_what_trains_differently_is_named(
    change: Any, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch)
    options: dict[str, Any] = {"prove": ["training"], "sizes": [(17, 9)]}
    with pytest.raises(ParityError, match=f"does not train as Gluon does: {what} differ"):
        convert("cifar_resnet20_v2", init="random", out=tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda monkeypatch: None, None),
        (frozen_first_norm, "gradients, train mode"),
        (small_epsilon, "gradients, train mode"),
        (other_decay, "3 steps of SGD"),
        (other_momentum, "3 steps of SGD"),
        (no_gradient, "3 steps of SGD"),
    ],
    ids=["nothing", "frozen", "epsilon", "decay", "momentum", "gradient"],
)
def test_what_trains_differently_in_float32_is_named(
    change: Any, what: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch)
    found = measure("resnet50_v1b_gn")
    failed = [each.what for each in found.checks if not each.passed]
    assert next(iter(failed), None) == what
    assert found.passed is (what is None)


@pytest.mark.parametrize("dtype", training_parity.SETTINGS)
def test_every_array_moves_by_much_more_than_the_limit(dtype: str) -> None:
    settings = training_parity.SETTINGS[dtype]
    drawn = draw_network(random_network("cifar_resnet20_v1"))
    network = TorchTrainer(drawn, dtype)
    before = {name: array.copy() for name, array in network.tensors().items()}
    rng = np.random.default_rng(0)
    images = rng.standard_normal((2, 3, 17, 9)).astype(dtype)
    weights = rng.standard_normal((2, 10)).astype(dtype)
    sgd = training_parity.STEPS, settings.learning_rate, training_parity.MOMENTUM
    network.train(images, weights, *sgd, settings.weight_decay)
    for name, after in network.tensors().items():
        moved = np.abs(after - before[name]).max() / np.abs(after).max()
        assert moved > 1000 * settings.limit, name
    # in memory of its own
    for name, tensor in drawn.tensors.items():
        assert np.array_equal(tensor.numpy(), before[name].astype(np.float32)), name


def test_one_batch_of_five_in_which_a_sign_differs_does_not_count() -> None:
    def medians(*found: float) -> float:
        return training_parity._medians([{"a": each} for each in found])["a"]

    assert medians(1e-6, 0.1, 2e-6, 3e-6, 0.2) == 3e-6
    assert medians(1e-6, 0.1, 2e-6, 0.3, 0.2) == 0.1
    assert medians(np.inf, np.inf, 2e-6, np.inf, 0.2) == np.inf
    assert np.isnan(medians(1e-6, 1e-6, np.nan, 1e-6, 1e-6))


def test_gluons_batch_norm_differs_in_the_running_variance_alone() -> None:
    torch.manual_seed(0)
    theirs, ours = nn.BatchNorm2d(3).double(), GluonBatchNorm2d(3).double()
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    images = torch.randn(4, 3, 5, 7, dtype=torch.float64)
    count = 4 * 5 * 7
    for mode in (True, False):
        theirs.train(mode), ours.train(mode)
        if not mode:
            ours.load_state_dict(theirs.state_dict())
        assert torch.equal(ours(images), theirs(images))
        if mode:
            batch = (ours.running_var - 0.8999999761581421) / (1 - 0.8999999761581421)
            expected = images.var((0, 2, 3), unbiased=False)
            assert np.allclose(batch, expected, rtol=1e-12)
            unbiased = (theirs.running_var - 0.9) / 0.1
            assert np.allclose(batch * count / (count - 1), unbiased, rtol=1e-6)
            assert ours.num_batches_tracked == 1
    assert isinstance(ours, nn.BatchNorm2d)


@pytest.mark.parametrize("name", ["resnet18_v1b", "resnet18_v2", "resnest14", "resnet50_v1d_0.11"])
def test_every_norm_of_a_network_is_gluons_where_asked(name: str) -> None:
    with torch.device("meta"):
        network, plain = create_model(name, gluon_batch_norm=True), create_model(name)
    norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    assert norms
    assert {type(each) for each in norms} == {GluonBatchNorm2d}
    assert not any(isinstance(each, GluonBatchNorm2d) for each in plain.modules())
    assert list(network.state_dict()) == list(plain.state_dict())
    shapes = [each.shape for each in plain.state_dict().values()]
    assert [each.shape for each in network.state_dict().values()] == shapes


def test_group_norm_is_not_replaced() -> None:
    with torch.device("meta"):
        network = create_model("resnet50_v1b_gn", gluon_batch_norm=True)
    assert not any(isinstance(each, nn.BatchNorm2d) for each in network.modules())


@pytest.mark.parametrize(
    ("actual", "expected", "floor", "found"),
    [
        ([2.0, -4.0], [2.0, -4.0], 0.0, 0.0),
        ([2.0, -3.0], [2.0, -4.0], 0.0, 0.25),
        ([0.0, 0.0], [0.0, 0.0], 0.0, 0.0),
        ([0.0, 0.5], [0.0, 0.0], 0.0, np.inf),
        ([0.0, 0.5], [0.0, 0.0], 8.0, 0.0625),  # gradients that vanish, by their terms
        ([2.0, -3.0], [2.0, -4.0], 2.0, 0.25),
        ([np.nan, 0.0], [1.0, 0.0], 0.0, np.nan),
        ([np.inf, 0.0], [np.inf, 0.0], 0.0, np.nan),
    ],
)
def test_a_difference_is_relative_to_the_largest_value_or_a_floor(
    actual: list[float], expected: list[float], floor: float, found: float
) -> None:
    one, other = np.array(actual), np.array(expected)
    assert training_parity._relative(one, other, floor) == pytest.approx(found, nan_ok=True)


def test_an_array_that_one_side_alone_has_never_passes() -> None:
    given = [Assignment("a.gamma", "a.weight", ""), Assignment("b.beta", "b.bias", "")]
    ones = np.ones(2)
    found = training_parity._compare(given, {"a.weight": ones}, {"b.beta": ones}, {})
    assert found == {"a.weight": np.inf, "b.bias": np.inf}
    same = {"a.weight": ones, "b.bias": ones}, {"a.gamma": ones, "b.beta": 3 * ones}
    assert training_parity._compare(given, *same, {}) == {"a.weight": 0, "b.bias": 2 / 3}
    assert training_parity._compare(given[:1], {}, {}, {}) == {}
    terms = {"b.bias": 2e6 / training_parity.VANISHING}
    assert training_parity._compare(given, *same, terms)["b.bias"] == pytest.approx(1e-6)


def test_the_worst_array_is_named_and_nan_is_the_worst() -> None:
    found = training_parity._check("gradients", "float64", {"a": 1e-9, "b": 3e-9, "c": 0.0})
    assert (found.what, found.dtype, found.array, found.max_rel) == (
        *("gradients", "float64"),
        *("b", 3e-9),
    )
    assert found.limit == 1e-10
    nan = training_parity._check("gradients", "float64", {"a": 1e9, "b": np.nan, "c": 0.0})
    assert (nan.array, nan.passed) == ("b", False)
