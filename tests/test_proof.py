"""Which reference a conversion is proved with, and which proofs are not repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gluon2torch.mapping.assignment import array_specs
from gluon2torch.mapping.fit import fit
from gluon2torch.parity import map_proof, proof
from gluon2torch.weights.converted import assemble

from .conftest import random_network


@pytest.mark.parametrize(("installed", "chosen"), [(True, "gluon"), (False, "graph")])
def test_auto_is_the_stored_graph_only_without_mxnet(
    installed: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "has_mxnet", lambda: installed)
    assert proof.choose_reference("auto") == chosen


def test_any_other_reference_is_the_one_that_was_asked_for() -> None:
    assert proof.choose_reference("none") == "none"
    assert proof.choose_reference(Path("folder", "saved.npz")) == str(Path("folder", "saved.npz"))


@pytest.mark.mxnet
def test_a_map_is_proved_once_for_each_shape_of_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_PROVED_MAPS", {})
    measure, classes = map_proof.measure_map, []

    def counted(drawn: Any, *others: Any) -> Any:
        classes.append(drawn.fit.num_classes)
        return measure(drawn, *others)

    monkeypatch.setattr(map_proof, "measure_map", counted)
    network = random_network("cifar_resnet20_v1")
    heads = {k: v[:7] for k, v in network.arrays.items() if k.startswith("output.")}
    arrays = {**network.arrays, **heads}
    smaller = assemble(fit(network.fit.entry, array_specs(arrays)).require(), arrays)
    found = [proof.prove(each, "graph", [(17, 9)]) for each in (network, network, smaller)]
    assert classes == [10, 7]
    assert all(each.passed and each.map_proof is not None for each in found)
    assert found[0].map_proof is found[1].map_proof
    assert found[0].map_proof is not found[2].map_proof
