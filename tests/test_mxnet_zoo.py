"""MXNet Gluon's own model zoo, whose ResNets GluonCV's v1 and v2 were made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gluon2torch import convert
from gluon2torch.models import create_model

from .conftest import random_network


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(f"resnet{depth}_v{version}", marks=pytest.mark.slow if depth > 50 else ())
        for version in (1, 2)
        for depth in (18, 34, 50, 101, 152)
    ],
)
def test_its_resnets_are_gluoncvs(name: str, tmp_path: Path) -> None:
    from gluon2torch.sources.gluon_network import fill_network
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mx = import_mxnet()
    zoo = mx.gluon.model_zoo.vision
    net = zoo.get_model(name)
    fill_network(net, random_network(name).arrays)
    net.collect_params().save(str(tmp_path / "net.params"))  # with its own prefix
    record = convert(params=tmp_path / "net.params", out=tmp_path, reference="none")
    assert record.model == name

    with torch.device("meta"):
        network = create_model(name)
    network.load_state_dict(torch.load(record.file, weights_only=True), assign=True)
    network.double().eval()
    images = np.random.default_rng(0).standard_normal((1, 3, 65, 97))
    net.cast("float64")
    expected = net(mx.nd.array(images, dtype="float64")).asnumpy()
    with torch.inference_mode():
        logits = network(torch.from_numpy(images)).numpy()
    assert np.abs(logits - expected).max() <= 1e-12 * np.abs(expected).max()
