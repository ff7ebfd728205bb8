from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch import convert
from gluon2torch.errors import GraphError, ImageSizeError, KeyMapError, ParamsFileError
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.key_map import load_keymap
from gluon2torch.models import create_model
from gluon2torch.parity.measurement import LIMITS, random_images
from gluon2torch.sources.params_writer import write_params

from .conftest import SMALL, random_network

pytestmark = pytest.mark.mxnet
CATALOG = load_catalog()
SMALL_CIFAR = (17, 9)  # 4·4 + 1 and 2·4 + 1: odd before every strided layer


def quick() -> list[str]:
    """The published set and the smallest network of each other family, the largest first.

    `make proof` proves every network, at full size.
    """
    names = sorted(CATALOG, key=lambda name: -CATALOG[name].parameters)
    smallest = {CATALOG[name].family: name for name in names}
    return [name for name in names if name in {*CATALOG.published_set, *smallest.values()}]


@pytest.mark.costly
@pytest.mark.parametrize("name", quick())
def test_every_network_equals_gluoncvs(name: str, tmp_path: Path) -> None:
    sizes = [SMALL if CATALOG[name].dataset.name == "imagenet" else SMALL_CIFAR]
    record = convert(name, init="random", out=tmp_path, sizes=sizes)
    assert record.parity.reference == "gluon"
    assert record.parity.passed is True
    imperative = load_keymap(record.family).imperative
    assert {check.dtype for check in record.parity.checks} == (
        {"float32"} if imperative else set(LIMITS)
    )
    assert [stage.name for stage in record.parity.stages][-2:] == ["pooled", "logits"]
    # a well conditioned network, or the proof would be of rounding
    assert record.parity.condition < 100
    with torch.device("meta"):
        network = create_model(name)
    network.load_state_dict(torch.load(record.file, weights_only=True), assign=True)
    assert json.loads(Path(record.file).with_suffix(".json").read_text()) == json.loads(
        json.dumps(record.as_dict())
    )


def test_group_norm_is_equal_in_float64_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """GluonCV's layer makes float32 ones, so float64 needs its words with a dtype in them."""
    from gluon2torch.parity.gluon_reference import GluonReference
    from gluon2torch.parity.measurement import measure
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mx = import_mxnet()
    from gluoncv.nn.gn import GroupNorm

    def hybrid_forward(self: Any, F: Any, x: Any, gamma: Any, beta: Any) -> Any:
        count = x.shape[0] * self.ngroups
        zeros, ones = F.zeros(count, dtype=x.dtype), F.ones(count, dtype=x.dtype)
        with mx.autograd.train_mode():
            y = x.reshape((1, count, -1))
            y = F.BatchNorm(y, ones, zeros, zeros.copy(), ones.copy(), eps=1e-5)
        y = y.reshape(x.shape)
        return y * gamma.reshape((1, -1, 1, 1)) + beta.reshape((1, -1, 1, 1))

    monkeypatch.setattr(GroupNorm, "hybrid_forward", hybrid_forward)
    converted = random_network("resnet50_v1b_gn")
    stages = converted.fit.keymap.stages
    gluon = GluonReference("resnet50_v1b_gn", converted.arrays, stages, 1000, imperative=True)
    gluon.dtypes = ("float64",)
    parity = measure(converted.network(), gluon, stages, random_images([SMALL]))
    assert [check.dtype for check in parity.checks] == ["float64"]
    assert parity.passed is True


@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOG)
def test_every_network_equals_gluoncvs_at_full_size(name: str, tmp_path: Path) -> None:
    record = convert(name, init="random", out=tmp_path)
    dataset = CATALOG[name].dataset
    assert {check.input for check in record.parity.checks} == {
        "2x3x{}x{}".format(*size) for size in (dataset.input_size, dataset.odd_size)
    }
    assert record.parity.passed is True
    Path(record.file).unlink()


def test_equal_seeds_give_equal_files_in_any_folder(tmp_path: Path) -> None:
    def run(folder: str, seed: int) -> Path:
        record = convert(
            "cifar_resnet20_v1", init="random", seed=seed, out=tmp_path / folder, reference="none"
        )
        return Path(record.file)

    one, two, other = run("a", 1), run("b/c", 1), run("a", 2)
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()
    assert one.name != other.name


def save_finetuned(path: Path, name: str, classes: int, **options: object) -> None:
    """A network of another class count as Gluon saves it."""
    from gluon2torch.sources.gluon_network import build_network
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mx = import_mxnet()
    net = build_network(name, classes, **options)
    net.initialize(mx.init.Xavier())
    net(mx.nd.zeros((1, 3, 64, 64)))
    net.save_parameters(str(path))


def test_finetuned_weights_convert(tmp_path: Path) -> None:
    path = tmp_path / "mine.params"
    save_finetuned(path, "resnet50_v1d", 17)
    record = convert("resnet50_v1d", params=path, out=tmp_path, sizes=[SMALL])
    assert record.num_classes == 17
    assert record.parity.passed is True
    assert record.source.kind == "params"
    assert len(record.source.sha1) == 40
    network = create_model("resnet50_v1d", num_classes=17)
    network.load_state_dict(torch.load(record.file, weights_only=True))
    # Gluon's own initialisation zeroes the means, and it is Gluon's numbers that arrive
    assert network.bn1.running_var.eq(1).all()
    assert not network.fc.weight.eq(0).any()


def test_float64_weights_are_proved_as_they_are(tmp_path: Path) -> None:
    """Rounded to float32 on both sides, a difference in the last digits would pass."""
    from gluon2torch.parity.gluon_reference import GluonReference

    converted = random_network("cifar_resnet20_v1")
    exact = {
        name: array.astype(np.float64) * (1 + 1e-9) for name, array in converted.arrays.items()
    }
    write_params(tmp_path / "exact.params", exact)
    record = convert(params=tmp_path / "exact.params", out=tmp_path)
    assert record.parity.passed is True
    images = np.random.default_rng(0).standard_normal((1, 3, 32, 32))
    network = converted.network().double().eval()
    network.load_state_dict(torch.load(record.file, weights_only=True))
    stages = converted.fit.keymap.stages
    gluon = GluonReference("cifar_resnet20_v1", exact, stages, 10)
    gluon.cast("float64")
    expected = gluon(images)["logits"]
    with torch.inference_mode():
        logits = network(torch.from_numpy(images)).numpy()
    assert np.abs(logits - expected).max() <= 1e-12 * np.abs(expected).max()


def test_v1c_given_as_v1d_is_refused_by_the_keys_that_differ(tmp_path: Path) -> None:
    path = tmp_path / "mine.params"
    save_finetuned(path, "resnet50_v1c", 5)
    with pytest.raises(KeyMapError) as error:
        convert("resnet50_v1d", params=path, out=tmp_path / "out", sizes=[SMALL])
    message = "the arrays are not those of resnet50_v1d; convert them as resnet50_v1c"
    assert message in str(error.value)
    assert (
        "layer1.0.downsample.0.weight: no rule of mappings/resnet_v1d.yaml matches it"
        in error.value.problems
    )
    assert "layer4.0.downsample.2.running_var: no array maps to it" in error.value.problems
    assert not (tmp_path / "out").exists()


def cifar_sheet(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """100 labelled images as the networks take them."""
    from PIL import Image

    dataset = CATALOG["cifar_resnet20_v1"].dataset
    files = sorted((data / "cifar10_sheet").glob("*/*.png"))
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files]) / 255
    images = ((pixels - dataset.mean) / dataset.std).transpose(0, 3, 1, 2).astype(np.float32)
    return images, np.repeat(np.arange(10), 10)  # the folders' order is CIFAR-10's


def test_real_trained_weights_classify_as_mxnet_does(data: Path, tmp_path: Path) -> None:
    from gluon2torch.parity.gluon_reference import GluonReference
    from gluon2torch.sources.params import dense_arrays

    params = data / "params" / "cifar_resnet20_v1_structural.params"
    record = convert("cifar_resnet20_v1", params=params, out=tmp_path)
    network = create_model("cifar_resnet20_v1").eval()
    network.load_state_dict(torch.load(record.file, weights_only=True))

    images, labels = cifar_sheet(data)
    with torch.inference_mode():
        logits = network(torch.from_numpy(images)).numpy()
    stages = load_keymap("cifar_resnet_v1").stages
    gluon = GluonReference("cifar_resnet20_v1", dense_arrays(params), stages, 10)
    expected = gluon(images)["logits"]

    assert (logits.argmax(1) == labels).sum() == 95
    assert (logits.argmax(1) == expected.argmax(1)).all()
    assert np.abs(logits - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.filterwarnings("ignore:Cannot decide type")
def test_the_published_v2_classifies_as_mxnet_does(data: Path, tmp_path: Path) -> None:
    params = data / "params" / "cifar_resnet56_v2-0000.params"  # exported, of its own prefix
    record = convert(params=params, out=tmp_path)
    assert record.model == "cifar_resnet56_v2"
    network = create_model(record.model).eval()
    network.load_state_dict(torch.load(record.file, weights_only=True))
    images, labels = cifar_sheet(data)
    with torch.inference_mode():
        logits = network(torch.from_numpy(images)).numpy()
    expected = mxnet_logits(params, images)
    assert (logits.argmax(1) == labels).sum() == 93
    assert (logits.argmax(1) == expected.argmax(1)).all()
    assert np.abs(logits - expected).max() < 1e-5 * np.abs(expected).max()


def mxnet_logits(params: Path, images: np.ndarray) -> np.ndarray:
    """What MXNet itself computes from an exported graph."""
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mx = import_mxnet()
    symbol = str(params).replace("-0000.params", "-symbol.json")
    net = mx.gluon.SymbolBlock.imports(symbol, ["data"], str(params))
    return net(mx.nd.array(images)).asnumpy()


def test_images_too_small_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ImageSizeError, match="cannot run on 1x1 images .*another `--size`"):
        convert("resnest14", init="random", out=tmp_path / "out", sizes=[(1, 1)])
    assert not (tmp_path / "out").exists()


def test_weights_that_were_never_published(tmp_path: Path) -> None:
    with pytest.raises(ParamsFileError, match="resnet50_v1e: no weights were published"):
        convert("resnet50_v1e", out=tmp_path)


def test_without_mxnet_parity_is_by_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gluon2torch.parity.proof.has_mxnet", lambda: False)
    path = tmp_path / "mine.params"
    save_finetuned(path, "resnet50_v1d", 17)
    record = convert(params=path, out=tmp_path, sizes=[SMALL])
    assert record.parity.reference == "graph"
    assert record.parity.passed is True
    assert {check.dtype for check in record.parity.checks} == set(LIMITS)


def test_without_mxnet_a_network_without_a_graph_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gluon2torch.parity.proof.has_mxnet", lambda: False)
    path = tmp_path / "mine.params"
    write_params(path, random_network("resnet50_v1b_gn").arrays)
    with pytest.raises(GraphError, match="has no graph.*--reference none"):
        convert(params=path, out=tmp_path / "out", sizes=[SMALL])
    assert not (tmp_path / "out").exists()
