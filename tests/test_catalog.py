from __future__ import annotations

import json

import pytest
import torch

from gluon2torch.errors import UnknownModelError
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.key_map import load_keymap
from gluon2torch.models import create_model

from .conftest import DATA, require_data

CATALOG = load_catalog()


def test_the_published_set_has_21_networks_with_hashes() -> None:
    assert len(CATALOG.published_set) == 21
    for name in CATALOG.published_set:
        entry = CATALOG[name]
        assert len(entry.sha1 or "") == 40
        assert entry.top1 < entry.top5 < 100
    assert not any(CATALOG[f"resnet{depth}_v1e"].sha1 for depth in (50, 101, 152))


@pytest.mark.parametrize("name", CATALOG)
def test_the_catalogue_tells_the_network_as_it_is(name: str) -> None:
    entry = CATALOG[name]
    with torch.device("meta"):
        network = create_model(name)
    assert sum(parameter.numel() for parameter in network.parameters()) == entry.parameters
    assert sum(not name.endswith(".num_batches_tracked") for name in network.state_dict()) == (
        entry.arrays
    )
    assert network.num_classes == entry.dataset.num_classes
    keymap = load_keymap(entry.family)
    assert entry.network["block"] in keymap.residual_end
    stages = [stage.torch for stage in keymap.stages]
    layers = [info["module"] for info in network.feature_info[1:]]
    norm = ["act"] if "data_bn.weight" in network.state_dict() else []
    assert stages == ["maxpool", *layers, *norm, "global_pool", "fc"]


def test_the_figures_are_those_that_were_published() -> None:
    path = DATA.parent / "docs" / "published.json"
    require_data()
    for row in json.loads(path.read_text()):
        entry = CATALOG[row["gluon"]]
        assert (entry.published, entry.top1, entry.top5) == (
            row["published"],
            row["top1"],
            row["top5"],
        )
        assert round(entry.parameters / 1e6, 2) == row["params_m"]


@pytest.mark.mxnet
def test_the_hashes_are_those_of_gluoncvs_model_store() -> None:
    from gluon2torch.sources.mxnet_compat import import_mxnet

    import_mxnet()
    from gluoncv.model_zoo import model_store

    for entry in CATALOG.values():
        assert entry.sha1 == model_store._model_sha1.get(entry.file)


def test_either_name_finds_a_network() -> None:
    assert CATALOG.find("gluon_seresnext50_32x4d") is CATALOG["se_resnext50_32x4d"]
    assert CATALOG.find("SENet_154") is CATALOG["senet_154"]


def test_a_wrong_name_suggests_the_near_ones() -> None:
    with pytest.raises(UnknownModelError, match="did you mean .*resnet50_v1d"):
        CATALOG.find("resnet50v1d")
    with pytest.raises(UnknownModelError, match="`gluon2torch convert --list` shows them all"):
        CATALOG.find("xyzzy")
