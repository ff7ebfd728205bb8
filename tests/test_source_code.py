"""Sources of graphs are short, formatted, the same for the same graph, and plain modules."""

from __future__ import annotations

import copy
import functools
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from gluon2torch.graph.importer import build_module
from gluon2torch.graph.source_code.source_program import write_source
from gluon2torch.graph.zoo.stored_graph import load_graph
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.source import Source, load_arrays

from .conftest import DATA
from .source_module import Case, code_lines, difference, file_case, stored_case

WIDTH, LIMIT = 100, 1e-12
MOST = 1.5  # lines of a source, as a multiple of those of the network written by hand
# lines of code of the classes and functions that a network needs: in torchvision 0.20 (conv3x3,
# conv1x1, BasicBlock and ResNet for `resnet18_v1`), in GluonCV 0.10 (yolo3.py and darknet.py, where
# non-maximum suppression is one operator), and in gluon-face's mobile_facenet.py
BY_HAND = {
    "resnet18_v1": 155,
    "resnet50_v1": 157,
    "mobilenetv2_1.0": 198,
    "densenet121": 138,
    "inceptionv3": 268,
    "squeezenet1.0": 70,
    "mobilefacenet": 66,
    "yolo3_darknet53_voc": 288,
}
# pooled in windows of a fixed size
SIZES = {"inceptionv3": 299, "squeezenet1.0": 224, "densenet121": 224, "googlenet": 224}
MOST_OF_RESNET50 = 150
CHEAP = ("resnet18_v1", "mobilenetv2_1.0", "cifar_resnet20_v2")
REAL = {
    "mobilefacenet-0000": (2, 3, 112, 112),
    "cifar_resnet20_v1-0000": (2, 3, 32, 32),
    "cifar_resnet56_v2-0000": (2, 3, 32, 32),
    "fc_v2-0000": (3, 2),
    "mlp_v1-0000": (2, 1, 28, 28),
    "mnist_v0-0010": (2, 784),
}


@functools.cache
def case(name: str) -> Case:
    if name == "mobilefacenet":
        return real_case("mobilefacenet-0000")
    return stored_case(name, SIZES.get(name, 64))


def real_case(stem: str) -> Case:
    params = DATA / "params" / f"{stem}.params"
    if not params.exists():
        pytest.skip(f"{params} is missing")
    symbol = params.with_name(f"{stem[:-5]}-symbol.json")
    return file_case(symbol, params, REAL[stem])


@pytest.mark.costly
@pytest.mark.parametrize("name", BY_HAND)
def test_source_is_as_short_as_a_network_written_by_hand(name: str) -> None:
    source = case(name).program.with_head(f"{name}.")
    assert code_lines(source) <= MOST * BY_HAND[name]
    assert max(map(len, source.splitlines())) <= WIDTH
    if name == "resnet50_v1":
        assert len(source.splitlines()) <= MOST_OF_RESNET50


@pytest.mark.linters
@pytest.mark.costly
def test_sources_are_formatted_and_without_findings(tmp_path: Path) -> None:
    for name in (*CHEAP, "squeezenet1.0", "densenet121", "inceptionv3", "yolo3_darknet53_voc"):
        code = case(name).program.with_head(f"{name}.")
        (tmp_path / f"{name.replace('.', '_')}.py").write_text(code)
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--isolated", "--line-length", str(WIDTH), str(tmp_path)]
    subprocess.run([*ruff, "format", "--check", *options], check=True)
    rules = "E,F,I,B,UP,SIM,C4,PIE,RET"
    subprocess.run([*ruff, "check", "--select", rules, *options], check=True)


@pytest.mark.parametrize("name", CHEAP)
def test_source_is_exact(name: str, tmp_path: Path) -> None:
    each = case(name)
    network = each.network(tmp_path)
    with torch.no_grad():
        expected = each.module(*each.inputs.values())
        assert difference(network(*each.inputs.values()), expected) <= LIMIT
    assert set(each.program.keys.values()) == set(each.module.state_dict())


def test_equal_graphs_have_equal_sources() -> None:
    name = "cifar_resnet20_v1"
    graph = load_graph(name).of_stages([load_graph(name).stages[-1]])
    arrays = load_arrays(load_catalog()[name], Source("random", seed=0))
    images = {"data": torch.zeros(1, 3, 32, 32)}
    programs = [
        write_source(build_module(graph, each), images, name)
        for each in (arrays, dict(reversed(arrays.items())))
    ]
    assert programs[0] == programs[1]
    assert list(programs[0].keys) == list(programs[1].keys)


def test_blocks_become_one_class_and_stages_are_loops() -> None:
    code = case("resnet18_v1").program.code
    assert code.count("class ") == 2
    assert "self.stage2 = nn.Sequential(ResidualBlock(64, 128, stride=2)" in code
    assert "if in_channels != out_channels:" in code
    assert code.count("x = self.stage") == 4
    dense = case("densenet121").program.code
    assert "*(DenseLayer(in_channels) for in_channels in range(64, 256, 32))" in dense


def test_source_trains_as_the_imported_module(tmp_path: Path) -> None:
    each = case("cifar_resnet20_v2")
    network, module = each.network(tmp_path).train(), copy.deepcopy(each.module).train()
    images, labels = each.inputs["data"], torch.tensor([1, 7])
    losses = [nn.functional.cross_entropy(net(images), labels) for net in (network, module)]
    for loss in losses:
        loss.backward()
    assert losses[0].item() == losses[1].item()
    own, other = dict(network.named_parameters()), dict(module.named_parameters())
    for key, original in each.program.keys.items():
        if key in own:
            assert own[key].requires_grad == other[original].requires_grad
            one, two = own[key].grad, other[original].grad
            assert (one is None and two is None) or torch.equal(one, two)  # type: ignore[arg-type]
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert len(trained) < len(own)  # the first gamma is fixed at 1
    optimizer = torch.optim.SGD(trained, lr=0.05)
    for _ in range(10):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < losses[0].item() / 2


@pytest.mark.costly
@pytest.mark.parametrize("name", ["se_resnet18_v1", "mobilenetv2_1.0", "googlenet"])
def test_source_scripts_exports_and_copies(name: str, tmp_path: Path) -> None:
    each = case(name)
    network, inputs = each.network(tmp_path), tuple(each.inputs.values())
    with torch.no_grad():
        expected = network(*inputs)
        assert difference(copy.deepcopy(network)(*inputs), expected) == 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch prefers torch.export
            scripted = torch.jit.script(network)
        assert difference(scripted(*inputs), expected) <= LIMIT
        batch = torch.export.Dim("batch")
        exported = torch.export.export(network, inputs, dynamic_shapes=({0: batch},)).module()
        assert difference(exported(*inputs), expected) <= LIMIT
        wide = torch.cat([inputs[0]] * 2)
        assert difference(exported(wide), network(wide)) <= LIMIT


@pytest.mark.parametrize("stem", REAL)
def test_real_files_have_exact_sources(stem: str, tmp_path: Path) -> None:
    each = real_case(stem)
    network = each.network(tmp_path)
    with torch.no_grad():
        expected = each.module(*each.inputs.values())
        assert difference(network(*each.inputs.values()), expected) <= LIMIT


def classifiers() -> list[str]:
    """The catalogue's networks with a graph, and the zoo's without int8."""
    zoo = [name for name, entry in load_zoo().items() if entry.task == "classification"]
    named = [name for name in load_catalog() if not name.endswith("_gn")]
    return [*named, *(name for name in zoo if not name.endswith("_int8"))]


@pytest.mark.slow
@pytest.mark.parametrize("name", classifiers())
def test_all_classifiers_have_exact_sources(name: str, tmp_path: Path) -> None:
    size = 299 if name == "inceptionv3" else 224
    each = stored_case(name, size)
    network = each.network(tmp_path)
    with torch.no_grad():
        expected = each.module(*each.inputs.values())
        assert difference(network(*each.inputs.values()), expected) <= LIMIT


def test_the_sources_in_the_documentation_are_those_that_are_written() -> None:
    text = (Path(__file__).parents[1] / "docs" / "source.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    shown = "resnet18_v1", "densenet121"
    assert blocks == [stored_case(name, 224).program.code for name in shown]
