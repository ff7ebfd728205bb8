"""Networks of mappings/zoo/ as torch modules: their weights, their settings, and training."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gluon2torch import create_zoo_model
from gluon2torch.errors import ConversionError, GraphError, UnknownModelError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.inputs.image_sizes import for_inputs
from gluon2torch.graph.zoo.class_count import dependence, with_classes
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.heads import load_heads
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.arrays import Arrays
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.random_arrays import draw_arrays
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

ZOO = load_zoo()
SSD = "ssd_300_mobilenet0.25_voc"
YOLO = "yolo3_mobilenet0.25_voc"
FIXED = re.compile("anchors|offsets")
SEGMENTER = "fastscnn_citys"
SMALL = {"data": (2, 3, 96, 128)}


def random_arrays(name: str, seed: int) -> Arrays:
    stored = load_zoo_graph(ZOO[name])
    source = Source("random", seed=seed)
    return load_zoo_arrays(ZOO[name], stored.shapes, stored.constants, source)


def images(*size: int) -> torch.Tensor:
    """Noise with a bright square of 32 pixels, from 16 to 48."""
    values = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 0.1
    values[:, :, 16:48, 16:48] += 1
    return values


@pytest.mark.parametrize("from_file", [False, True])
def test_outputs_are_those_of_the_graph_and_the_arrays(from_file: bool, tmp_path: Path) -> None:
    arrays, given = random_arrays(SEGMENTER, 7), {}
    if from_file:
        write_params(tmp_path / "mine.params", arrays)
        given = {"params": tmp_path / "mine.params"}
    module = create_zoo_model(SEGMENTER, seed=7, dtype="float64", inputs=SMALL, **given)
    assert not module.training
    graph = for_inputs(load_zoo_graph(ZOO[SEGMENTER]).graph, ZOO[SEGMENTER].inputs, SMALL)
    expected = build_module(graph, arrays, dtype="float64")
    data = images(96, 128).double()
    with torch.no_grad():
        for actual, theirs in zip(module(data), expected(data), strict=True):
            assert actual.shape == (2, 19, 96, 128)
            assert torch.equal(actual, theirs)


def test_equal_seeds_give_equal_weights() -> None:
    one, two, other = (
        create_zoo_model("squeezenet1.1", seed=seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one)


def test_weights_of_other_classes_are_random_and_all_others_the_files(tmp_path: Path) -> None:
    arrays = random_arrays(SSD, 1)
    arrays["anchor_generators.0.anchors"] = arrays["anchor_generators.0.anchors"] + np.float32(2)
    write_params(tmp_path / "mine.params", arrays)
    original = create_zoo_model(SSD, params=tmp_path / "mine.params")
    module = create_zoo_model(SSD, params=tmp_path / "mine.params", num_classes=3)
    theirs, mine = dict(original.named_parameters()), dict(module.named_parameters())
    assert theirs.keys() == mine.keys()
    changed = {key for key in mine if mine[key].shape != theirs[key].shape}
    assert len(changed) == 12
    assert all(torch.equal(mine[key], theirs[key]) for key in mine.keys() - changed)
    # anchors of a position, times classes and background
    assert {mine[key].shape[0] for key in changed} == {4 * 4, 6 * 4}
    assert all(mine[key].std() > 0 for key in changed)
    anchors = torch.from_numpy(arrays["anchor_generators.0.anchors"])
    assert torch.equal(module.anchor_generators_0_anchors, anchors)


def test_a_file_of_one_class_gets_more(tmp_path: Path) -> None:
    one = load_zoo_graph(load_zoo()[SSD])
    known = dependence(one, load_heads()["ssd"])
    shapes = with_classes(one, known, 1).shapes
    arrays = {**draw_arrays(shapes, "", 0), **one.constants}
    write_params(tmp_path / "mine.params", arrays)
    module = create_zoo_model(SSD, params=tmp_path / "mine.params", num_classes=3, nms=False)
    with torch.no_grad():
        ids, _, _ = module(images(64, 64))
    assert set(ids.unique().tolist()) - {-1} == {0, 1, 2}


def test_settings_and_classes_of_a_detector() -> None:
    few = create_zoo_model(SSD, num_classes=3, post_nms=5, nms_thresh=0.3)
    every = create_zoo_model(SSD, num_classes=3, nms=False)
    with torch.no_grad():
        assert [each.shape for each in few(images(64, 64))] == [(2, 5, 1), (2, 5, 1), (2, 5, 4)]
        ids, _, boxes = every(images(64, 64))
    assert ids.shape[1] == boxes.shape[1] > 100
    assert set(ids.unique().tolist()) - {-1} == {0, 1, 2}


def test_a_segmenter_trains() -> None:
    module = create_zoo_model(SEGMENTER, num_classes=2, inputs=SMALL).train()
    data, labels = images(96, 128), torch.zeros(2, 96, 128, dtype=torch.long)
    labels[:, 16:48, 16:48] = 1
    torch.manual_seed(0)  # dropout
    losses = train(module, lambda: sum(F.cross_entropy(each, labels) for each in module(data)))
    assert losses[-1] < 0.7 * losses[0]


def test_a_detector_trains_and_keeps_its_anchors() -> None:
    module = create_zoo_model(YOLO, num_classes=2, nms=False).train()
    fixed = {key: each.clone() for key, each in module.named_buffers() if FIXED.search(key)}
    assert len(fixed) == 6
    assert not [key for key, _ in module.named_parameters() if FIXED.search(key)]
    square = torch.tensor([16.0, 16.0, 48.0, 48.0]) / 64
    losses = train(module, lambda: box_loss(*module(images(64, 64)), square))
    assert losses[-1] < 0.9 * losses[0]
    assert all(each.grad is not None and each.grad.any() for each in module.parameters())
    for key, buffer in module.named_buffers():
        assert key not in fixed or torch.equal(buffer, fixed[key])


def test_the_decoded_boxes_of_ssd_have_no_gradients() -> None:
    """MXNet's box_decode has none either: its gradients are zeros."""
    module = create_zoo_model(SSD, num_classes=2, nms=False).train()
    scores = [module.get_parameter(f"convpredictor{n}_conv0.weight") for n in range(0, 12, 2)]
    boxes = [module.get_parameter(f"convpredictor{n}_conv0.weight") for n in range(1, 12, 2)]
    box_loss(*module(images(64, 64)), torch.zeros(4)).backward()
    assert all(each.grad is not None and each.grad.any() for each in scores)
    assert all(each.grad is None for each in boxes)


def box_loss(
    ids: torch.Tensor, scores: torch.Tensor, boxes: torch.Tensor, target: torch.Tensor
) -> torch.Tensor:
    """The loss of all boxes that should be a target of class 0."""
    likelihood = (scores[ids == 0] + 1e-6).log().mean()
    return F.smooth_l1_loss(boxes / 64, target.expand_as(boxes)) - likelihood


def train(module: torch.nn.Module, loss_of: Any) -> list[float]:
    """The losses of five steps of gradient descent."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(5):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def test_a_copy_computes_the_same() -> None:
    module = create_zoo_model(SSD, nms=False)
    with torch.no_grad():
        for one, two in zip(
            module(images(64, 64)), copy.deepcopy(module)(images(64, 64)), strict=True
        ):
            assert torch.equal(one, two)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("resnet18_v1b", {}, ValueError, "of the catalogue: use models.create_model"),
        ("ssd_512_resnet50_voc", {}, UnknownModelError, "did you mean ssd_512_resnet50_v1_voc"),
        (SSD, {"num_classes": 0}, ValueError, "num_classes=0: expected 1 or more"),
        (SSD, {"dtype": "float16"}, ValueError, "one of float32, float64"),
        (SSD, {"inputs": {"image": (1, 3, 64, 64)}}, GraphError, "has no input 'image'"),
        (SEGMENTER, {"nms": False}, GraphError, "it is not a detector"),
        ("simple_pose_resnet18_v1b", {"num_classes": 4}, GraphError, "has no classes; omit num_"),
    ],
)
def test_what_a_network_does_not_have_is_refused(
    name: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        create_zoo_model(name, **options)


@pytest.mark.costly
def test_files_of_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.params"
    arrays = random_arrays("squeezenet1.1", 0)
    write_params(path, arrays)
    with pytest.raises(GraphError, match="convert them as squeezenet1.1"):
        create_zoo_model("squeezenet1.0", params=path)
    del arrays["output.0.bias"]
    write_params(path, arrays)
    with pytest.raises(GraphError, match=r"1 arrays of squeezenet1.1 .* such as output.0.bias"):
        create_zoo_model("squeezenet1.1", params=path)
    arrays["output.0.bias"] = np.full(1000, np.nan, np.float32)
    write_params(path, arrays)
    with pytest.raises(ConversionError, match=r"(?s)weights are invalid.*output"):
        create_zoo_model("squeezenet1.1", params=path)
