"""Segmentation networks in one file for images of any size: GluonCV's networks for each size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx

from gluon2torch import create_zoo_model
from gluon2torch.graph.following_sizes import follow_image_size
from gluon2torch.graph.inputs.input_spec import InputSpec
from gluon2torch.graph.layers.resizing import BilinearResize
from gluon2torch.pipeline.zoo_conversion import convert_zoo

from .source_module import case_of

SIZE, OTHERS = (96, 128), ((128, 64), (160, 224))
SMALL = "fastscnn_citys"
SEGMENTERS = (
    *("danet_resnet50_citys", "deeplab_resnest50_ade", "deeplab_v3b_plus_wideresnet_citys"),
    *("fcn_resnet50_voc", "icnet_resnet50_citys", "psp_resnet50_ade"),
)


def module_for(name: str, size: tuple[int, int], dtype: str = "float64") -> fx.GraphModule:
    return create_zoo_model(name, dtype=dtype, inputs={"data": (1, 3, *size)})


def outputs(module: torch.nn.Module, size: tuple[int, int]) -> tuple[torch.Tensor, ...]:
    images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = module(images.to(next(module.parameters()).dtype))
    return found if isinstance(found, tuple) else (found,)


def check_sizes(name: str) -> None:
    """That one module equals those whose graphs are for each size.

    These graphs are those of GluonCV's networks (tests/test_zoo.py).
    """
    module = module_for(name, SIZE)
    follow_image_size(module, {"data": InputSpec((1, 3, *SIZE))})
    layers = [each for each in module.modules() if isinstance(each, BilinearResize)]
    assert layers
    assert all(each.size is None for each in layers)
    for size in (SIZE, *OTHERS):
        expected = outputs(module_for(name, size), size)
        for one, other in zip(outputs(module, size), expected, strict=True):
            assert one.shape == other.shape
            assert torch.equal(one, other)


def test_one_module_is_the_network_for_each_size() -> None:
    check_sizes(SMALL)


@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.parametrize("name", SEGMENTERS)
def test_one_module_of_each_family_is_the_network_for_each_size(name: str) -> None:
    check_sizes(name)


def test_sizes_that_are_no_part_of_the_images_stay() -> None:
    root, graph = torch.nn.Module(), fx.Graph()
    root.add_module("resize", BilinearResize((7, 12), (1.0, 1.0), True))
    graph.output(graph.call_module("resize", (graph.placeholder("data"),)))
    module = fx.GraphModule(root, graph)
    follow_image_size(module, {"data": InputSpec((1, 3, 16, 24))})
    assert outputs_of(module, (16, 24)) == outputs_of(module, (32, 24)) == (7, 12)
    module.resize.size = (8, 12)
    follow_image_size(module, {"data": InputSpec((1, 3, 16, 24))})
    assert outputs_of(module, (33, 24)) == (16, 12)


def outputs_of(module: fx.GraphModule, size: tuple[int, int]) -> tuple[int, ...]:
    return tuple(module(torch.zeros(1, 3, *size)).shape[2:])


def test_a_source_follows_the_size_of_the_images(tmp_path: Path) -> None:
    module = module_for(SMALL, SIZE)
    follow_image_size(module, {"data": InputSpec((1, 3, *SIZE))})
    each = case_of(module, {"data": (1, 3, *SIZE)}, SMALL)
    network = each.network(tmp_path)
    for size in OTHERS:
        for one, other in zip(outputs(network, size), outputs(module, size), strict=True):
            assert torch.equal(one, other)


@pytest.mark.costly
@pytest.mark.mxnet
def test_one_file_takes_images_of_any_size(tmp_path: Path) -> None:
    options: dict[str, Any] = {"init": "random", "inputs": {"data": (1, 3, *SIZE)}}
    record = convert_zoo(SMALL, out=tmp_path, **options)
    assert record.inputs[0].shape[2:] == (None, None)
    sizes = {tuple(check.input.split("x")[2:]) for check in record.parity.checks}
    assert len(sizes) == 3
    program = torch.export.load(record.file).module()
    for size in OTHERS:
        images = np.random.default_rng(0).standard_normal((1, 3, *size)).astype(np.float32)
        module = module_for(SMALL, size, "float32")
        found, expected = (net(torch.from_numpy(images)) for net in (program, module))
        for one, other in zip(found, expected, strict=True):
            assert (one - other).abs().max() <= 1e-5 * other.abs().max()
