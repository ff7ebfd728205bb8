"""The page of `gluon2torch graph --html`: blocks, shapes on the edges, what is not supported."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gluon2torch.cli import main
from gluon2torch.graph.drawing.layered_drawing import BOX, draw_layers
from gluon2torch.graph.drawing.network_page import to_html
from gluon2torch.graph.symbols.graph_blocks import find_repeats, layers_of, shown_nodes
from gluon2torch.graph.symbols.roles import roles
from gluon2torch.graph.symbols.symbol import Graph, parse_symbol, read_symbol
from gluon2torch.graph.value_shapes import value_shapes
from gluon2torch.sources.arrays import bare_name
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params import dense_arrays

from .exported import export_symbol

pytestmark = pytest.mark.mxnet
SHAPE = (2, 3, 16, 12)


def residual(blocks: int = 3, last: str = "tanh") -> Any:
    """A stem, residual blocks of equal structure, and a head."""
    sym = import_mxnet().sym
    value = sym.Convolution(sym.var("data"), kernel=(3, 3), num_filter=4, name="net_stem")
    for number in range(blocks):
        name = f"net_block{number}_"
        inner = sym.Convolution(value, kernel=(3, 3), pad=(1, 1), num_filter=4, name=f"{name}conv")
        inner = sym.BatchNorm(inner, fix_gamma=False, name=f"{name}norm")
        total = sym.elemwise_add(value, inner, name=f"{name}sum")
        value = sym.relu(total, name=f"{name}relu")
    pool = sym.Pooling(value, global_pool=True, pool_type="avg", name="net_pool")
    head = sym.FullyConnected(pool, num_hidden=5, name="net_fc")
    return getattr(sym, last)(head, name="net_end")


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return export_symbol(residual(), tmp_path / "net", {"data": SHAPE})


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["graph", *map(str, arguments)])


class Elements(HTMLParser):
    """Numbers of elements by tag and class, what would be fetched, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.fetched: list[str] = []
        self.text = ""
        self.opened = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        for name in (tag, f"{tag}.{known.get('class') or ''}"):
            self.counts[name] = self.counts.get(name, 0) + 1
        self.opened += tag == "details" and "open" in known
        self.fetched += [str(known[key]) for key in ("src", "href") if key in known]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_has_folded_blocks_and_mxnets_shapes(
    paths: tuple[Path, Path], tmp_path: Path
) -> None:
    page = tmp_path / "net.html"
    result = run(paths[0], "--html", page, "--params", paths[1], "--input", "data=2,3,16,12")
    assert result.exit_code == 0, result.output
    found = Elements(page.read_text())
    assert found.fetched == []
    assert (found.counts["details"], found.opened) == (1, 0)
    assert "block0_conv … block0_relu × 3" in found.text
    assert "again block1_conv … block1_relu, block2_conv … block2_relu" in found.text
    assert "Not supported" not in found.text
    # the block's four nodes, and the stem that they depend on
    assert found.counts["svg"] == 1
    assert found.counts["rect.input"] == 1
    assert found.counts["rect."] == 4
    inner = import_mxnet().sym.load(str(paths[0])).get_internals()
    _, outputs, _ = inner.infer_shape(data=SHAPE)
    by_name = dict(zip(inner.list_outputs(), outputs, strict=True))
    for name in ("net_stem_output", "net_block0_relu_output", "net_pool_output", "net_fc_output"):
        assert "×".join(map(str, by_name[name])) in found.text
    graph = read_symbol(paths[0])
    arrays = {bare_name(name): array for name, array in dense_arrays(paths[1]).items()}
    shapes = value_shapes(graph, arrays, {"data": SHAPE})
    for (number, _), shape in shapes.items():
        node = graph.nodes[number]
        assert shape == (SHAPE if node.op == "null" else by_name[f"{node.name}_output"])
    assert len(shapes) == 17


def test_what_would_show_nothing_is_refused(paths: tuple[Path, Path], tmp_path: Path) -> None:
    options = "--html", tmp_path / "net.html"
    for arguments, message in (
        (
            (paths[0], "--params", paths[1], "--input", "dat=2,3,16,12"),
            "no input 'dat'; its inputs are data",
        ),
        ((paths[0], "--input", "data=2,3,16,12"), "with --params only"),
        (("ssd_300_mobilenet0.25_voc", "--params", paths[1]), "omit --params"),
    ):
        result = run(*arguments, *options)
        assert result.exit_code == 1
        assert message in result.output
    assert not (tmp_path / "net.html").exists()


def test_what_is_not_supported_is_red_and_open(tmp_path: Path) -> None:
    symbol, _ = export_symbol(residual(1), tmp_path / "net", {"data": SHAPE})
    table = json.loads(symbol.read_text())
    for name, op in (("net_block0_norm", "Own<b>"), ("net_pool", "Other")):
        node = next(each for each in table["nodes"] if each["name"] == name)
        node["op"] = op
    symbol.write_text(json.dumps(table))
    page = tmp_path / "net.html"
    assert run(symbol, "--html", page).exit_code == 0
    found = Elements(page.read_text())
    assert found.opened == 1
    assert found.counts["rect.wrong"] == 1
    assert found.counts["li.wrong"] == 1
    assert found.counts["div.card wrong"] == 2
    assert "Not supported: Other, Own<b>." in found.text
    assert "Shapes are shown with --params and --input" in found.text


def test_shapes_end_where_nothing_is_supported(paths: tuple[Path, Path]) -> None:
    table = json.loads(paths[0].read_text())
    next(each for each in table["nodes"] if each["name"] == "net_pool")["op"] = "Other"
    graph = parse_symbol(json.dumps(table).encode(), "net")
    arrays = {bare_name(name): array for name, array in dense_arrays(paths[1]).items()}
    shapes = value_shapes(graph, arrays, {"data": SHAPE})
    names = {graph.nodes[number].name for number, _ in shapes}
    assert {"data", "net_stem", "net_block2_relu"} <= names
    assert not {"net_pool", "net_fc"} & names
    (other,) = value_shapes(graph, arrays, {"data": (2, 5, 16, 12)})  # which the stem refuses
    assert graph.nodes[other[0]].name == "data"


def test_shapes_end_at_a_loop_whose_length_depends_on_values(tmp_path: Path) -> None:
    page = tmp_path / "net.html"
    assert run("yolo3_mobilenet1.0_voc", "--html", page).exit_code == 0
    found = Elements(page.read_text())
    assert "1×32×208×208" in found.text
    assert "Shapes are shown with" not in found.text


def graph_of(symbol: Any) -> Graph:
    return parse_symbol(symbol.tojson().encode(), "net")


def test_blocks_are_parts_that_one_value_connects() -> None:
    graph = graph_of(residual(3))
    shown = shown_nodes(graph, set(roles(graph).arrays))
    repeats = find_repeats(graph, shown)
    assert [(len(each.nodes), [b.branches for b in each.blocks]) for each in repeats] == [
        (1, [False]),
        (3, [True]),
        (1, [False]),
    ]
    assert [number for each in repeats for part in each.nodes for number in part] == shown
    sym = import_mxnet().sym
    data = sym.var("data")
    chain = sym.tanh(sym.exp(sym.exp(data)))
    (only,) = find_repeats(graph_of(chain), shown_nodes(graph_of(chain), set()))
    assert not only.blocks[0].branches
    assert len(only.blocks[0].nodes) == 4


def test_boxes_do_not_overlap_and_lines_go_down() -> None:
    inputs = {0: [], 1: [0], 2: [0], 3: [1], 4: [3, 2], 5: [0, 4], 6: [5, 1]}
    nodes = list(inputs)
    assert layers_of(nodes, inputs) == [[0], [1, 2], [3], [4], [5], [6]]
    drawing = draw_layers(nodes, inputs)
    width, height = BOX
    places = list(drawing.boxes.values())
    for place, (x, y) in enumerate(places):
        assert 0 <= x <= drawing.width - width
        assert 0 <= y <= drawing.height - height
        for other_x, other_y in places[:place]:
            assert abs(x - other_x) >= width or abs(y - other_y) >= height
    assert {(line.source, line.target) for line in drawing.lines} == {
        (source, target) for target, sources in inputs.items() for source in sources
    }
    for line in drawing.lines:
        assert all(before[1] < after[1] for before, after in pairwise(line.points))
        # a line passes no box but at its ends
        for x, y in line.points[1:-1]:
            assert not any(
                left < x < left + width and top < y < top + height for left, top in places
            )


def test_options_of_the_page_need_it(paths: tuple[Path, Path]) -> None:
    assert run(paths[0], "--params", paths[1]).exit_code == 2
    assert run(paths[0], "--input", "data=1,3,8,8").exit_code == 2


def test_a_network_of_the_zoo_is_drawn(tmp_path: Path) -> None:
    page = tmp_path / "net.html"
    assert run("squeezenet1.1", "--html", page).exit_code == 0
    found = Elements(page.read_text())
    assert "squeezenet1.1" in found.text
    assert "1×1000" in found.text
    assert found.counts["details"] >= 2


def test_a_name_is_escaped() -> None:
    sym = import_mxnet().sym
    graph = graph_of(sym.tanh(sym.var("data"), name="<script>alert(1)</script>"))
    assert "<script" not in to_html(graph, "<script>")
