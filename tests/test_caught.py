"""Each way of being wrong that parity or the key maps must catch, made on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gluon2torch import convert
from gluon2torch.errors import KeyMapError, ParityError
from gluon2torch.mapping import fit, network_spec
from gluon2torch.mappings import key_map as keymap
from gluon2torch.mappings.yaml_table import read_table
from gluon2torch.models import create_model, layers
from gluon2torch.parity.measurement import measure, random_images
from gluon2torch.parity.requirement import require

from .conftest import SMALL

Tensors = dict[str, torch.Tensor]


class Original:
    """A reference that computes with a PyTorch network: what is tested here is the comparison."""

    name = "original"
    dtypes = ("float64", "float32")

    def __init__(self, network: nn.Module, stages: Any) -> None:
        self.network, self.stages = network.eval(), stages

    def cast(self, dtype: str) -> None:
        self.network.to(getattr(torch, dtype))

    def __call__(self, images: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
        from gluon2torch.parity.measurement import stage_outputs

        return stage_outputs(self.network, self.stages, images)


STAGES = keymap.load_keymap("cifar_resnet_v1").stages


def damped(name: str) -> nn.Module:
    torch.manual_seed(0)
    network = create_model(name)
    for key, tensor in network.state_dict().items():
        if key.endswith("bn2.weight"):
            tensor.fill_(0.25)
    return network


def compare(change: Any, sizes: list[tuple[int, int]] | None = None) -> Any:
    network, reference = damped("cifar_resnet20_v1"), damped("cifar_resnet20_v1")
    change(network)
    return measure(network, Original(reference, STAGES), STAGES, random_images(sizes or [(33, 25)]))


def test_equal_networks_pass() -> None:
    parity = compare(lambda network: None)
    assert parity.passed is True
    assert max(stage.max_rel for stage in parity.stages) == 0.0
    assert 0 < parity.condition < 10
    require(parity, "it")


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_two_swapped_layers_of_one_shape_are_named_by_stage(stage: int) -> None:
    def swap(network: nn.Module) -> None:
        tensors = network.state_dict()
        one, two = f"layer{stage}.1.conv1.weight", f"layer{stage}.1.conv2.weight"
        network.load_state_dict({**tensors, one: tensors[two], two: tensors[one]})

    parity = compare(swap)
    with pytest.raises(
        ParityError, match=f"the first stage that differs is layer{stage} "
    ) as error:
        require(parity, "it")
    assert error.value.parity is parity


def test_a_difference_below_float32s_rounding_is_caught_in_float64() -> None:
    def nudge(network: nn.Module) -> None:
        with torch.no_grad():
            network.layer2[0].bn1.weight.mul_(1 + 2e-7)

    parity = compare(nudge)
    assert all(check.passed for check in parity.checks if check.dtype == "float32")
    assert not any(check.passed for check in parity.checks if check.dtype == "float64")
    assert parity.passed is False


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_never_passes(value: float) -> None:
    def spoil(network: nn.Module) -> None:
        with torch.no_grad():
            network.fc.bias[3] = value

    parity = compare(spoil)
    assert parity.passed is False
    with pytest.raises(ParityError, match="logits"):
        require(parity, "it")
    # not even where both sides have it
    network = damped("cifar_resnet20_v1")
    spoil(network)
    twin = damped("cifar_resnet20_v1")
    spoil(twin)
    assert (
        measure(network, Original(twin, STAGES), STAGES, random_images([(32, 32)])).passed is False
    )


def test_outputs_of_other_shapes_never_pass() -> None:
    parity = compare(lambda network: network.reset_classifier(9))
    assert parity.passed is False


def pool_with_padding(network: nn.Module) -> None:
    """What the ports of SENet-154 in public use do."""
    network.maxpool = nn.MaxPool2d(3, 2, padding=1)


def pool_without_padding(network: nn.Module) -> None:
    network.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)


def count_padding(network: nn.Module) -> None:
    """v1d's pooling with the same sizes, but with the zeros at odd edges in the mean."""
    network.layer2[0].downsample[0] = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.AvgPool2d(2, 2))


def other_epsilon(network: nn.Module) -> None:
    """The default of MXNet's BatchNorm operator, where Gluon's layer has 1e-5."""
    network.bn1.eps = 1e-3


def other_gate(network: nn.Module) -> None:
    network.layer3[1].se.gate = nn.Hardsigmoid()


def stride_in_first_conv(network: nn.Module) -> None:
    """ResNet v1 in place of v1b."""
    block = network.layer3[0]
    block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)


def stride_in_second_conv(network: nn.Module) -> None:
    """ResNet v1b in place of v1."""
    block = network.layer3[0]
    block.conv1.stride, block.conv2.stride = (1, 1), (2, 2)


def gamma_from_the_file(network: nn.Module) -> None:
    """Gluon's `scale=False` ignored: the gamma that stands in the file, between 0.5 and 1.5."""
    network.data_bn.register_forward_hook(lambda _module, _inputs, output: output * 1.25)


def shortcut_behind_the_norm(network: nn.Module) -> None:
    network.layer2[0].raw_shortcut = False


def padding_not_counted(network: nn.Module) -> None:
    network.layer2[0].avd_last.count_include_pad = False


def attention_without_activation(network: nn.Module) -> None:
    network.layer1[0].conv2.act1 = nn.Identity()


def pool_in_first_stage(network: nn.Module) -> None:
    network.layer1[0].downsample[0] = nn.AvgPool2d(3, 1, padding=1)


def activation_in_stem(network: nn.Module) -> None:
    network.act1 = nn.ReLU()


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("name", "change", "stage"),
    [
        ("senet_154", pool_with_padding, "stem"),
        ("resnet18_v1b", pool_without_padding, "stem"),
        ("resnet50_v1d", count_padding, "layer2"),
        ("resnet50_v1d", other_epsilon, "stem"),
        ("se_resnext50_32x4d", other_gate, "layer3"),
        ("resnet50_v1b", stride_in_first_conv, "layer3"),
        ("cifar_resnet20_v1", activation_in_stem, "stem"),
        ("resnet50_v1", stride_in_second_conv, "layer3"),
        ("resnet18_v2", gamma_from_the_file, "stem"),
        ("cifar_resnet20_v2", shortcut_behind_the_norm, "layer2"),
        ("cifar_wideresnet16_10", activation_in_stem, "stem"),
        ("resnest14", padding_not_counted, "layer2"),
        ("resnest14", attention_without_activation, "layer1"),
        ("resnext101e_64x4d", pool_in_first_stage, "layer1"),
    ],
)
def test_a_network_that_computes_otherwise_is_caught(
    name: str, change: Any, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = network_spec.empty_network

    def wrong(*arguments: Any) -> nn.Module:
        network = build(*arguments)
        change(network)
        return network

    monkeypatch.setattr(network_spec, "empty_network", wrong)
    out = tmp_path / "out"
    with pytest.raises(ParityError, match=f"the first stage that differs is {stage} "):
        convert(name, init="random", out=out, sizes=[SMALL])
    assert not out.exists()  # no weights are left behind


@pytest.mark.mxnet
def test_a_gate_whose_width_is_rounded_to_8_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16·4 channels have a hidden width of 4; other libraries round it up."""
    monkeypatch.setattr(
        layers.SqueezeExcite, "hidden", staticmethod(lambda channels: max(8, channels // 16))
    )
    with pytest.raises(KeyMapError, match="generate the table again") as error:
        convert("se_resnet18_v1", init="random", out=tmp_path, sizes=[SMALL])
    assert (
        "layer1.0.se.fc1.weight: is float32 of shape (8, 64, 1, 1), "
        "not float32 of shape (4, 64, 1, 1)" in error.value.problems
    )


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("section", "line", "problem"),
    [
        ("norm", "bn1", "bn1.gamma: no rule of mappings/resnet_v1b.yaml matches it"),
        ("dense", "fc", "fc.weight: no array maps to it"),
        (
            "conv",
            "layer{stage}.{block}.conv{n}",
            "layer3.5.conv2.weight: no rule of mappings/resnet_v1b.yaml matches it",
        ),
    ],
)
def test_a_dropped_line_of_a_key_map_is_caught(
    section: str, line: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = dict(read_table("resnet_v1b.yaml"))
    table[section] = {key: value for key, value in table[section].items() if key != line}
    assert table[section] != read_table("resnet_v1b.yaml")[section]
    shorter = keymap.parse_keymap(table, "resnet_v1b")
    monkeypatch.setattr(fit, "load_keymap", lambda family: shorter)
    with pytest.raises(KeyMapError) as error:
        convert("resnet34_v1b", init="random", out=tmp_path / "out", sizes=[SMALL])
    assert problem in error.value.problems
    assert not (tmp_path / "out").exists()
