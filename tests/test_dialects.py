from __future__ import annotations

import functools
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon2torch import convert
from gluon2torch.errors import KeyMapError, UnknownModelError
from gluon2torch.mapping.assignment import ArraySpec, array_specs
from gluon2torch.mapping.detection import detect, require_one
from gluon2torch.mapping.dialects import dialect_of, plain_name, prefixed_names, translate
from gluon2torch.mapping.fit import fit
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.key_map import load_keymap
from gluon2torch.mappings.network_table import load_network_table
from gluon2torch.sources.params import dense_arrays
from gluon2torch.sources.params_writer import write_params
from gluon2torch.weights.content_hash import content_sha256
from gluon2torch.weights.converted import assemble

from .conftest import random_network

CATALOG = load_catalog()
LOOKALIKES = {
    f"resnet{depth}_v1{one}": f"resnet{depth}_v1{other}"
    for depth in (50, 101, 152)
    for one, other in ("cd", "dc", "se", "es")
}


@functools.cache
def gluon_names(name: str, classes: int = 10, in_chans: int = 3) -> tuple[str, dict[str, Any]]:
    """The net's prefix, and Gluon's prefixed name → (structural name, shape), from Gluon itself."""
    from gluon2torch.sources.gluon_network import build_network
    from gluon2torch.sources.mxnet_compat import import_mxnet

    net, images = build_network(name, classes), import_mxnet().nd.zeros((1, in_chans, 224, 224))
    if load_keymap(CATALOG[name].family).imperative:  # it does not run as a graph
        net.initialize()
        net(images)
    else:
        net.infer_shape(images)
    parameters = net._collect_params_with_prefix()
    return net.prefix, {p.name: (key, tuple(p.shape)) for key, p in parameters.items()}


def specs(names: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, ArraySpec]:
    return {name: ArraySpec(shape, "float32") for name, shape in names}


@pytest.mark.mxnet
@pytest.mark.parametrize("name", CATALOG)
def test_the_table_has_gluons_names_and_shapes_in_gluons_order(name: str) -> None:
    _, names = gluon_names(name)
    assert list(load_network_table(name).array_shapes(10, 3).items()) == list(names.values())


@pytest.mark.mxnet
@pytest.mark.parametrize("name", CATALOG)
def test_prefixed_names_are_gluons(name: str) -> None:
    prefix, names = gluon_names(name)
    fitted = fit(CATALOG[name], specs((key, shape) for key, shape in names.values()))
    assert fitted.problems == ()
    known = prefixed_names(fitted.keymap, fitted.targets)
    assert {prefix + key: structural for key, structural in known.items()} == {
        key: structural for key, (structural, _) in names.items()
    }


def test_layers_are_numbered_within_the_innermost_scope() -> None:
    """GluonCV's names of a few arrays; the test above compares all of them with GluonCV itself."""
    entry = CATALOG["resnet50_v1d"]
    names = prefixed_names(load_keymap(entry.family), fit(entry, {}).targets)
    few = ("conv0", "layers1_conv0", "layers2_conv3", "down2_conv0", "down4_conv0", "dense0")
    assert [names[f"{name}_weight"] for name in few] == [
        "conv1.0.weight",
        "layer1.0.conv1.weight",
        "layer2.1.conv1.weight",
        "layer2.0.downsample.1.weight",
        "layer4.0.downsample.1.weight",
        "fc.weight",
    ]


@pytest.mark.mxnet
@pytest.mark.parametrize("name", CATALOG)
def test_every_network_is_detected_from_any_dialect(name: str) -> None:
    # GluonCV fixes the image channels of some networks
    in_chans = 3 if name.startswith("resnest") or CATALOG[name].file != name else 4
    prefix, names = gluon_names(name, classes=23, in_chans=in_chans)
    structural = specs((key, shape) for key, shape in names.values())
    prefixed = specs((key, shape) for key, (_, shape) in names.items())
    order = list(prefixed)
    random.Random(0).shuffle(order)
    exported = {f"arg:{key}": prefixed[key] for key in order}

    for found, dialect, expected in (
        (detect(structural), "structural", ""),
        (detect(prefixed), "prefixed", prefix),
        (detect(exported), "exported", prefix),
    ):
        assert found.models == (name,)
        assert (found.num_classes, found.in_chans) == (23, in_chans)
        assert (found.dialect, found.prefix) == (dialect, expected)

    own = {key.replace(prefix, "mine_"): spec for key, spec in prefixed.items()}
    stripped = {key.replace(prefix, ""): spec for key, spec in prefixed.items()}
    for renamed in (own, stripped):
        found = detect(renamed)
        if name in LOOKALIKES:  # only the prefix told them apart
            assert set(found.models) == {name, LOOKALIKES[name]}
            with pytest.raises(UnknownModelError, match=f"{name}|{LOOKALIKES[name]}.* equally"):
                require_one(found, "my.params")
            assert fit(CATALOG[name], renamed).problems == ()  # told by name, it converts
        else:
            assert found.models == (name,)


@pytest.mark.mxnet
def test_the_prefix_of_a_lookalike_is_a_problem() -> None:
    _, names = gluon_names("resnet50_v1c")
    prefixed = specs((key, shape) for key, (_, shape) in names.items())
    assert fit(CATALOG["resnet50_v1c"], prefixed).problems == ()
    (problem,) = fit(CATALOG["resnet50_v1d"], prefixed).problems
    assert problem.startswith("the names begin with resnetv1c_")


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("arg:net_conv0_weight", "net_conv0_weight"),
        ("aux:net_batchnorm0_moving_mean", "net_batchnorm0_running_mean"),
        ("net_stage1_syncbatchnorm12_moving_var", "net_stage1_batchnorm12_running_var"),
        ("net_batchnormcudnnoff0_gamma", "net_batchnorm0_gamma"),
        ("bn1.moving_mean", "bn1.running_mean"),
        ("features.0.weight", "features.0.weight"),
        ("moving_average_weight", "moving_average_weight"),
    ],
)
def test_synonyms(name: str, bare: str) -> None:
    assert plain_name(name) == bare


def test_dialects_are_distinguished_by_mxnets_rule() -> None:
    assert dialect_of(["conv0_weight"]) == "prefixed"
    assert dialect_of(["conv0_weight", "features.0.weight"]) == "structural"
    assert dialect_of(["arg:conv0_weight", "aux:bn_moving_var"]) == "exported"


def test_two_names_for_one_parameter_are_refused() -> None:
    with pytest.raises(KeyMapError, match="net_bn0_moving_var\n  net_bn0_running_var"):
        translate(["net_bn0_running_var", "net_bn0_moving_var", "net_c_weight"], {})


def test_a_replaced_classifier_is_still_the_classifier() -> None:
    known = {
        "conv0_weight": "features.0.weight",
        "stage1_conv0_weight": "features.4.0.body.0.weight",
        "dense0_weight": "output.weight",
        "dense0_bias": "output.bias",
    }
    for replaced in ("net_dense1", "dense7"):
        names = ["net_conv0_weight", "net_stage1_conv0_weight"]
        head = {f"{replaced}_weight": "output.weight", f"{replaced}_bias": "output.bias"}
        translation = translate([*names, *head], known)
        assert translation.prefix == "net_"
        assert translation.names == dict(zip(names, list(known.values())[:2], strict=True)) | head


def test_an_unknown_network_is_refused_with_the_nearest_and_what_differs() -> None:
    known = fit(CATALOG["cifar_resnet20_v1"], {}).targets
    fitted_names = prefixed_names(fit(CATALOG["cifar_resnet20_v1"], {}).keymap, known)
    shapes = {a: s for a, s in known.items() if not a.endswith("num_batches_tracked")}
    file = dict(zip(fitted_names.values(), shapes.values(), strict=True))
    assert detect(file).models == ("cifar_resnet20_v1",)
    file["features.3.1.body.0.weight"] = ArraySpec((32, 32, 5, 5), "float32")
    del file["features.1.beta"]
    file["extra.weight"] = ArraySpec((1,), "float32")
    found = detect(file)
    assert found.models == ()
    assert found.nearest == "cifar_resnet20_v1"
    assert found.differs == (
        "bn1.bias: no array maps to it",
        "extra.weight: no rule of mappings/cifar_resnet_v1.yaml matches it",
        "features.3.1.body.0.weight: has shape (32, 32, 5, 5); "
        "layer2.1.conv1.weight needs (32, 32, 3, 3)",
    )
    with pytest.raises(UnknownModelError, match="nearest is cifar_resnet20_v1, with 3 differences"):
        require_one(found, "my.params")
    assert detect({"fc1_weight": ArraySpec((4, 4), "float32")}).nearest is None


def content(path: Path, name: str) -> str:
    arrays = dense_arrays(path)
    return content_sha256(
        assemble(fit(CATALOG[name], array_specs(arrays)).require(), arrays).tensors
    )


def check_content_in_every_dialect(name: str, folder: Path) -> None:
    """Saved by MXNet in each way it knows, a network has the same content."""
    from gluon2torch.sources.gluon_network import build_network, fill_network
    from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

    mx = import_mxnet()
    converted = random_network(name)
    expected = content_sha256(converted.tensors)
    net = build_network(name, converted.fit.num_classes)
    fill_network(net, converted.arrays)
    path = folder / "net.params"

    net.save_parameters(str(path))
    assert content(path, name) == expected
    net.collect_params().save(str(path))
    assert content(path, name) == expected
    net.collect_params().save(str(path), strip_prefix=net.prefix)
    assert content(path, name) == expected
    arrays = {p.name.replace(net.prefix, "mine_"): p.data() for p in net.collect_params().values()}
    mx.nd.save(str(path), arrays)
    assert content(path, name) == expected

    if converted.fit.keymap.imperative:
        return  # a network without a graph cannot be exported
    net.hybridize()
    net(mx.nd.zeros((1, converted.fit.in_chans, 64, 64)))
    with legacy_names():
        net.export(str(folder / "exported"))
    exported = folder / "exported-0000.params"
    assert content(exported, name) == expected
    saved = list(mx.nd.load(str(exported)).items())
    random.Random(0).shuffle(saved)
    args = {key[4:]: value for key, value in saved if key.startswith("arg:")}
    aux = {
        key[4:].replace("running_", "moving_"): value for key, value in saved if key[:4] == "aux:"
    }
    symbol = mx.sym.load(str(folder / "exported-symbol.json"))
    mx.model.save_checkpoint(str(folder / "module"), 3, symbol, args, aux)
    assert content(folder / "module-0003.params", name) == expected
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.mxnet
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["resnet18_v1b", "resnet50_v1d", "se_resnext50_32x4d", "cifar_resnet20_v1"]
)
def test_the_same_content_from_every_dialect(name: str, tmp_path: Path) -> None:
    check_content_in_every_dialect(name, tmp_path)


@pytest.mark.slow
@pytest.mark.mxnet
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CATALOG)
def test_the_same_content_from_every_dialect_of_each(name: str, tmp_path: Path) -> None:
    check_content_in_every_dialect(name, tmp_path)


@pytest.mark.mxnet
def test_half_precision_is_kept_or_widened(tmp_path: Path) -> None:
    import torch

    arrays = random_network("cifar_resnet20_v1").arrays
    half = {
        name: array if "gamma" in name or "running" in name else array.astype(np.float16)
        for name, array in arrays.items()
    }
    write_params(tmp_path / "half.params", half)
    kept = convert(params=tmp_path / "half.params", out=tmp_path)
    wide = convert(params=tmp_path / "half.params", out=tmp_path, dtype="float32")
    assert kept.model == "cifar_resnet20_v1"
    assert kept.parity.passed is True
    assert wide.parity.passed is True
    assert kept.content_sha256 != wide.content_sha256
    a, b = (torch.load(r.file, weights_only=True) for r in (kept, wide))
    assert a["conv1.weight"].dtype == torch.float16
    assert b["conv1.weight"].dtype == torch.float32
    assert torch.equal(a["conv1.weight"].float(), b["conv1.weight"])
    assert a["bn1.weight"].dtype == torch.float32
