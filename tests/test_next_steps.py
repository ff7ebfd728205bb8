"""What an error tells to do next is right: --symbol, --backbone, or another network's name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gluon2torch.sources.exported_pair import symbol_beside
from gluon2torch.sources.params_writer import write_params

from .exported import export
from .images import run
from .test_commands import arrays

FOREIGN = {"arg:fc1_weight": np.ones((4, 4), np.float32), "arg:fc1_bias": np.ones(4, np.float32)}
TRUNK = {f"layer{n}.0.conv1.weight": np.ones((2, 2, 1, 1), np.float32) for n in range(1, 5)}
SEGMENTATION = {
    "conv1.weight": np.ones((2, 3, 7, 7), np.float32),
    "bn1.gamma": np.ones(2, np.float32),
    **TRUNK,
    "head.block.0.weight": np.ones((2, 2, 1, 1), np.float32),
}
OPTIONS = ("--reference", "none")


@pytest.mark.parametrize(
    ("params", "symbol"),
    [
        ("net-0000.params", "net-symbol.json"),
        ("net-0120.params", "net-symbol.json"),
        ("net.params", "net-symbol.json"),
        ("net-2024.params", "net-2024-symbol.json"),
        ("net-1.params", "net-1-symbol.json"),
        ("net-0000.params", None),
        ("net-0000.params", "other-symbol.json"),
    ],
)
def test_the_symbol_of_a_file_has_its_name(params: str, symbol: str | None, tmp_path: Path) -> None:
    if symbol is not None:
        (tmp_path / symbol).touch()
    expected = tmp_path / symbol if symbol and not symbol.startswith("other") else None
    assert symbol_beside(tmp_path / params) == expected


def error_of(tmp_path: Path, *arguments: object) -> str:
    result = run("convert", *arguments, *OPTIONS, "-o", tmp_path / "out", "--quiet")
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    return line


def test_the_error_of_an_unknown_file_names_the_graph_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "net-0000.params"
    write_params(path, FOREIGN)
    told = "to convert any other network, pass the -symbol.json"
    assert error_of(tmp_path, "--params", path).split("; ", 1)[1].startswith(told)
    assert "--backbone" not in error_of(tmp_path, "--params", path)
    (tmp_path / "net-symbol.json").touch()
    expected = "net-symbol.json is beside it: convert its graph with `--symbol auto`"
    assert error_of(tmp_path, "--params", path).split("; ", 1)[1] == expected
    assert run("detect", path).output.splitlines()[1:] == [f"  {expected}"]


def test_the_error_of_an_unknown_file_of_save_parameters_tells_how_to_get_its_graph(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.params"
    write_params(path, {"0.weight": np.zeros((4, 3, 3, 3), np.float32)})
    told = "`save_parameters` writes such names, which belong to no graph: to convert any other "
    assert error_of(tmp_path, "--params", path).split("; ", 1)[1].startswith(told)


def test_only_the_error_of_a_file_with_a_trunk_names_backbone(tmp_path: Path) -> None:
    path = tmp_path / "mine.params"
    write_params(path, SEGMENTATION)
    assert error_of(tmp_path, "--params", path).endswith(
        "it has the names of a segmentation network, whose trunk `--backbone` converts"
    )


def test_another_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.params"
    write_params(path, arrays())
    result = run("convert", "resnet50_v1d", "--params", path, *OPTIONS, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        f"Error: {path}: the arrays are not those of resnet50_v1d; convert them as "
        "cifar_resnet20_v1 ("
    )
    assert error_of(tmp_path, "--params", path, "--backbone") == (
        f"Error: {path}: has no network with a backbone, but fits cifar_resnet20_v1: omit "
        "`--backbone`"
    )


@pytest.mark.mxnet
def test_symbol_auto_takes_the_one_beside_the_arrays(tmp_path: Path) -> None:
    _, params = export("cifar_resnet20_v1", tmp_path, (32, 32))
    options = ("--symbol", "auto", "--params", params, "--size", "32x32", "--json", "-", *OPTIONS)
    result = run("convert", *options, "-o", tmp_path / "out")
    (record,) = json.loads(result.stdout)
    assert (record["format"], record["model"]) == ("pt2", "cifar_resnet20_v1")
    alone = tmp_path / "alone.params"
    write_params(alone, arrays())
    options = ("--symbol", "auto", "--params", alone, "--json", "-", *OPTIONS)
    result = run("convert", *options, "-o", tmp_path / "out")
    (record,) = json.loads(result.stdout)
    assert (record["format"], record["model"]) == ("pth", "cifar_resnet20_v1")
    note = f"note: {alone}: no -symbol.json is beside it; it is converted as a network of GluonCV\n"
    assert result.stderr == note
    assert run("convert", *options, "-q", "-o", tmp_path / "out").stderr == ""


def test_prefixed_names_of_the_zoo_ask_for_the_networks_name(tmp_path: Path) -> None:
    path = tmp_path / "my.params"
    write_params(path, {"mobilenet0_conv0_weight": np.zeros((8, 3, 3, 3), np.float32)})
    for command in ("detect", path), ("convert", "--params", path, "-o", tmp_path / "out"):
        result = run(*command)
        assert result.exit_code == 1
        assert "give the network's name as MODEL; of any other network" in result.output
