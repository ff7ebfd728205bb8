"""The HTML report."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon2torch import convert
from gluon2torch.errors import ParityError
from gluon2torch.parity.gluon_reference import GluonReference
from gluon2torch.parity.report.layer_differences import _by_channel, compare_layers, every_layer
from gluon2torch.parity.report.page import write_index
from gluon2torch.parity.report.svg_plot import BOTTOM, HEIGHT, TOP, draw
from gluon2torch.sources.params_writer import write_params

from .conftest import SMALL, random_network
from .images import run
from .test_commands import arrays
from .test_graph_reader import network


class Page(HTMLParser):
    """Tags that are open, texts, and whatever would be fetched."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.circles = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.circles += tag == "circle"
        self.fetched += [str(v) for k, v in attrs if k in ("src", "href", "xlink:href") and v]
        if tag not in ("meta", "input", "link", "line", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "circle"):
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.circles += tag == "circle"

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.mxnet
def test_a_page_shows_every_layer_key_and_hash(tmp_path: Path) -> None:
    report = tmp_path / "report"
    record = convert("cifar_resnet20_v1", init="random", out=tmp_path, report=report)
    page = Page(report / "gluon_cifar_resnet20_v1.html")
    assert page.open == []
    assert page.fetched == ["index.html"]  # nothing from a network, no other file
    layers = every_layer(random_network("cifar_resnet20_v1"))
    assert page.circles == 2 * len(layers) == 2 * 43
    for wanted in (
        record.files[0].sha256,
        record.content_sha256,
        "mxnet 1.9.1",
        "features.3.0.downsample.0.weight",
        "layer2.0.downsample.0.weight",
        "32×16×1×1",
        "conv: features.{stage}.{block}.body.{conv} → ",
    ):
        assert wanted in page.text, wanted
    index = Page(report / "index.html")
    assert index.fetched == 2 * ["gluon_cifar_resnet20_v1.html"]  # in the picture and the table
    assert "1 of 1 networks were proved equal" in index.text
    assert index.circles == 2


@pytest.mark.mxnet
def test_a_network_that_differs_has_a_page_that_shows_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluon2torch.pipeline import catalog_conversion

    assemble = catalog_conversion.assemble

    def wrong(*arguments: Any) -> Any:
        converted = assemble(*arguments)
        converted.tensors["layer2.1.conv1.weight"] = converted.tensors[
            "layer2.1.conv1.weight"
        ].flip(0)
        return converted

    monkeypatch.setattr(catalog_conversion, "assemble", wrong)
    report = tmp_path / "report"
    with pytest.raises(ParityError, match="the first stage that differs is layer2"):
        convert("cifar_resnet20_v1", init="random", out=tmp_path / "out", report=report)
    text = (report / "gluon_cifar_resnet20_v1.html").read_text()
    marks = {
        name: float(value)
        for name, value in re.findall(r"<title>(\S+): (\S+) in float64</title>", text)
    }
    differing = [name for name, value in marks.items() if value > 1e-12]
    assert differing[0] == "layer2.1.conv1"
    assert differing[-1] == "fc"
    assert marks["layer2.0.conv2"] < 1e-14
    assert "differs" in Page(report / "index.html").text
    assert "0 of 1 networks" in Page(report / "index.html").text
    assert not (tmp_path / "out").exists()


@pytest.mark.mxnet
@pytest.mark.parametrize("name", ["se_resnet18_v1", "resnest14", "resnet50_v1b_gn"])
def test_every_kind_of_layer_is_compared(name: str) -> None:
    """Dense layers that became 1×1 convolutions, split attention, networks without a graph."""
    converted = random_network(name)
    layers = every_layer(converted)
    fit = converted.fit
    reference = GluonReference(
        name, converted.arrays, layers, 1000, imperative=fit.keymap.imperative
    )
    try:
        differences = compare_layers(converted, reference, layers, SMALL)
    finally:
        reference.close()
    limits = {"float64": 1e-12, "float32": 1e-4}
    for layer in differences:
        for dtype, value in layer.relative.items():
            assert value <= limits[dtype], layer


def test_channels_are_distinguished() -> None:
    expected = np.ones((2, 3, 4, 4))
    actual = expected.copy()
    actual[1, 2, 3, 0] += 0.25
    actual[0, 1, 0, 0] -= 0.5
    assert _by_channel(actual, 2 * expected / 2).tolist() == [0.0, 0.5, 0.25]
    actual[0, 0, 0, 0] = np.nan
    assert math.isinf(_by_channel(actual, expected)[0])
    assert math.isinf(_by_channel(actual, expected[:, :2])[0])
    assert _by_channel(np.zeros((2, 3)), np.zeros((2, 3))).tolist() == [0.0, 0.0, 0.0]


def test_the_plot_is_logarithmic_and_keeps_what_is_off_the_scale_inside() -> None:
    values = {"float64": [0.0, 1e-16, 1e-14, 1e-12, math.inf]}
    plot = draw(list("abcde"), values, {"float64": {"limit": 1e-12}})
    heights = [mark.y for mark in plot.marks["float64"]]
    assert heights[0] == HEIGHT - BOTTOM  # equal bit for bit: the floor
    assert heights[4] == TOP
    assert heights[1] - heights[2] == pytest.approx(heights[2] - heights[3], abs=0.2)
    assert plot.lines[0][1].y == heights[3]
    assert plot.marks["float64"][2].text == "c: 1.0e-14 in float64"


def test_a_users_words_are_not_run_as_html(tmp_path: Path) -> None:
    path = tmp_path / "<script>alert(1)<"
    path.mkdir()
    write_params(path / "x.params", arrays())
    convert(
        "cifar_resnet20_v1",
        params=path / "x.params",
        reference="none",
        out=tmp_path / "out",
        report=tmp_path / "report",
    )
    page = tmp_path / "report" / "gluon_cifar_resnet20_v1.html"
    assert Page(page).circles == 0  # nothing is compared without a reference
    text = page.read_text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;" in text
    assert "not measured" in text


def test_the_index_is_over_earlier_runs_too(tmp_path: Path) -> None:
    for number, passed in enumerate((True, None)):
        summary = {
            "model": f"net{number}",
            "source": "random",
            "reference": "gluon",
            "passed": passed,
            "worst": {"float64": "1e-15"} if passed else {},
        }
        page = f'<script type="application/json" id="summary">{json.dumps(summary)}</script>'
        (tmp_path / f"net{number}.html").write_text(page)
    (tmp_path / "other.html").write_text("<p>somebody else's</p>")
    write_index(tmp_path)
    index = Page(tmp_path / "index.html")
    assert "1 of 2 networks" in index.text
    assert index.fetched == 2 * ["net0.html", "net1.html"]
    write_index(tmp_path)  # the index itself is no page
    assert Page(tmp_path / "index.html").fetched == index.fetched


def test_a_users_index_is_not_replaced(tmp_path: Path) -> None:
    write_params(tmp_path / "mine.params", arrays())
    index = tmp_path / "site" / "index.html"
    index.parent.mkdir()
    index.write_text("<title>My site</title>")
    out = tmp_path / "out"
    command = ("convert", "--params", tmp_path / "mine.params", "--reference", "none", "-o", out)
    result = run(*command, "--report", index.parent)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"{index}: is there already, and is no report of gluon2torch; choose" in result.stderr
    assert index.read_text() == "<title>My site</title>"
    assert not out.exists()  # refused before the work
    index.unlink()
    for _ in range(2):  # our own is replaced
        assert run(*command, "--report", index.parent).exit_code == 0
    assert '<meta name="generator" content="gluon2torch">' in index.read_text()


@pytest.mark.parametrize("model", ["mobilenet0.25", None])
def test_a_graph_does_not_replace_a_users_index_either(model: str | None, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    (tmp_path / "net-symbol.json").write_text(json.dumps(network()))
    write_params(tmp_path / "net.params", {})
    pair = ("--symbol", tmp_path / "net-symbol.json", "--params", tmp_path / "net.params")
    source = pair if model is None else (model, "--init", "random")
    result = run("convert", *source, "-o", tmp_path / "out", "--report", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path / 'index.html'}: is there already" in result.stderr


@pytest.mark.slow
@pytest.mark.mxnet
def test_the_report_of_the_21_is_small(tmp_path: Path) -> None:
    from gluon2torch.mappings.catalog import load_catalog

    for name in load_catalog().published_set:
        convert(name, init="random", sizes=[SMALL], out=tmp_path, report=tmp_path / "report")
    pages = list((tmp_path / "report").iterdir())
    assert len(pages) == 22
    size = sum(path.stat().st_size for path in pages)
    print(f"the report of the 21: {size / 1e6:.2f} MB")
    assert size < 5_000_000
    assert "21 of 21 networks" in Page(tmp_path / "report" / "index.html").text
