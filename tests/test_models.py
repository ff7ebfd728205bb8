from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.errors import UnknownModelError
from gluon2torch.models import create_model, list_models
from gluon2torch.release.torch_hub import load_published

from .conftest import random_network

TIMM = {
    "resnet18_v1b": "resnet18",
    "resnet50_v1b": "resnet50",
    "resnet50_v1c": "resnet50c",
    "resnet50_v1d": "resnet50d",
    "resnet50_v1s": "resnet50s",
    "resnext50_32x4d": "resnext50_32x4d",
    "se_resnext50_32x4d": "seresnext50_32x4d",
    "senet_154": "senet154",
}


def shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.timm
@pytest.mark.parametrize("name", TIMM)
def test_keys_and_shapes_are_timms(name: str, timm: Any) -> None:
    with torch.device("meta"):
        assert shapes(create_model(name)) == shapes(timm.create_model(TIMM[name]))


@pytest.mark.timm
@pytest.mark.parametrize("stride", [8, 16, 32])
@pytest.mark.parametrize("name", ["resnet18_v1b", "resnet50_v1c", "resnext50_32x4d"])
def test_output_strides_are_timms(name: str, stride: int, timm: Any) -> None:
    ours = create_model(name, output_stride=stride, num_classes=7).double().eval()
    theirs = timm.create_model(TIMM[name], output_stride=stride, num_classes=7).double().eval()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(1, 3, 97, 65, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=1e-9)
        assert ours.forward_features(images).shape[-2:] == (-(-97 // stride), -(-65 // stride))


@pytest.mark.mxnet
@pytest.mark.parametrize(
    "name",
    [
        *("resnet18_v1b", "resnet50_v1d"),
        *(
            pytest.param(f"resnet50_v1{version}", marks=pytest.mark.slow)
            for version in ("b", "c", "s")
        ),
    ],
)
def test_output_stride_8_is_gluoncvs_dilated_network(name: str) -> None:
    from gluon2torch.parity.gluon_reference import GluonReference
    from gluon2torch.parity.measurement import measure, random_images

    converted = random_network(name)
    stages = converted.fit.keymap.stages

    def parity(stride: int) -> bool | None:
        network = create_model(name, output_stride=stride)
        network.load_state_dict(converted.tensors)
        dilated = GluonReference(name, converted.arrays, stages, 1000, dilated=True)
        return measure(network, dilated, stages, random_images([(97, 65)])).passed

    assert parity(8) is True
    assert parity(16) is False


def test_features_are_the_stages_of_the_whole_network() -> None:
    whole = create_model("resnet50_v1d", num_classes=5).eval()
    backbone = create_model("resnet50_v1d", features_only=True).eval()
    assert shapes(whole).keys() - shapes(backbone).keys() == {"fc.weight", "fc.bias"}
    backbone.load_state_dict({k: v for k, v in whole.state_dict().items() if k[:3] != "fc."})
    images = torch.randn(2, 3, 65, 97)
    with torch.inference_mode():
        maps = backbone(images)
        last = whole.forward_features(images)
    assert [tuple(m.shape[1:]) for m in maps] == [
        (info["num_chs"], -(-65 // info["reduction"]), -(-97 // info["reduction"]))
        for info in backbone.feature_info
    ]
    assert [info["reduction"] for info in backbone.feature_info] == [2, 4, 8, 16, 32]
    assert torch.equal(maps[-1], last)

    some = create_model("resnet50_v1d", features_only=True, out_indices=[4, 1]).eval()
    some.load_state_dict(backbone.state_dict())
    with torch.inference_mode():
        chosen = some(images)
    assert torch.equal(chosen[0], maps[4])
    assert torch.equal(chosen[1], maps[1])
    with pytest.raises(ValueError, match=r"out_indices \[5\].*0 to 4"):
        create_model("resnet50_v1d", features_only=True, out_indices=[5])


def test_the_head_can_be_changed() -> None:
    network = create_model("senet_154", num_classes=3).eval().double()
    assert network.drop.p == 0.2
    features = torch.randn(2, 2048, 3, 3, dtype=torch.float64)
    pooled = network.forward_head(features, pre_logits=True)
    np.testing.assert_allclose(pooled.numpy(), features.mean((2, 3)).numpy(), rtol=1e-12)
    network.reset_classifier(9)
    assert network.forward_head(features).shape == (2, 9)  # in the network's own dtype
    network.reset_classifier(0)
    assert torch.equal(network.forward_head(features), pooled)


def test_other_images_than_rgb() -> None:
    network = create_model("cifar_resnet20_v1", in_chans=1).eval()
    assert network(torch.randn(1, 1, 32, 32)).shape == (1, 10)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(UnknownModelError, match="resnet50_v1b"):
        create_model("resnet50v1b")
    with pytest.raises(ValueError, match="output_stride is 4"):
        create_model("resnet50_v1b", output_stride=4)
    for option, value in (("in_chans", 0), ("num_classes", -1)):
        with pytest.raises(ValueError, match=f"{option} is {value}; it must be a whole number"):
            create_model("resnet50_v1b", **{option: value})


def test_networks_that_are_graphs_are_referred_to_create_zoo_model() -> None:
    for build in (create_model, load_published):
        with pytest.raises(UnknownModelError, match=r"build it with gluon2torch.create_zoo_model"):
            build("MobileNet0.25")


def test_every_network_is_listed() -> None:
    assert len(list_models()) == 73
    assert "resnet152_v1e" in list_models()


def test_a_gamma_that_gluon_fixes_is_not_trained() -> None:
    network = create_model("cifar_resnet20_v2")
    frozen = [name for name, each in network.named_parameters() if not each.requires_grad]
    assert frozen == ["data_bn.weight", "data_bn.bias"]
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(tensors, assign=True)
    assert not network.data_bn.weight.requires_grad
    network(torch.ones(2, 3, 32, 32)).sum().backward()
    assert network.data_bn.weight.grad is None
    assert network.data_bn.bias.grad is None
