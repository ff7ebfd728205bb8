"""Mistakes that one forward pass with a file's own values does not show; each must be caught."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch import convert
from gluon2torch.errors import KeyMapError, ParityError
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.parity.output_bounds import amplification, depends_on_input, output_difference
from gluon2torch.sources.arrays import Arrays
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.random_arrays import draw_arrays
from gluon2torch.weights import converted

from .conftest import SMALL

NAME = "resnet18_v1b"
END = "layer{stage}.{block}.bn2.gamma"
ONE, OTHER = "layer1.0.conv1.weight", "layer1.1.conv2.weight"
REFERENCES = [pytest.param("gluon", marks=pytest.mark.mxnet), "graph"]


def arrays() -> Arrays:
    """Random weights of a ResNet-18, by structural name, without MXNet."""
    from gluon2torch.mapping.assignment import gluon_names
    from gluon2torch.mapping.network_spec import describe_network, empty_network
    from gluon2torch.mappings.key_map import load_keymap

    targets = describe_network(empty_network(NAME, 1000, 3))
    shapes = [spec.shape for name, spec in targets.items() if "num_batches" not in name]
    names = [name for name, _ in gluon_names(load_keymap(load_catalog()[NAME].family), targets)]
    return draw_arrays(dict(zip(names, shapes, strict=True)), END, seed=3)


def prove(values: Arrays, folder: Path, reference: str) -> Any:
    write_params(folder / "mine.params", values)
    options: dict[str, Any] = {"reference": reference, "sizes": [SMALL, (33, 65)]}
    return convert(NAME, params=folder / "mine.params", out=folder / "out", **options)


def swap_assigned(monkeypatch: pytest.MonkeyPatch, one: str, other: str) -> None:
    """Let two arrays of equal shape become each other's tensors."""
    build = converted.build_values

    def swapped(*arguments: Any) -> Any:
        tensors = build(*arguments)
        tensors[one], tensors[other] = tensors[other], tensors[one]
        return tensors

    monkeypatch.setattr(converted, "build_values", swapped)


@pytest.mark.costly
@pytest.mark.parametrize("reference", REFERENCES)
def test_layers_that_are_swapped_behind_zero_gammas(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = arrays()
    for name in values:
        if name.endswith("bn2.gamma"):
            values[name] *= 0
    assert prove(values, tmp_path, reference).parity.passed
    swap_assigned(monkeypatch, ONE, OTHER)
    monkeypatch.setattr(converted.Converted, "require_placed", lambda self: None)
    monkeypatch.setattr("gluon2torch.parity.proof._PROVED_MAPS", {})
    with pytest.raises(ParityError, match="arrays are mapped to wrong keys.*layer1 ") as caught:
        prove(values, tmp_path / "other", reference)
    assert caught.value.parity.passed is False
    assert all(stage.max_rel <= 1e-12 for stage in caught.value.parity.stages)
    assert not (tmp_path / "other" / "out").exists()


@pytest.mark.costly
def test_tensors_that_are_swapped_after_the_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = arrays()
    for name in values:
        if name.endswith("bn2.gamma"):
            values[name] *= 0
    swap_assigned(monkeypatch, ONE, OTHER)
    with pytest.raises(KeyMapError) as caught:
        prove(values, tmp_path, "graph")
    assert caught.value.problems == (
        f"{ONE}: does not hold the values of {ONE}",
        f"{OTHER}: does not hold the values of {OTHER}",
    )


@pytest.mark.costly
@pytest.mark.parametrize("reference", REFERENCES)
def test_logits_that_are_permuted_beside_a_huge_one(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = arrays()
    values["fc.bias"][0] = 1e14
    record = prove(values, tmp_path, reference)
    assert record.parity.checks[0].max_own < 1
    build = converted.build_values

    def permuted(*arguments: Any) -> Any:
        tensors = build(*arguments)
        weight = tensors["fc.weight"].copy()
        weight[1:5] = weight[[2, 3, 4, 1]]
        return {**tensors, "fc.weight": weight}

    monkeypatch.setattr(converted, "build_values", permuted)
    with pytest.raises(ParityError, match="logits .a single output by .* times its own bound"):
        prove(values, tmp_path / "other", reference)
    assert not (tmp_path / "other" / "out").exists()


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize(
    ("change", "stage"),
    [
        (lambda name: True, "stem"),
        (lambda name: name == "conv1.weight", "stem"),
        (lambda name: name.startswith("fc."), "logits"),
    ],
    ids=["a file of zeros", "a dead stem", "a dead classifier"],
)
def test_outputs_that_do_not_depend_on_the_input(
    change: Callable[[str], bool], stage: str, reference: str, tmp_path: Path
) -> None:
    values = {name: each * 0 if change(name) else each for name, each in arrays().items()}
    message = f"do not depend on the input: {stage} is the first stage"
    with pytest.raises(ParityError, match=message) as caught:
        prove(values, tmp_path, reference)
    assert caught.value.parity.constant_from == stage
    assert not (tmp_path / "out").exists()


def test_each_channel_has_its_own_bound() -> None:
    rng = np.random.default_rng(0)
    expected = rng.standard_normal((2, 5)) * np.array([1e14, 1, 1, 1e-3, 0])
    units = np.abs(expected).max(0)
    right = expected * (1 + 1e-15)
    found = output_difference(right, expected, units, 1e-12, "float64")
    assert 0 < found.max_own < 0.01
    assert found.max_rel < 2e-15
    for channel, error in ((1, 1e-11), (3, 1e-14), (4, 1e-300)):
        wrong = right.copy()
        wrong[0, channel] += error
        found = output_difference(wrong, expected, units, 1e-12, "float64")
        assert found.max_rel < 1e-13, channel
        assert (found.max_own > 1) is True, channel
    # what nearly cancels may differ by the rounding of its terms
    units[3] = 1e3
    wrong = right.copy()
    wrong[0, 3] += 1e-12
    assert output_difference(wrong, expected, units, 1e-12, "float64").max_own < 1
    assert output_difference(right[:, :4], expected, units, 1e-12, "float64").max_own == np.inf
    wrong[1, 2] = np.nan
    found = output_difference(wrong, expected, units, 1e-12, "float64")
    assert not found.max_own <= 1


def test_rounding_is_measured_in_units_of_the_channels_size() -> None:
    scales = np.array([1, 1e6, 0])[:, None, None]
    wide = np.random.default_rng(0).standard_normal((2, 3, 9, 9)) * scales
    units = amplification(wide.astype(np.float32), wide)
    assert 0.1 < units[0] < 2
    assert 1e5 < units[1] < 2e6
    assert units[2] == 0  # a channel that is 0 may not differ at all


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_channel_that_overflows_has_no_rounding(value: float) -> None:
    wide = np.random.default_rng(0).standard_normal((2, 5, 9, 9))
    wide[:, 4] *= 1e300
    narrow = np.where(np.abs(wide) < 1e100, wide, 0).astype(np.float32)
    narrow[:, 4] = value
    units = amplification(narrow, wide)
    assert units[4] == 0
    assert (units[:4] > 0.1).all()
    assert np.array_equal(units[:4], amplification(narrow[:, :4], wide[:, :4]))
    narrow[0, 0, 0, 0] = value
    assert list(amplification(narrow, wide) == 0) == [True, False, False, False, True]


def test_a_channel_that_rounds_to_nothing_by_chance_has_the_medians_rounding() -> None:
    """A pooled channel of one positive value per image was once exact in float32, and refused."""
    wide = np.random.default_rng(0).uniform(1, 2, (2, 4))
    wide[:, 3] = np.float32(1e-4)
    narrow = wide.astype(np.float32)
    units = amplification(narrow, wide)
    assert units[3] == sorted(units[:3])[0] > 0
    expected = wide.copy()
    expected[:, 3] += 1e-7  # the rounding of terms near 1
    found = output_difference(narrow, expected, units, 1e-5, "float32")
    assert found.max_own < 1
    assert output_difference(narrow, expected, units * [1, 1, 1, 0], 1e-5, "float32").max_own > 1


def test_what_depends_on_the_input() -> None:
    output = np.zeros((2, 3, 4))
    assert not depends_on_input(output)
    output[1, 2, 3] = 1e-300
    assert depends_on_input(output)
    output[0, 0, 0] = np.nan
    assert not depends_on_input(output)


@pytest.mark.costly
def test_a_map_is_proved_once_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gluon2torch.parity import map_proof

    calls: list[str] = []
    measure = map_proof.measure_map

    def counted(*arguments: Any) -> Any:
        calls.append("measured")
        return measure(*arguments)

    monkeypatch.setattr("gluon2torch.parity.proof._PROVED_MAPS", {})
    monkeypatch.setattr(map_proof, "measure_map", counted)
    values = arrays()
    first = prove(values, tmp_path, "graph").parity.map_proof
    values["fc.bias"] = values["fc.bias"] + 1
    second = prove(values, tmp_path / "other", "graph").parity.map_proof
    assert calls == ["measured"]
    assert first == second
    assert first.passed is True
    assert [check.input for check in first.checks] == ["2x3x65x33"]
    other = {**values, "fc.weight": values["fc.weight"][:7], "fc.bias": values["fc.bias"][:7]}
    prove(other, tmp_path / "seven", "graph")
    assert len(calls) == 2


def test_a_trunk_has_its_map_proved_too(tmp_path: Path) -> None:
    from .test_backbones import trunk

    ends = {name: each.shape for name, each in trunk().items()}
    values = draw_arrays(ends, "resnet.{stage}.{block}.bn2.gamma", seed=0)
    write_params(tmp_path / "pose.params", values)
    record = convert(
        params=tmp_path / "pose.params",
        backbone=True,
        out=tmp_path,
        sizes=[SMALL],
        reference="graph",
    )
    assert record.parity.map_proof is not None
    assert [stage.name for stage in record.parity.map_proof.stages][-1] == "pooled"
    assert torch.load(record.file, weights_only=True)


@pytest.mark.costly
def test_the_map_is_proved_with_weights_that_are_drawn_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gluon2torch.mapping.assignment import array_specs
    from gluon2torch.mapping.dialects import prefixed_names
    from gluon2torch.mapping.fit import fit
    from gluon2torch.parity.graph_reference import GraphReference
    from gluon2torch.parity.map_proof import draw_network, map_images, measure_map

    from .conftest import random_network

    own = random_network("cifar_resnet20_v1")
    known = prefixed_names(own.fit.keymap, own.fit.targets)
    file = {f"net_{name}": own.arrays[structural] for name, structural in known.items()}
    mine = converted.assemble(fit(own.fit.entry, array_specs(file)).require(), file)
    drawn, again = draw_network(mine), draw_network(own)
    # the file's names are not those of the drawn arrays
    assert drawn.fit.translation.names == {name: name for name in own.arrays}
    assert list(drawn.arrays) == list(own.arrays)
    for name, array in drawn.arrays.items():
        assert np.array_equal(array, again.arrays[name])
        assert array.shape == own.arrays[name].shape
        assert not np.array_equal(array, own.arrays[name])
    (images,) = map_images(drawn)
    (height, width) = own.fit.entry.dataset.small_size
    assert images.shape == (2, 3, height, width)
    reference = GraphReference(own.fit.entry.name, own.arrays, own.fit.keymap.stages)
    parity = measure_map(drawn, own.network(), reference, [images])
    assert parity.passed
    assert [check.dtype for check in parity.checks] == ["float64"]


def test_large_channels_do_not_widen_the_bound_of_a_small_one() -> None:
    """Most channels were scaled by 2**47, and another could be any other of its size."""
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((2, 5))
    wide[:, :3] *= 2.0**47
    units = amplification(wide.astype(np.float32), wide)
    wrong = wide.copy()
    wrong[:, 4] = wide[:, 3]
    assert output_difference(wrong, wide, units, 1e-12, "float64").max_own > 1e6
    assert output_difference(wide, wide, units, 1e-12, "float64").max_own == 0
