"""The catalogue's graphs: as GluonCV exports them, and as the reference where MXNet is not."""

from __future__ import annotations

import copy
import lzma

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError, ImageSizeError, ParityError
from gluon2torch.graph.zoo.graph_export import exported, runs_as_graph
from gluon2torch.graph.zoo.stored_graph import graph_file, load_graph, unpack
from gluon2torch.mapping.assignment import array_specs
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.key_map import load_keymap
from gluon2torch.mappings.yaml_table import mapping_file
from gluon2torch.parity.gluon_reference import GluonReference
from gluon2torch.parity.graph_reference import GraphReference
from gluon2torch.parity.measurement import measure, random_images
from gluon2torch.parity.requirement import require

from .conftest import SMALL, random_network

CATALOG = load_catalog()
WITH_GRAPHS = [name for name in CATALOG if runs_as_graph(name)]
FEW = ["resnet50_v1d", "resnest14", "cifar_resnet56_v2", "resnet50_v1d_0.37"]
LARGEST, LARGEST_OF_THE_SET = 32 << 10, 20 << 10  # bytes


def test_which_networks_have_graphs_and_how_large_they_are() -> None:
    stored = {path.name for path in mapping_file("graphs").glob("*.xz")}
    assert stored == {f"{name}.json.xz" for name in WITH_GRAPHS}
    assert set(CATALOG) - set(WITH_GRAPHS) == {"resnet50_v1b_gn", "resnet101_v1b_gn"}
    for name in WITH_GRAPHS:
        limit = LARGEST_OF_THE_SET if name in CATALOG.published_set else LARGEST
        assert mapping_file(graph_file(name)).stat().st_size <= limit


def regenerate(name: str) -> None:
    made, kept = exported(name), mapping_file(graph_file(name)).read_bytes()
    assert lzma.decompress(made) == lzma.decompress(kept)


@pytest.mark.mxnet
@pytest.mark.parametrize("name", FEW)
def test_graphs_are_gluoncvs(name: str) -> None:
    regenerate(name)


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_GRAPHS)
def test_every_graph_is_gluoncvs(name: str) -> None:
    regenerate(name)


@pytest.mark.parametrize("name", WITH_GRAPHS)
def test_the_stages_are_the_key_maps(name: str) -> None:
    stages = load_keymap(CATALOG[name].family).stages
    assert load_graph(name).stages == tuple(stage.name for stage in stages)


@pytest.mark.mxnet
@pytest.mark.parametrize("name", FEW)
def test_graphs_compute_what_mxnet_computes(name: str) -> None:
    converted = random_network(name)
    stages = converted.fit.keymap.stages
    graph = GraphReference(name, converted.arrays, stages)
    gluon = GluonReference(name, converted.arrays, stages, converted.fit.num_classes)
    gluon.cast("float64")
    images = np.random.default_rng(0).standard_normal((2, 3, *SMALL))
    ours, theirs = graph(images), gluon(images)
    assert list(ours) == list(theirs)
    for stage, expected in theirs.items():
        assert np.abs(ours[stage] - expected).max() <= 1e-12 * np.abs(expected).max(), stage


@pytest.mark.mxnet
def test_mxnet_computes_with_weights_in_float64_unrounded() -> None:
    converted = random_network("cifar_resnet20_v1")
    stages = converted.fit.keymap.stages
    arrays = {name: array.astype(np.float64) for name, array in converted.arrays.items()}
    arrays["output.bias"] = arrays["output.bias"] + 1e-9
    graph = GraphReference("cifar_resnet20_v1", arrays, stages)
    gluon = GluonReference("cifar_resnet20_v1", arrays, stages, converted.fit.num_classes)
    gluon.cast("float64")
    images = np.random.default_rng(0).standard_normal((2, 3, 17, 9))
    expected = graph(images)["logits"]
    assert np.abs(gluon(images)["logits"] - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.mxnet
def test_other_weights_are_those_of_a_network_without_a_graph_too() -> None:
    """A small network, run block by block as those with GroupNorm are."""
    converted = random_network("cifar_resnet20_v1")
    stages = converted.fit.keymap.stages
    gluon = GluonReference(
        "cifar_resnet20_v1", converted.arrays, stages, converted.fit.num_classes, imperative=True
    )
    images = np.random.default_rng(0).standard_normal((2, 3, 17, 9)).astype(np.float32)
    before = gluon(images)["logits"]
    rng = np.random.default_rng(1)
    others = {
        name: array * rng.uniform(0.9, 1.1, array.shape).astype(np.float32)
        for name, array in converted.arrays.items()
    }
    gluon.fill(others)
    graph = GraphReference("cifar_resnet20_v1", others, stages)
    after, expected = gluon(images)["logits"], graph(images.astype(np.float64))["logits"]
    assert np.abs(after - expected).max() <= 1e-5 * np.abs(expected).max()
    assert np.abs(after - before).max() > 1e-2 * np.abs(expected).max()


@pytest.mark.mxnet
def test_a_wrong_network_is_caught_and_the_stage_named() -> None:
    converted = random_network("resnet50_v1d")
    network, stages = converted.network(), converted.fit.keymap.stages
    reference = GraphReference("resnet50_v1d", converted.arrays, stages)
    right = measure(network, reference, stages, random_images([SMALL]))
    assert right.passed is True
    assert right.reference == "graph"
    wrong = copy.deepcopy(network)
    wrong.layer3[1].bn2.eps = 1e-3
    reference.cast("float64")
    with pytest.raises(ParityError, match="its graph reference: .* that differs is layer3 "):
        require(measure(wrong, reference, stages, random_images([SMALL])), "it")


@pytest.mark.mxnet
def test_a_wrong_line_of_a_key_map_is_caught() -> None:
    """The reference's arrays do not pass through the key map, so two layers swapped in it show."""
    converted = random_network("resnet50_v1d")
    tensors = dict(converted.tensors)
    one, two = "layer2.1.conv1.weight", "layer2.2.conv1.weight"
    tensors[one], tensors[two] = tensors[two], tensors[one]
    network, stages = converted.network(), converted.fit.keymap.stages
    network.load_state_dict(tensors, assign=True)
    reference = GraphReference("resnet50_v1d", converted.arrays, stages)
    with pytest.raises(ParityError, match="that differs is layer2 "):
        require(measure(network, reference, stages, random_images([SMALL])), "it")


@pytest.mark.mxnet
def test_classes_channels_and_wide_weights_are_the_arrays() -> None:
    converted = random_network("cifar_resnet20_v1")
    rng = np.random.default_rng(0)
    arrays = {name: array.astype(np.float64) for name, array in converted.arrays.items()}
    arrays |= {
        "features.0.weight": rng.standard_normal((16, 5, 3, 3)),
        "output.weight": rng.standard_normal((7, 64)),
        "output.bias": rng.standard_normal(7),
    }
    reference = GraphReference("cifar_resnet20_v1", arrays, converted.fit.keymap.stages)
    images = rng.standard_normal((2, 5, 33, 25))
    exact = reference(images)["logits"]
    assert exact.shape == (2, 7)
    arrays["output.bias"] = arrays["output.bias"].astype(np.float32)
    rounded = GraphReference("cifar_resnet20_v1", arrays, converted.fit.keymap.stages)
    assert 0 < np.abs(rounded(images)["logits"] - exact).max() < 1e-6


@pytest.mark.mxnet
def test_a_trunk_has_no_logits() -> None:
    converted = random_network("cifar_resnet20_v1")
    keymap = load_keymap("cifar_resnet_v1").headless()
    reference = GraphReference("cifar_resnet20_v1", converted.arrays, keymap.stages)
    outputs = reference(np.zeros((1, 3, 32, 32)))
    assert list(outputs) == [stage.name for stage in keymap.stages]
    assert "logits" not in outputs


@pytest.mark.mxnet
def test_arrays_and_images_that_do_not_fit_are_reported() -> None:
    converted = random_network("cifar_resnet20_v1")
    stages = converted.fit.keymap.stages
    missing = {k: v for k, v in converted.arrays.items() if k != "output.bias"}
    with pytest.raises(GraphError, match=r"'output\.bias' is not in the \.params file"):
        GraphReference("cifar_resnet20_v1", missing, stages)
    reference = GraphReference("cifar_resnet20_v1", converted.arrays, stages)
    with pytest.raises(ImageSizeError, match="cannot run on 32x32 images"):
        reference(np.zeros((1, 4, 32, 32)))
    with pytest.raises(GraphError, match="resnet50_v1b_gn: has no graph"):
        load_graph("resnet50_v1b_gn")


@pytest.mark.parametrize("data", [b"", b"no archive", lzma.compress(b"[]"), lzma.compress(b"{}")])
def test_a_damaged_file_is_reported(data: bytes) -> None:
    with pytest.raises(GraphError, match="is damaged"):
        unpack(data, "mappings/graphs/it.json.xz")


def test_the_arrays_have_the_structural_names() -> None:
    """Without MXNet: a network's own arrays are all that its graph asks for."""
    from .test_commands import arrays

    given = arrays()
    graph = load_graph("cifar_resnet20_v1").graph
    names = {node.name for node in graph.variables()}
    assert names == set(given) | {"data"}
    assert array_specs(given)  # shapes are read off them
    outputs = GraphReference("cifar_resnet20_v1", given, load_keymap("cifar_resnet_v1").stages)
    assert torch.isfinite(torch.from_numpy(outputs(np.zeros((1, 3, 32, 32)))["logits"])).all()
