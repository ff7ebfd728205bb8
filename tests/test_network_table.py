"""The table of the catalogue's networks, and what is done with it alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluon2torch.errors import TableError
from gluon2torch.mapping import network_spec
from gluon2torch.mapping.network_export import describe
from gluon2torch.mapping.network_spec import describe_network, empty_network, network_specs
from gluon2torch.mappings import network_table
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.network_table import load_network_table, network_line, pack_networks
from gluon2torch.pipeline.conversion import convert

CATALOG = load_catalog()


@pytest.mark.parametrize("name", CATALOG)
def test_the_table_is_generated_from_models_and_key_maps(name: str) -> None:
    assert load_network_table(name) == describe(CATALOG[name])


@pytest.mark.parametrize("name", ["cifar_resnet20_v2", "resnest14", "resnet50_v1d_0.11"])
@pytest.mark.parametrize(("classes", "channels"), [(0, 3), (7, 4)])
def test_classes_and_channels_are_those_of_the_network(
    name: str, classes: int, channels: int
) -> None:
    network = describe_network(empty_network(name, classes, channels))
    assert list(network_specs(name, classes, channels).items()) == list(network.items())


def test_a_network_without_a_classifier_has_no_arrays_of_it() -> None:
    shapes = load_network_table("resnet18_v1b").array_shapes(0, 3)
    assert [*load_network_table("resnet18_v1b").array_shapes(9, 3)][-2:] == ["fc.weight", "fc.bias"]
    assert "fc.weight" not in shapes
    assert "fc.bias" not in shapes


def test_a_missing_network_and_a_damaged_file_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TableError, match="networks.jsonl.xz: resnet19 is missing"):
        load_network_table("resnet19")
    file = tmp_path / "networks"
    monkeypatch.setattr(network_table, "mapping_file", lambda name: file)
    for content in (b"", pack_networks([network_line("a", describe(CATALOG["resnet18_v1"]))])[:-9]):
        file.write_bytes(content)
        network_table._lines.cache_clear()
        with pytest.raises(TableError, match="networks.jsonl.xz: cannot be read"):
            network_table._lines()
    network_table._lines.cache_clear()


@pytest.mark.parametrize(("reference", "count"), [("none", 0), ("graph", 1)])
def test_a_conversion_builds_a_network_only_for_its_proof_and_only_once(
    reference: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    build = network_spec.empty_network
    monkeypatch.setattr(
        network_spec, "empty_network", lambda *each: built.append(build(*each)) or built[-1]
    )
    convert("cifar_resnet20_v1", init="random", out=tmp_path, reference=reference, sizes=[(33, 17)])
    assert len(built) == count
