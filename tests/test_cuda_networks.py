"""Every network of the catalogue on a GPU, against MXNet's saved logits or the same network's.

The second is what `convert` proves equal to MXNet; it stands in where tests/mxnet_logits.py has not
run, and for the two networks that MXNet does not compute in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import nn

from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.key_map import Stage
from gluon2torch.parity.map_proof import map_images
from gluon2torch.parity.measurement import measure, stage_outputs
from gluon2torch.sources.arrays import Array, Arrays

from .conftest import relative
from .mxnet_logits import drawn_network, read_logits
from .on_device import OnDevice, find_test_device, tf32

pytestmark = pytest.mark.cuda
LOGITS = Stage("logits", gluon="", torch="")  # of the whole module
FLOAT32, TF32 = 1e-5, 0.1  # of the largest logit


class SavedLogits:
    """MXNet's logits in float64 for the images that they belong to."""

    name, dtypes = "MXNet, saved", ("float64",)

    def __init__(self, logits: Array) -> None:
        self._logits = logits

    def cast(self, dtype: str) -> None:
        assert dtype == "float64"

    def __call__(self, images: Array) -> Arrays:
        return {LOGITS.name: self._logits}


class OnCpu:
    """The same network on the CPU."""

    name, dtypes = "CPU", ("float64",)

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval()

    def cast(self, dtype: str) -> None:
        self._network.to(getattr(torch, dtype))

    def __call__(self, images: Array) -> Arrays:
        return stage_outputs(self._network, [LOGITS], images)


@pytest.mark.parametrize("name", load_catalog())
def test_a_network_is_equal(name: str, record_property: Callable[[str, object], None]) -> None:
    device = find_test_device()
    assert device is not None
    converted = drawn_network(name)
    network, saved = converted.network(), read_logits(converted)
    reference = OnCpu(copy.deepcopy(network)) if saved is None else SavedLogits(saved)
    (images,) = inputs = map_images(converted)
    module = OnDevice(network, device)
    with tf32(False):
        parity = measure(module, reference, [LOGITS], inputs, condition=False)
        wide = logits(module, images)
        narrow = logits(module.float(), images)
    with tf32(True):
        rounded = logits(module, images)
    (check,) = parity.checks
    record_property("reference", reference.name)
    record_property("float64", check.max_rel)
    record_property("float32", relative(narrow, wide))
    record_property("tf32", relative(rounded, wide))
    assert parity.passed, parity
    assert check.limit == 1e-12
    assert relative(narrow, wide) <= FLOAT32
    assert relative(rounded, wide) <= TF32


def logits(module: nn.Module, images: Array) -> Array:
    """The logits in the data type of the module, as float64."""
    dtype = next(module.parameters()).dtype
    with torch.inference_mode():
        found: Array = module(torch.from_numpy(images).to(dtype)).double().numpy()
    return found


def test_a_difference_is_noticed() -> None:
    device = find_test_device()
    assert device is not None
    converted = drawn_network("cifar_resnet20_v1")
    network = converted.network().double()
    reference = OnCpu(copy.deepcopy(network))
    with torch.no_grad():
        network.fc.bias[3] += 1e-10
    inputs: Sequence[Array] = map_images(converted)
    parity = measure(OnDevice(network, device), reference, [LOGITS], inputs, condition=False)
    assert not parity.passed
    assert np.isclose(parity.checks[0].max_abs, 1e-10, rtol=1e-3)
