"""The site: it builds without warnings, needs nothing but its files, and has all facts."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import gluon2torch
from gluon2torch.graph.operators import OPERATORS
from gluon2torch.graph.symbols.aliases import FIRST_NAMES
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.key_map import load_keymap
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.parity.measurement import LIMITS

from .documents import ROOT

DOCS = ROOT / "docs"
CATALOG = load_catalog()
# what a browser loads with a page, by the tag
FETCHED = {"script": "src", "img": "src", "iframe": "src", "link": "href"}


class Page(HTMLParser):
    """What a page refers to, its anchors, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.text += " " if tag in ("br", "li", "p", "td", "th") else ""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in FETCHED and FETCHED[tag] in values:
            self.fetched.append(values[FETCHED[tag]])

    def handle_data(self, data: str) -> None:
        self.text += data

    def words(self) -> set[str]:
        return set(re.findall(r"[\w.]+", self.text))


def generator(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of docs/generators/."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module(f"generators.{name}")


@pytest.mark.mkdocs
@pytest.mark.costly
@pytest.mark.posix
@pytest.mark.skipif(sys.version_info < (3, 11), reason="the site's libraries need Python 3.11")
def test_the_site_is_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    # mkdocs.yml is strict: a warning, such as of a link that leads nowhere, is a failure
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    pages = {path.relative_to(tmp_path).as_posix(): Page(path) for path in tmp_path.rglob("*.html")}
    del pages["404.html"]  # which only servers show
    check_references(tmp_path, pages)
    check_networks(pages)
    check_operators(pages["operators.html"])
    names = {f"gluon2torch.{name}" for name in gluon2torch.__all__}
    assert names <= pages["reference.html"].anchors
    index = (tmp_path / "search" / "search_index.js").read_text(encoding="utf-8")
    titles = {each["title"] for each in json.loads(index.removeprefix("var __index = "))["docs"]}
    assert {"gluon2torch", "Tutorial", "Operators", "resnet50_v1d", "convert"} <= titles


def check_references(site: Path, pages: dict[str, Page]) -> None:
    """Require that links lead to pages and anchors, and that all that is loaded is in the site."""
    anchors = {page.path: page.anchors for page in pages.values()}
    for name, page in pages.items():
        for address in page.fetched:
            assert not re.match(r"(\w+:)?//", address), (name, address)
        for address in (*page.links, *page.fetched):
            if re.match(r"(https?|mailto|data):", address):
                continue
            target, _, anchor = unquote(address).partition("#")
            path = (page.path.parent / target).resolve() if target else page.path
            assert path.is_file(), (name, address)
            assert not anchor or path not in anchors or anchor in anchors[path], (name, address)
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", path.read_text(encoding="utf-8")), path


def check_networks(pages: dict[str, Page]) -> None:
    """Require that every network is there with its facts."""
    overview = pages["networks/index.html"]
    for name, entry in CATALOG.items():
        page, keymap = pages[f"networks/{entry.family}.html"], load_keymap(entry.family)
        anchor = name.replace(".", "-")
        assert anchor in page.anchors
        assert f"{entry.family}.html#{anchor}" in overview.links
        facts = [f"{entry.parameters:,}", entry.published, *(rule.source for rule in keymap.rules)]
        facts += [entry.sha1[:8]] if entry.sha1 else ["No weights were published"]
        facts += [f"{entry.top1:.2f}"] if entry.top1 else []
        assert [fact for fact in facts if fact not in page.text] == []
        drawn = f"networks/graphs/{name}.html" in pages
        assert drawn == (not keymap.imperative) == (f"graphs/{name}.html" in page.links)
    for entry in load_zoo().values():
        assert entry.name in pages[f"networks/{entry.task}.html"].words(), entry.name
    listed = pages["networks/detection.html"].text
    assert re.search(r"yolo3_darknet53_voc\s+voc\s+1×3×416×416\s+61\.63 M", listed)


def check_operators(page: Page) -> None:
    """Require that every operator is there by each of its names, with what is known of it."""
    known = json.loads((DOCS / "generators" / "mxnet_operators.json").read_text(encoding="utf-8"))
    names = {*known, *OPERATORS, *(n for n, first in FIRST_NAMES.items() if first in OPERATORS)}
    assert names - page.words() == set()
    text = " ".join(page.text.split())
    assert "pooling_convention: same" in text  # which MXNet has, and the importer refuses
    assert "replaced, but for elu" in text
    assert "float32 only with stride and dilation" in text


@pytest.mark.mxnet
def test_the_operators_are_mxnets(monkeypatch: pytest.MonkeyPatch) -> None:
    table = generator("mxnet_operators", monkeypatch)
    assert table.load_operators() == table.registered_operators()


def test_limits_are_read_from_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    limits_of = generator("operator_limits", monkeypatch).limits_of
    known = {"pooling_convention": ["full", "same", "valid"], "layout": ["NCHW", "NHWC"]}
    pooling = limits_of("Pooling", OPERATORS["Pooling"], known)
    assert pooling.keywords["pooling_convention"] == {"full", "valid"}
    assert pooling.values == {"kernel", "stride", "pad"}  # two of them by a loop's variable
    assert pooling.lines(known)[0] == "`pooling_convention`: `same`"
    assert not any("layout" in line for line in pooling.lines(known))  # depends on the kernel
    declared = limits_of("one_hot", OPERATORS["one_hot"], {"dtype": ["float32", "bfloat16"]})
    assert declared.keywords == {"dtype": {"float32"}}
    # by the callers of a function that both have in common
    assert limits_of("ROIPooling", OPERATORS["ROIPooling"], {}).values == {"pooled_size"}
    reshaped = limits_of("Reshape", OPERATORS["Reshape"], {})
    assert reshaped.messages[0].startswith("shape=…: MXNet 1.9.1 puts a size")


def test_pictures_are_those_that_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = generator("proof_pictures", monkeypatch).pictures()
    stored = {path.name: path.read_text("utf-8") for path in (DOCS / "pictures").iterdir()}
    assert drawn == stored
    # the exchanged logits, and only these, are beyond their bounds and within that of all
    points = re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="5" class="(\w+)"', drawn["bounds.svg"])
    (whole,) = re.findall(r'x1="([\d.]+)".*class="two dashed"', drawn["bounds.svg"])
    assert [kind for _, _, kind in points] == ["bad", "bad", "one", "one"]
    assert all(float(x) < float(whole) for x, _, _ in points)


def test_every_network_has_its_measured_parity(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = generator("measured_parity", monkeypatch).load_measured()
    assert rows.keys() == CATALOG.keys()
    for name, row in rows.items():
        single = load_keymap(CATALOG[name].family).imperative
        assert ("float64" in row) != single
        for dtype, limit in LIMITS.items():
            assert 0 < row.get(dtype, limit) <= limit
        assert 0 < row["map"] <= LIMITS["float32" if single else "float64"]


def test_a_documents_links_lead_to_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    module = generator("root_documents", monkeypatch)
    text = "[a](docs/zoo.md#b) [c](CONTRIBUTING.md) [d](LICENSE) [e](https://f.org) [g](#h)"
    assert module.with_links(text, 1) == (
        "[a](../zoo.md#b) [c](../project/contributing.md) "
        f"[d]({module.ADDRESS}LICENSE) [e](https://f.org) [g](#h)"
    )
    assert module.from_page("[a](../README.md#b) [c](d.md)", "p.md") == "[a](index.md#b) [c](d.md)"
    assert module.from_page("[a](../../CHANGELOG.md)", "r/p.md") == "[a](../project/changelog.md)"
