"""How the pages of the report look: contrast of the colours, labels beside points, headings."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from gluon2torch.parity.report import page
from gluon2torch.parity.report.page import write_index, write_pages
from gluon2torch.parity.report.svg_plot import LETTER, LINE, draw
from gluon2torch.parity.result import Check, Parity

from .conftest import record

STYLE = files(page.__package__).joinpath("style.css").read_text(encoding="utf-8")
LIGHT, DARK = "light", "dark"
AA = 4.5  # least contrast of normal text: WCAG 2.2, success criterion 1.4.3
GRAPHICS = 3.0  # of parts of pictures: 1.4.11
TEXTS = [
    *(("ink", "page"), ("soft", "page"), ("soft", "panel"), ("wide", "page"), ("bad", "page")),
    *(("wide", "panel"), ("narrow", "panel"), ("ink", "panel")),
    *(("on-badge", "good"), ("on-badge", "bad"), ("on-badge", "soft")),
]


def colours(mode: str) -> dict[str, str]:
    """The colours by name; dark mode replaces some of the light ones."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    found = re.findall(r"--([\w-]+):\s*(#\w+)", light if mode == LIGHT else light + dark)
    return dict(found)


def luminance(colour: str) -> float:
    """Relative luminance of `#rgb` or `#rrggbb`, as WCAG defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_is_that_of_wcag() -> None:
    assert contrast("#fff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("mode", [LIGHT, DARK])
def test_texts_can_be_read(mode: str) -> None:
    values = colours(mode)
    for text, ground in TEXTS:
        ratio = contrast(values[text], values[ground])
        assert ratio >= AA, f"{text} on {ground}: {ratio:.2f}"
    for points in ("wide", "narrow"):
        assert contrast(values[points], values["panel"]) >= GRAPHICS


def test_all_colours_are_among_those() -> None:
    """A colour that is written elsewhere would not be measured."""
    roots = "".join(re.findall(r":root \{.*?\}", STYLE, re.DOTALL))
    assert re.findall(r"#[0-9a-fA-F]{3,6}\b", STYLE) == re.findall(r"#[0-9a-fA-F]{3,6}\b", roots)


def test_labels_are_beside_the_points_and_apart() -> None:
    lines = {
        "float64": {"limit": 1e-12, "epsilon": 2e-16},
        "float32": {"limit": 1e-5, "epsilon": 1.2e-7},
        "near": {"limit": 1.1e-12, "epsilon": 2.2e-16},
    }
    values = {dtype: [1e-15] * 40 for dtype in lines}
    plot = draw([f"layer{place}" for place in range(40)], values, lines)
    for marks in plot.marks.values():
        assert all(plot.left < mark.x < plot.right for mark in marks)
    heights = [line.label for _, line in plot.lines]
    assert all(abs(one - other) >= LINE - 1e-9 for one, other in combinations(heights, 2))
    for _, line in plot.lines:
        assert plot.right + 6 + LETTER * len(line.text) <= plot.width


def test_names_of_the_index_are_below_its_points() -> None:
    names = [f"network_with_a_long_name_{place}" for place in range(73)]
    plot = draw(names, {"float64": [1e-15] * 73}, {}, [f"{name}.html" for name in names])
    marks = plot.marks["float64"]
    assert [(x, text) for x, text, _ in plot.names] == [
        (mark.x, name) for mark, name in zip(marks, names, strict=True)
    ]
    assert min(b.x - a.x for a, b in pairwise(marks)) >= LINE
    assert plot.height - plot.bottom >= LETTER * len(names[0]) * 0.86
    assert plot.width > 960
    assert draw(names, {}, {}).names == []


class Headings(HTMLParser):
    """The cells of the tables: headings with their scope, and badges."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scopes: list[str | None] = []
        self.texts: list[str] = []
        self._cell = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "th":
            self.scopes.append(dict(attrs).get("scope"))
            self._cell = "th"

    def handle_endtag(self, tag: str) -> None:
        self._cell = ""

    def handle_data(self, data: str) -> None:
        if self._cell and data.strip():
            self.texts.append(data.strip())


def headings(text: str) -> Headings:
    found = Headings(text)
    assert set(found.scopes) <= {"col", "row"}
    assert "" not in found.texts
    return found


def test_the_index_has_a_column_with_the_status(tmp_path: Path) -> None:
    for number, passed in enumerate((True, None, False)):
        summary = {
            "model": f"net{number}",
            "source": "random",
            "reference": "gluon",
            "passed": passed,
            "worst": {"float64": "1e-15"} if passed is not None else {},
        }
        content = f'<script type="application/json" id="summary">{json.dumps(summary)}</script>'
        (tmp_path / f"net{number}.html").write_text(content)
    write_index(tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert headings(text).texts[:5] == ["network", "status", "source", "reference", "float64"]
    assert re.findall(r'<td><span class="badge (\w+)">([\w ]+)<', text) == [
        ("good", "equal"),
        ("none", "not measured"),
        ("bad", "differs"),
    ]
    assert re.findall(r'<a href="net\d.html"><text.*?>(net\d)</text>', text) == [
        *("net0", "net1", "net2")
    ]
    assert 'style="min-width: 960px"' in text  # it scrolls where there is less room


def test_a_page_explains_the_condition_in_a_sentence(tmp_path: Path) -> None:
    checks = (
        Check("float64", "2x3x32x32", 1e-14, 2.3e-15, 1e-12),
        Check("float32", "2x3x32x32", 1e-3, 2e-3, 1e-5),
    )
    about = record(parity=Parity("gluon", False, checks, condition=3.456))
    path = write_pages(tmp_path, about.as_dict(), about.parity, [])
    text = " ".join(path.read_text().split())
    assert (
        "Condition 3.46: if the images change by a millionth of their values, the logits change by "
        "about 3.46 millionths of theirs"
    ) in text
    badges = re.findall(r'<span class="badge (\w+)">([\w ]+)<', text)
    assert badges == [("bad", "differs"), ("good", "equal"), ("bad", "differs")]
    assert headings(text).texts[:3] == ["dtype", "inputs", "status"]
