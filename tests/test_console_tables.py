"""Tables and results on the console, at any width; and the choice of what is listed."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest

from gluon2torch.commands import console, scoreboard, tables
from gluon2torch.commands.tables import format_table
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.zoo import load_zoo

from .conftest import record
from .images import run

NARROW = 60


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 60 columns."""
    for module in (console, tables):
        monkeypatch.setattr(module, "terminal_width", lambda: NARROW)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return click.unstyle(capsys.readouterr().out).splitlines()


def test_a_table_has_columns_where_they_fit() -> None:
    rows = [("a", "1", "x y"), ("bcd", "20", "-")]
    assert click.unstyle(format_table(("name", "n", "text"), rows, right=["n"], width=14)) == (
        "name   n  text\na      1  x y\nbcd   20  -"
    )
    assert click.unstyle(format_table(("name", "n", "text"), rows, right=["n"], width=13)) == (
        "name\na\n  n 1,\n  text x y\nbcd\n  n 20"
    )


@pytest.mark.usefixtures("narrow")
def test_the_list_is_not_cut_at_60_columns(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_networks(load_catalog().values(), load_zoo().values())
    shown = lines(capsys)
    assert max(map(len, shown)) <= NARROW
    assert not any("…" in line for line in shown)
    assert {*load_catalog(), *load_zoo()} <= {line.split("  ")[0] for line in shown}
    at = shown.index("resnet50_v1d")
    assert shown[at + 1 : at + 3] == [
        "  published as gluon_resnet50_v1d, input 224x224,",
        "  params 25.58M, top-1 79.07, top-5 94.48",
    ]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_wide_list_fits(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    senet, zoo = load_catalog()["senet_154"], load_zoo()
    fcn, yolo = zoo["fcn_resnet101_ade"], zoo["yolo3_darknet53_voc"]
    console.print_networks([senet], [fcn, yolo], wide=True)
    shown = lines(capsys)
    assert max(map(len, shown)) <= width
    words = " ".join(shown).replace(",", "").split()
    assert {"20.69G", "41.38G", "38.69M", "461.7", "FLOPs", "activations"} <= {*words}
    if width == 140:
        assert shown[0].split() == [
            *("GluonCV", "published", "as", "input", "params", "mult-adds", "FLOPs"),
            *("activations", "file", "top-1", "top-5"),
        ]
        assert len(shown) == 8
    else:
        assert shown[1] == "senet_154"
        assert "mult-adds 20.69G" in " ".join(shown)


def test_the_costs_are_in_the_json_and_need_the_list() -> None:
    (row,) = listed("cifar_resnet20_v1")
    assert row["costs"] == load_catalog()["cifar_resnet20_v1"].costs.as_dict()
    assert row["costs"]["flops"] == 2 * 40_813_184
    assert run("convert", "--list", "cifar_resnet20_v1", "--wide").output.split()[-3:] == [
        *("MB", "92.10", "-")
    ]
    result = run("convert", "cifar_resnet20_v1", "--wide")
    assert result.exit_code == 2
    assert "--wide is for --list" in result.output


@pytest.mark.usefixtures("narrow")
def test_a_result_is_not_cut_at_60_columns() -> None:
    assert console.result_line(record()).splitlines() == [
        "cifar_resnet20_v1",
        "  parity was not run",
        "  gluon_cifar_resnet20_v1-00000000.pth",
    ]


ROW: dict[str, Any] = {
    "model": "resnet101_v1d",
    "images": 50000,
    "skipped": 3,
    "top1": 40000,
    "top5": 47500,
    "published_top1": 80.42,
    "published_top5": 95.02,
    "images_per_second": 123.4,
    "classes": "id",
}


def test_validations_have_headings_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    scoreboard.print_accuracy([ROW])
    heading, row, classes = lines(capsys)
    titles = [each.strip() for each in heading.split("  ") if each]
    assert len(titles) == len(set(titles)) == 8
    assert titles[-3:] == ["published top-1", "published top-5", "images/s"]
    assert row.split() == [
        *("resnet101_v1d", "50,000", "3", "80.00", "95.00", "80.42", "95.02", "123.4")
    ]
    assert classes == "classes: id"


@pytest.mark.usefixtures("narrow")
def test_a_validation_fits_60_columns(capsys: pytest.CaptureFixture[str]) -> None:
    scoreboard.print_accuracy([ROW])
    assert lines(capsys) == [
        "model",
        "resnet101_v1d",
        "  images 50,000, skipped 3, top-1 80.00, top-5 95.00,",
        "  published top-1 80.42, published top-5 95.02,",
        "  images/s 123.4",
        "classes: id",
    ]
    metrics = {"model": "ssd", "images": 4, "data": "images of VOC", "skipped": 0}
    scoreboard.print_metrics({**metrics, "metrics": {"mAP": 1.5}, "published": {"mAP": 80.0}})
    assert lines(capsys)[1:] == ["metric  measured  published", "mAP         1.50      80.00"]


def listed(*patterns: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(
        run("convert", "--list", *patterns, "--json", "-").output
    )
    return rows


@pytest.mark.parametrize(
    ("patterns", "count", "one"),
    [
        (["resnet50_v1d*"], 5, "resnet50_v1d_0.86"),
        (["gluon_senet154"], 1, "senet_154"),
        (["senet_154", "vgg16"], 2, "vgg16"),
        (["resnet_v1d"], 12, "resnet101_v1d"),
        (["detection"], 79, "yolo3_darknet53_voc"),
        (["classification"], 73 + 56, "resnet18_v1b"),
        (["published", "resnet_v1b"], 6, "resnet18_v1b"),
    ],
)
def test_the_list_is_filtered(patterns: list[str], count: int, one: str) -> None:
    rows = listed(*patterns)
    names = [row["name"] for row in rows]
    assert len(names) == count, names
    assert one in names
    if "published" in patterns:
        assert all(row["sha1"] for row in rows)


def test_only_published_networks_are_listed() -> None:
    names = {row["name"] for row in listed("published")}
    assert set(load_catalog().published_set) <= names
    assert "resnet50_v1e" not in names
    assert "custom_faster_rcnn_fpn" not in names


def test_a_pattern_without_a_network_is_wrong_usage() -> None:
    result = run("convert", "--list", "esnet50")
    assert result.exit_code == 2
    assert "for a part of a name, write '*esnet50*'" in " ".join(result.output.split())
