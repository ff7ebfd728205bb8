"""Other people's libraries load what was converted, and compute what Gluon computes."""

from __future__ import annotations

import json
import os
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gluon2torch import convert
from gluon2torch.checkpoints.checkpoint import open_checkpoint
from gluon2torch.checkpoints.clock import Clock
from gluon2torch.checkpoints.output import write
from gluon2torch.checkpoints.record_draft import draft_record
from gluon2torch.errors import KeyMapError, TableError, UnknownModelError
from gluon2torch.mapping.layout_keys import find_layout, library_keys, to_layout
from gluon2torch.mapping.network_spec import describe_network, empty_network
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.choices import LAYOUTS
from gluon2torch.mappings.layout import load_layout
from gluon2torch.parity.result import Parity
from gluon2torch.sources.source import Source
from gluon2torch.weights.content_hash import content_sha256
from gluon2torch.weights.converted import Converted

from .conftest import SMALL, gluon_outputs, images, random_network, relative

CATALOG = load_catalog()
PUBLISHED = CATALOG.published_set
FULL = (224, 224)
LIMIT = 1e-12


def written(converted: Converted, layout: str, out: Path) -> Any:
    """The record of a network written in a layout, its parity left to the test."""
    source, content = Source("random", seed=0), content_sha256(converted.values)
    record = draft_record(converted, Parity("none", None), source, content, layout=layout)
    formats = ("timm-folder",) if layout == "timm-folder" else ("pth",)
    return write(converted, lambda: record, record.layout, out, record.name, formats, Clock())


def logits(network: nn.Module, inputs: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return network.eval().double()(torch.from_numpy(inputs)).numpy()


def run_snippet(code: str, folder: Path, **names: Any) -> Any:
    """The network that a record's code makes, run as it stands."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client, not ours
        patch.chdir(folder)
        exec(code, names)  # it is what users copy
    return names


# --- timm -------------------------------------------------------------------------------------


def check_timm_folder(timm: Any, name: str, size: tuple[int, int], out: Path) -> None:
    converted = random_network(name)
    record = written(converted, "timm-folder", out)
    folder = Path(record.file)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "record.json",
    ]
    umask = os.umask(0)
    os.umask(umask)
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask, path
    network = timm.create_model(f"local-dir:{folder}", pretrained=True)
    labels = network.pretrained_cfg["label_names"]
    assert labels[0] == "n01440764"
    assert network.pretrained_cfg["label_descriptions"][labels[1]].startswith("goldfish")
    data = timm.data.resolve_model_data_config(network)
    assert data["interpolation"] == "bilinear"
    assert data["crop_pct"] == 0.875
    assert tuple(data["mean"]) == CATALOG[name].dataset.mean
    inputs = images(size)
    expected = gluon_outputs(converted, inputs)["logits"]
    fix = load_layout("timm").networks[name].fix
    difference = relative(logits(network, inputs), expected)
    if fix is not None:
        print(f"{name}: timm's own network differs by {difference:.1e} of the largest logit")
        assert difference > 1e-4
        assert fix in (folder / "README.md").read_text()
        exec(fix, {"torch": torch, "network": network})
        difference = relative(logits(network, inputs), expected)
    assert difference <= LIMIT


@pytest.mark.mxnet
@pytest.mark.timm
@pytest.mark.parametrize("name", ["resnet18_v1b", "resnet50_v1s", "se_resnext50_32x4d"])
def test_timm_opens_the_folder_and_equals_gluon(timm: Any, name: str, tmp_path: Path) -> None:
    check_timm_folder(timm, name, SMALL, tmp_path)


@pytest.mark.slow
@pytest.mark.mxnet
@pytest.mark.timm
@pytest.mark.parametrize("name", PUBLISHED)
def test_timm_opens_all_21(timm: Any, name: str, tmp_path: Path) -> None:
    check_timm_folder(timm, name, FULL, tmp_path)


@pytest.mark.timm
@pytest.mark.parametrize("name", load_layout("timm").networks)
def test_timms_networks_have_our_keys(timm: Any, name: str) -> None:
    build = load_layout("timm").networks[name].build
    with torch.device("meta"):
        theirs = describe_network(timm.create_model(build))
    assert theirs == describe_network(empty_network(name, 1000, 3))


@pytest.mark.timm
def test_a_folder_of_other_classes_and_channels(timm: Any, tmp_path: Path) -> None:
    from gluon2torch.sources.params_writer import write_params

    from .test_commands import arrays

    values = arrays("resnet18_v1b", "resnet_v1b")
    values["conv1.weight"] = np.ones((64, 1, 7, 7), np.float32)
    values["fc.weight"], values["fc.bias"] = np.ones((3, 512), np.float32), np.ones(3, np.float32)
    write_params(tmp_path / "mine.params", values)
    (tmp_path / "labels.txt").write_text("n1\tone\ntwo\nthree\n")
    record = convert(
        "resnet18_v1b",
        params=tmp_path / "mine.params",
        reference="none",
        layout="timm-folder",
        labels=tmp_path / "labels.txt",
        out=tmp_path,
    )
    config = json.loads((Path(record.file) / "config.json").read_text())
    assert config["label_names"] == ["n1", "two", "three"]
    assert config["label_descriptions"]["n1"] == "one"
    network = timm.create_model(f"local-dir:{record.file}", pretrained=True)
    assert network(torch.zeros(1, 1, 64, 64)).shape == (1, 3)
    assert "license" not in config["pretrained_cfg"]  # nobody said what it is
    assert open_checkpoint(record.file).labels.names == ("one", "two", "three")


# --- torchvision ------------------------------------------------------------------------------


def check_torchvision(torchvision: Any, name: str, size: tuple[int, int], out: Path) -> None:
    converted = random_network(name)
    record = written(converted, "torchvision", out)
    network = run_snippet(record.load, out)["network"]
    assert type(network).__module__ == "torchvision.models.resnet"
    inputs = images(size)
    expected = gluon_outputs(converted, inputs)["logits"]
    assert relative(logits(network, inputs), expected) <= LIMIT


@pytest.mark.mxnet
@pytest.mark.torchvision
@pytest.mark.parametrize("name", ["resnet18_v1b", "resnext101_32x4d"])
def test_torchvision_loads_it_and_equals_gluon(torchvision: Any, name: str, tmp_path: Path) -> None:
    check_torchvision(torchvision, name, SMALL, tmp_path)


@pytest.mark.slow
@pytest.mark.mxnet
@pytest.mark.torchvision
@pytest.mark.parametrize("name", load_layout("torchvision").networks)
def test_torchvision_loads_all_of_its_own(torchvision: Any, name: str, tmp_path: Path) -> None:
    check_torchvision(torchvision, name, FULL, tmp_path)


# --- mmpretrain -------------------------------------------------------------------------------


def build_mmpretrain(code: str, folder: Path) -> nn.Module:
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import MODELS

    names = run_snippet(code, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        init_default_scope("mmpretrain")
        model = {**names["model"], "data_preprocessor": names["data_preprocessor"]}
        network: nn.Module = MODELS.build(model)
    return network


def check_mmpretrain(name: str, size: tuple[int, int], out: Path) -> None:
    converted = random_network(name)
    record = written(converted, "mmpretrain", out)
    network = build_mmpretrain(record.load, out)
    network.load_state_dict(torch.load(record.file, weights_only=True), strict=False)
    missing, unexpected = network.load_state_dict(
        torch.load(record.file, weights_only=True), strict=False
    )
    assert unexpected == []
    # the mean and std of the images, which are the config's
    assert [key for key in missing if not key.startswith("data_preprocessor.")] == []
    assert network.data_preprocessor.mean.flatten().tolist() == pytest.approx(
        [255 * value for value in CATALOG[name].dataset.mean], abs=1e-3
    )
    inputs = images(size)
    expected = gluon_outputs(converted, inputs)
    network = network.eval().double()
    with torch.inference_mode():
        (features,) = network.extract_feat(torch.from_numpy(inputs), stage="backbone")
        output = network(torch.from_numpy(inputs), mode="tensor")
        output = network.head.fc(output[0]) if isinstance(output, tuple) else output
    assert relative(features, expected["layer4"]) <= LIMIT
    assert relative(output, expected["logits"]) <= LIMIT


@pytest.mark.mxnet
@pytest.mark.mmpretrain
@pytest.mark.parametrize("name", ["resnet50_v1s", "resnet50_v1d", "se_resnext50_32x4d"])
def test_mmpretrain_loads_it_and_equals_gluon(mmpretrain: Any, name: str, tmp_path: Path) -> None:
    check_mmpretrain(name, SMALL, tmp_path)


@pytest.mark.slow
@pytest.mark.mxnet
@pytest.mark.mmpretrain
@pytest.mark.parametrize("name", load_layout("mmpretrain").networks)
def test_mmpretrain_loads_all_of_its_own(mmpretrain: Any, name: str, tmp_path: Path) -> None:
    check_mmpretrain(name, FULL, tmp_path)


# --- the tables -------------------------------------------------------------------------------


@pytest.mark.costly
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_goes_there_and_back(layout: str) -> None:
    for name in load_layout(layout).networks:
        wanted = describe_network(empty_network(name, 1000, 3))
        theirs = library_keys(load_layout(layout), CATALOG[name], wanted)
        assert len(set(theirs.values())) == len(wanted)
        back = find_layout(CATALOG[name], theirs.values(), wanted, "a.pth")
        assert [back[theirs[key]] for key in wanted] == list(wanted)
        assert {each for each in CATALOG[name].network if each == "block"}  # a known network


@pytest.mark.parametrize("name", ["resnet18_v1b", "resnet50_v1d"])
def test_mmpretrains_keys_are_found(name: str) -> None:
    """Also of a network that torchvision, which is looked at before, does not have."""
    keys = describe_network(empty_network(name, 1000, 3))
    theirs = library_keys(load_layout("mmpretrain"), CATALOG[name], keys)
    assert (theirs["fc.weight"], theirs["fc.bias"]) == ("head.fc.weight", "head.fc.bias")
    assert theirs["layer1.1.conv2.weight"] == "backbone.layer1.1.conv2.weight"
    found = find_layout(CATALOG[name], theirs.values(), keys, "a.pth")
    assert found == {theirs[key]: key for key in keys}


def test_a_trunk_has_a_layout_too() -> None:
    keys = describe_network(empty_network("resnet18_v1b", 0, 3))
    theirs = library_keys(load_layout("mmpretrain"), CATALOG["resnet18_v1b"], keys)
    assert set(theirs.values()) == {f"backbone.{key}" for key in keys}


@pytest.mark.mxnet
def test_what_a_library_has_not_is_refused_before_the_proof(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="mmpretrain has no network equal to senet_154"):
        convert("senet_154", init="random", layout="mmpretrain", out=tmp_path)
    with pytest.raises(ValueError, match="layout is 'keras'"):
        convert("senet_154", init="random", layout="keras", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_strange_keys_are_refused_by_name() -> None:
    entry = CATALOG["resnet18_v1b"]
    wanted = describe_network(empty_network("resnet18_v1b", 1000, 3))
    keys = ["backbone.conv1.weight", "backbone.extra.weight"]
    with pytest.raises(
        KeyMapError, match="(?s)^a.pth: these are not the keys of .*no such key"
    ) as caught:
        find_layout(entry, keys, wanted, "a.pth")
    assert "backbone.extra.weight" in str(caught.value)
    layout = load_layout("torchvision")
    with pytest.raises(KeyMapError, match="no rule of .*torchvision.yaml matches it"):
        library_keys(layout, entry, [*wanted, "layer1.0.se.fc1.weight"])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ("layer{stage}.{block}.bn{n}: ", "layer{stage}.bn{n}: "),
            "each index must appear exactly once",
        ),
        (
            ("title: torchvision", "titel: torchvision"),
            "unknown field `titel`|missing required field `title`",
        ),
        (
            ('build: "resnet18(', 'bild: "resnet18('),
            "resnet18_v1b.*(unknown field `bild`|missing required field `build`)",
        ),
        (("  fc: fc", "  fc: fc\n    fc: head"), "appears twice"),
    ],
)
def test_a_wrong_table_is_named(
    change: tuple[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluon2torch.mappings import layout, yaml_table

    text = yaml_table.read_text("layouts/torchvision.yaml")
    assert change[0] in text
    table = text.replace(*change)
    monkeypatch.setattr(layout, "read_table", lambda name: yaml_table.parse_table(table, name))
    with pytest.raises(TableError, match=problem):
        load_layout.__wrapped__("torchvision")


@pytest.mark.mxnet
def test_two_layers_swapped_in_a_table_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names fit; only the numbers tell."""
    converted = random_network("resnet18_v1b")
    entry = converted.fit.entry
    keys = library_keys(load_layout("torchvision"), entry, converted.tensors)
    swapped = {**keys, "layer1.0.conv1.weight": keys["layer1.0.conv2.weight"]}
    swapped["layer1.0.conv2.weight"] = keys["layer1.0.conv1.weight"]
    network = converted.network()
    tensors = {swapped[key]: tensor.clone() for key, tensor in converted.tensors.items()}
    network.load_state_dict(tensors, assign=True)
    inputs = images(SMALL)
    expected = gluon_outputs(converted, inputs)["logits"]
    assert relative(logits(network, inputs), expected) > 1e-3
    network.load_state_dict(to_layout("torchvision", entry, converted.tensors), assign=True)
    assert relative(logits(network, inputs), expected) <= LIMIT


def test_senets_note_is_in_the_record_and_on_the_console(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gluon2torch.commands import console

    from .conftest import record

    note = load_layout("timm").networks["senet_154"].note
    assert "ceil_mode=True" in note
    shown = console.result_line(record("senet_154", note=note))
    assert note in shown
