"""Checkpoints opened again, and written in Gluon's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gluon2torch import convert
from gluon2torch.checkpoints.checkpoint import open_checkpoint
from gluon2torch.errors import CheckpointError, KeyMapError, UnknownModelError
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.key_map import load_keymap
from gluon2torch.sources.params_writer import write_params

from .conftest import random_network
from .test_commands import arrays, run

CATALOG = load_catalog()


def gluon_file(name: str, path: Path) -> None:
    """A file that GluonCV's own `save_parameters` wrote."""
    from gluon2torch.sources.gluon_network import build_network, fill_network

    net = build_network(name, CATALOG[name].dataset.num_classes)
    fill_network(net, random_network(name).arrays)
    net.save_parameters(str(path))


def check_round_trip(name: str, folder: Path, **options: Any) -> None:
    source, back = folder / "gluon.params", folder / "back.params"
    gluon_file(name, source)
    record = convert(
        name, params=source, reference="none", out=folder / "out", dtype="keep", **options
    )
    done = run("to-gluon", record.file, "-o", back)
    assert done.exit_code == 0, done.output
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18_v1b", {"layout": "torchvision"}),
        ("resnet50_v1d", {"layout": "mmpretrain"}),
        ("se_resnext50_32x4d", {"layout": "mmpretrain", "formats": ["safetensors"]}),
        ("resnet50_v1s", {"layout": "timm-folder"}),
        ("se_resnet18_v1", {"formats": ["safetensors"]}),  # Dense layers that were made 1×1
        ("cifar_resnet20_v1", {}),
    ],
)
def test_gluon_to_torch_and_back_is_the_same_file(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    check_round_trip(name, tmp_path, **options)


@pytest.mark.slow
@pytest.mark.mxnet
@pytest.mark.parametrize("name", CATALOG.published_set)
def test_round_trip_of_the_21(name: str, tmp_path: Path) -> None:
    check_round_trip(name, tmp_path)


@pytest.mark.slow
@pytest.mark.mxnet
@pytest.mark.parametrize("name", [name for name in CATALOG if name not in CATALOG.published_set])
def test_round_trip_of_the_others(name: str, tmp_path: Path) -> None:
    """Where MXNet reads no gamma, ours is 1: there the files may differ, and nowhere else."""
    if any(rule.kind == "norm_fixed_gamma" for rule in load_keymap(CATALOG[name].family).rules):
        converted = random_network(name)
        gammas = {a.source for a in converted.fit.assignments if a.fill_ones}
        write_params(tmp_path / "x.params", converted.arrays)
        record = convert(
            name, params=tmp_path / "x.params", reference="none", out=tmp_path, dtype="keep"
        )
        back = open_checkpoint(record.file).gluon_arrays()
        assert list(back) == list(converted.arrays)
        different = {key for key in back if back[key].tobytes() != converted.arrays[key].tobytes()}
        assert different == gammas
    else:
        check_round_trip(name, tmp_path)


@pytest.mark.mxnet
def test_gluoncv_loads_what_came_back(tmp_path: Path) -> None:
    from gluon2torch.sources.gluon_network import build_network

    gluon_file("cifar_resnet20_v1", tmp_path / "a.params")
    record = convert(
        "cifar_resnet20_v1", params=tmp_path / "a.params", reference="none", out=tmp_path
    )
    assert run("to-gluon", record.file, "-o", tmp_path / "b.params").exit_code == 0
    net = build_network("cifar_resnet20_v1", 10)
    net.load_parameters(str(tmp_path / "b.params"))
    weight = net.output.weight.data().asnumpy()
    assert np.array_equal(weight, random_network("cifar_resnet20_v1").arrays["output.weight"])


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_params(tmp_path / "mine.params", arrays())
    record = convert(
        "cifar_resnet20_v1",
        params=tmp_path / "mine.params",
        reference="none",
        out=tmp_path,
        formats=["pth"],
    )
    return Path(record.file)


def test_networks_of_one_checkpoint_share_no_weights(checkpoint: Path) -> None:
    opened = open_checkpoint(checkpoint)
    first, second = opened.network(), opened.network()
    before = second.fc.weight.clone()
    with torch.no_grad():
        first.fc.weight += 1
    assert torch.equal(second.fc.weight, before)
    assert torch.equal(opened.network().fc.weight, before)


def test_another_number_of_classes_has_an_untrained_classifier(checkpoint: Path) -> None:
    opened = open_checkpoint(checkpoint)
    network = opened.network(num_classes=3)
    assert network.fc.weight.shape == (3, opened.network().num_features)
    assert torch.isfinite(network.fc.weight).all()
    assert network.fc.weight.std() > 0
    own = network.state_dict()
    assert all(torch.equal(own[k], v) for k, v in opened.tensors.items() if "fc." not in k)
    with pytest.raises(KeyMapError, match="expect 3-channel images"):
        opened.network(in_chans=1)


def test_a_checkpoint_opens_by_its_record_or_by_the_model(checkpoint: Path) -> None:
    opened = open_checkpoint(checkpoint)
    assert opened.entry.name == "cifar_resnet20_v1"
    assert opened.labels.names[3] == "cat"
    assert opened.preprocessing.input_size == (32, 32)
    network = opened.network()
    assert not network.training
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    maps = opened.network(features_only=True)(torch.zeros(1, 3, 32, 32))
    assert [each.shape[1] for each in maps] == [16, 16, 32, 64]
    checkpoint.with_suffix(".json").unlink()
    with pytest.raises(UnknownModelError, match="its record, .*json, is missing; .*--model"):
        open_checkpoint(checkpoint)
    lost = open_checkpoint(checkpoint, "gluon_cifar_resnet20_v1")
    assert lost.labels is None
    assert lost.preprocessing == opened.preprocessing


def test_a_training_programs_checkpoint_opens(checkpoint: Path, tmp_path: Path) -> None:
    tensors = torch.load(checkpoint, weights_only=True)
    path = tmp_path / "epoch_12.pth"
    torch.save({"state_dict": tensors, "epoch": 12}, path)
    opened = open_checkpoint(path, "cifar_resnet20_v1")
    assert list(opened.tensors) == list(tensors)
    without = {name: tensor for name, tensor in tensors.items() if "num_batches" not in name}
    torch.save(dict(reversed(without.items())), path)
    opened = open_checkpoint(path, "cifar_resnet20_v1")
    assert list(opened.tensors) == list(tensors)


def test_a_link_has_the_record_of_the_file_that_it_points_to(
    checkpoint: Path, tmp_path: Path
) -> None:
    link = tmp_path / "latest.pth"
    link.symlink_to(checkpoint)
    assert open_checkpoint(link).entry.name == "cifar_resnet20_v1"
    # its own record comes first; a name in it that no network has is the record's fault
    link.with_suffix(".json").write_text('{"model": "resnet"}')
    with pytest.raises(UnknownModelError, match=r"latest\.pth: no network is called 'resnet'"):
        open_checkpoint(link)


def test_what_is_wrong_with_a_checkpoint_is_one_line(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.params"
    tensors = torch.load(checkpoint, weights_only=True)

    def refused(path: Path, *options: object) -> str:
        done = run("to-gluon", path, "-o", out, *options)
        assert done.exit_code == 1
        assert "Traceback" not in done.output
        assert not out.exists()
        return done.output

    assert "No such file" in refused(tmp_path / "gone.pth", "--model", "resnet18_v1b")
    assert "no network is called 'resnet'" in refused(checkpoint, "--model", "resnet")
    assert "not the keys of resnet18_v1b" in refused(checkpoint, "--model", "resnet18_v1b")
    other = tmp_path / "other.pth"
    torch.save({**tensors, "fc.weight": torch.zeros(10, 63)}, other)
    assert "fc.weight: has shape (10, 63)" in refused(other, "--model", "cifar_resnet20_v1")
    torch.save({k: v for k, v in tensors.items() if k != "bn1.weight"}, other)
    assert "bn1.weight: is missing" in refused(other, "--model", "cifar_resnet20_v1")
    torch.save({**tensors, "fc.bias": torch.zeros(10, dtype=torch.bfloat16)}, other)
    assert "fc.bias is bfloat16" in refused(other, "--model", "cifar_resnet20_v1")
    torch.save({**tensors, "fc.bias": torch.zeros(10, device="meta")}, other)
    assert "fc.bias: has no values" in refused(other, "--model", "cifar_resnet20_v1")
    other.write_bytes(checkpoint.read_bytes()[:1000])
    message = refused(other, "--model", "cifar_resnet20_v1")
    assert "not a checkpoint that can be loaded safely" in message
    (tmp_path / "x.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    assert "not a readable .safetensors file" in refused(tmp_path / "x.safetensors")
    record = checkpoint.with_suffix(".json")
    record.write_text('{"model": ')
    assert f"{record}, line 1: is not a checkpoint record" in refused(checkpoint)
    record.write_text("[" * 100_000)
    assert "is not a checkpoint record (maximum recursion depth" in refused(checkpoint)
    record.write_text("[]")
    assert "is not a checkpoint record (expected `object`, got `array`)" in refused(checkpoint)
    record.write_text(json.dumps({"model": 3}))
    assert "(model: expected `str | null`, got `int`)" in refused(checkpoint)


@pytest.mark.parametrize("in_chans", [1, 3, 4])
def test_classes_and_channels_are_the_files(in_chans: int, tmp_path: Path) -> None:
    from gluon2torch.models import create_model

    torch.manual_seed(0)
    network = create_model("cifar_resnet20_v1", num_classes=7, in_chans=in_chans).eval()
    tensors = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    torch.save(tensors, tmp_path / "mine.pth")
    opened = open_checkpoint(tmp_path / "mine.pth", "cifar_resnet20_v1")
    assert (opened.num_classes, opened.in_chans) == (7, in_chans)
    assert list(opened.tensors) == list(network.state_dict())
    counts = [each for name, each in opened.tensors.items() if "num_batches" in name]
    assert {(each.dtype, each.shape, each.item()) for each in counts} == {(torch.int64, (), 0)}
    images = torch.randn(2, in_chans, 32, 32)
    assert torch.equal(opened.network()(images), network(images))
    assert opened.gluon_arrays()["output.weight"].shape == (7, 64)


def test_a_safetensors_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"gone\.safetensors: not a readable .*\(No such file"
    ):
        open_checkpoint(tmp_path / "gone.safetensors", "resnet18_v1b")


def test_nothing_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="loaded safely"):
        open_checkpoint(tmp_path / "evil.pth", "resnet18_v1b")
    assert not (tmp_path / "ran").exists()


@pytest.mark.mxnet
def test_two_swapped_arrays_on_the_way_back_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluon2torch.weights import gluon_arrays

    names = gluon_arrays.gluon_names

    def swapped(keymap: Any, targets: list[str]) -> list[tuple[str, str]]:
        (target,) = targets
        other = {"layer1.0.conv1.weight": "layer1.0.conv2.weight"}
        other |= {value: key for key, value in other.items()}
        return names(keymap, [other.get(target, target)])

    monkeypatch.setattr(gluon_arrays, "gluon_names", swapped)
    with pytest.raises(AssertionError):
        check_round_trip("cifar_resnet20_v1", tmp_path)


def test_a_trunk_goes_back_without_a_classifier(tmp_path: Path) -> None:
    tensors = {
        name: tensor
        for name, tensor in random_state("resnet18_v1b").items()
        if not name.startswith("fc.")
    }
    torch.save(tensors, tmp_path / "trunk.pth")
    opened = open_checkpoint(tmp_path / "trunk.pth", "resnet18_v1b")
    assert opened.num_classes == 0
    back = opened.gluon_arrays()
    assert "conv1.weight" in back
    assert not any(name.startswith("fc.") for name in back)
    with pytest.raises(KeyMapError, match="not the weights of resnet50_v1b"):
        open_checkpoint(tmp_path / "trunk.pth", "resnet50_v1b")


def random_state(name: str) -> dict[str, torch.Tensor]:
    from gluon2torch.models import create_model

    return create_model(name).state_dict()


@pytest.mark.parametrize("name", ["mobilenet0.25", "MobileNet0.25"])
@pytest.mark.parametrize("verb", ["verify", "to-gluon", "predict"])
def test_a_graphs_weights_without_its_record(verb: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"features_0.weight": torch.ones(8, 3, 3, 3)}, path)
    more = {"to-gluon": ("-o", tmp_path / "back.params"), "predict": (tmp_path,), "verify": ()}
    result = run(verb, path, "--model", name, *more[verb])
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {path}: {name} is converted as a graph, and the graph was in its record, "
        "net.json, which is missing; put the record back beside the file, or convert the network "
        "again\n"
    )
    for beside in (path.with_suffix(".json"), path.with_suffix(".safetensors")):
        beside.write_text("{}")  # a record without a graph
    save_file({"x": torch.ones(1)}, path.with_suffix(".safetensors"))
    for file in (path, path.with_suffix(".safetensors")):
        result = run(verb, file, "--model", name, *more[verb])
        assert f"{name} is converted as a graph, and this file has none; convert" in result.stderr


def test_a_graphs_network_does_not_name_the_arrays_of_diff(tmp_path: Path) -> None:
    for name in "ab":
        write_params(tmp_path / f"{name}.params", {"x.weight": np.ones(3, np.float32)})
    files = (tmp_path / "a.params", tmp_path / "b.params")
    result = run("diff", *files, "--model", "mobilenet0.25")
    assert result.exit_code == 1
    assert f"{files[0]}: mobilenet0.25 is converted as a graph" in result.stderr
    assert "leave `--model` out" in result.stderr
    assert run("diff", *files).output == "1 equal, 0 different\n"


@pytest.mark.mxnet
def test_a_trained_fixed_gamma_is_not_lost_in_silence(tmp_path: Path) -> None:
    """MXNet computes with 1 whatever the file says: another value cannot go back."""
    tensors = dict(random_network("cifar_resnet20_v2").tensors)
    torch.save(tensors, tmp_path / "v2.pth")
    assert open_checkpoint(tmp_path / "v2.pth", "cifar_resnet20_v2").gluon_arrays()
    tensors["data_bn.weight"] = tensors["data_bn.weight"] * 3
    torch.save(tensors, tmp_path / "v2.pth")
    with pytest.raises(CheckpointError, match=r"data_bn\.weight is not 1"):
        open_checkpoint(tmp_path / "v2.pth", "cifar_resnet20_v2").gluon_arrays()


def test_odd_tensors_and_other_files_are_one_line(checkpoint: Path, tmp_path: Path) -> None:
    tensors = torch.load(checkpoint, weights_only=True)
    other = tmp_path / "other.pth"
    for key, value, message in (
        ("conv1.weight", torch.tensor(1.0), r"conv1\.weight: has shape \(\)"),
        ("fc.weight", torch.tensor(1.0), r"fc\.weight: has shape \(\)"),
    ):
        torch.save({**tensors, key: value}, other)
        with pytest.raises(KeyMapError, match=message):
            open_checkpoint(other, "cifar_resnet20_v1")
    torch.save({**tensors, "fc.weight": tensors["fc.weight"].to_sparse()}, other)
    with pytest.raises(CheckpointError, match=r"fc\.weight: sparse tensors"):
        open_checkpoint(other, "cifar_resnet20_v1")
    with pytest.raises(
        CheckpointError, match=r"a \.params file; convert it with `gluon2torch convert"
    ):
        open_checkpoint(tmp_path / "mine.params", "cifar_resnet20_v1")
    (tmp_path / "x.pth").write_bytes(b"PK\3\4nothing")
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(tmp_path / "x.pth", "cifar_resnet20_v1")
    assert "weights_only" not in str(caught.value)


def test_a_folder_opens_from_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_params(tmp_path / "mine.params", arrays("resnet18_v1b", "resnet_v1b"))
    record = convert(
        "resnet18_v1b",
        params=tmp_path / "mine.params",
        reference="none",
        layout="timm-folder",
        out=tmp_path,
    )
    monkeypatch.chdir(record.file)
    assert open_checkpoint(".").record.num_features == 512
    assert open_checkpoint("model.safetensors").entry.name == "resnet18_v1b"
