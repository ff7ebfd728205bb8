"""Sources of graphs with unusual values: arrays, bounds, shared weights, equal names."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph import functions, layers
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.source_code.forward_text import filled
from gluon2torch.graph.source_code.parameters import text_of
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.mxnet_compat import import_mxnet

from .exported import export_symbol
from .source_module import Case, case_of, difference

SHAPE = (2, 4, 6, 6)


def made(build: Callable[[Any, Any], Any], **arrays: tuple[int, ...]) -> Case:
    """The source of a graph of `data`."""
    sym = import_mxnet().sym
    graph = parse_symbol(build(sym, sym.var("data")).tojson().encode(), "net")
    rng = np.random.default_rng(0)
    values = {name: rng.standard_normal(shape) for name, shape in arrays.items()}
    module = build_module(graph, values, dtype="float64", inputs={"data": SHAPE})
    return case_of(module, {"data": SHAPE}, "net")


def require_exact(case: Case, folder: Path) -> None:
    network = case.network(folder)
    with torch.no_grad():
        expected = case.module(*case.inputs.values())
        assert difference(network(*case.inputs.values()), expected) <= 1e-12


@pytest.mark.mxnet
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.5, 0.25), (0, 6)])
def test_any_clip_has_a_source(low: float, high: float, tmp_path: Path) -> None:
    case = made(lambda sym, data: sym.clip(data, low, high) * 2)
    assert ("ReLU6" in case.program.code or "relu6" in case.program.code) == (high == 6)
    require_exact(case, tmp_path)


@pytest.mark.mxnet
def test_a_function_of_an_array_is_a_call(tmp_path: Path) -> None:
    """Weights of a fusion, as BiFPN has them."""

    def build(sym: Any, data: Any) -> Any:
        return sym.broadcast_mul(data, sym.relu(sym.var("w", shape=(1, 4, 1, 1))))

    case = made(build, w=(1, 4, 1, 1))
    assert "nn.Parameter(torch.zeros((1, 4, 1, 1)))" in case.program.code
    require_exact(case, tmp_path)


@pytest.mark.mxnet
def test_what_depends_on_arrays_alone_has_a_place(tmp_path: Path) -> None:
    """Proposals of an R-CNN are joined with the numbers of their images."""

    def build(sym: Any, data: Any) -> Any:
        table = sym.repeat(sym.var("w", shape=(2, 3)), repeats=12, axis=1)
        flat = sym.Reshape(data, shape=(2, -1))
        return sym.Group([sym.concat(flat, table, dim=1), sym.relu(flat), table * 2])

    require_exact(made(build, w=(2, 3)), tmp_path)


@pytest.mark.mxnet
def test_an_output_that_is_an_array_is_refused() -> None:
    def build(sym: Any, data: Any) -> Any:
        anchors = sym.identity(sym.var("anchors", shape=(3, 4)))
        return sym.Group([sym.relu(data), anchors])

    with pytest.raises(GraphError, match="source cannot be written for an output that is an array"):
        made(build, anchors=(3, 4))


@pytest.mark.mxnet
def test_tied_layers_train_as_one(tmp_path: Path) -> None:
    """Layers of different arguments with one weight, among blocks that repeat."""

    def build(sym: Any, data: Any) -> Any:
        weight = sym.var("w", shape=(4, 4, 3, 3))
        options = {"num_filter": 4, "kernel": (3, 3), "no_bias": True}
        data = sym.Convolution(data, weight, pad=(1, 1), name="first", **options)
        for number in range(3):
            own = sym.var(f"w{number}", shape=(4, 4, 3, 3))
            data = sym.relu(sym.Convolution(data, own, pad=(1, 1), **options)) + data
        return sym.Convolution(data, weight, pad=(2, 2), dilate=(2, 2), name="last", **options)

    shape = (4, 4, 3, 3)
    case = made(build, w=shape, w0=shape, w1=shape, w2=shape)
    require_exact(case, tmp_path)
    assert case.program.code.count("nn.Parameter") == 0
    network = case.network(tmp_path)
    assert len(list(network.parameters())) == 4
    for one in (case.module, network):
        optimizer = torch.optim.SGD(one.parameters(), lr=0.01)
        one(*case.inputs.values()).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        outputs = [one(*case.inputs.values()) for one in (network, case.module)]
    assert difference(*outputs) <= 1e-12


@pytest.mark.mxnet
def test_no_line_is_too_long_for_many_outputs(tmp_path: Path) -> None:
    def build(sym: Any, data: Any) -> Any:
        names = [f"feature_of_a_long_name_{number}" for number in range(14)]
        return sym.Group([sym.exp(data * number, name=name) for number, name in enumerate(names)])

    case = made(build)
    assert max(map(len, case.program.code.splitlines())) <= 100
    assert "-> tuple[Tensor, ...]:" in case.program.code
    require_exact(case, tmp_path)


@pytest.mark.mxnet
def test_outputs_may_be_views_of_one_another(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    layer = sym.Convolution(sym.var("data"), num_filter=3, kernel=(3, 3), name="conv")
    heads = sym.Group([layer, sym.Flatten(layer)])
    paths = export_symbol(heads, tmp_path / "net", {"data": (1, 2, 8, 8)})
    record = convert_graph(
        *paths, out=tmp_path, formats=["py"], inputs={"data": ((1, 2, 8, 8), "float32")}
    )
    assert record.parity.passed


def test_arguments_get_parentheses_and_every_number_is_a_literal() -> None:
    assert filled("{0} // {size}", ["x"], {"size": "a // 2"}) == "x // (a // 2)"
    assert filled("{number} ** {0}", ["x"], {"number": "-2"}) == "(-2) ** x"
    assert filled("{0}.clamp({low}, {high})", ["x"], {"low": "-1", "high": "1"}) == (
        "x.clamp(-1, 1)"
    )
    assert text_of(float("nan")) == 'float("nan")'


@pytest.mark.mxnet
def test_inputs_do_not_hide_what_the_source_defines(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    names = {"smooth_l1": (2, 3), "in-put": (2, 3), "input0": (2, 3), "data": (2, 3)}
    first, *others = map(sym.var, names)
    symbol = sym.smooth_l1(first, scalar=2) + sym.add_n(*others)
    module = build_module(
        parse_symbol(symbol.tojson().encode(), "net"), {}, dtype="float64", inputs=names
    )
    case = case_of(module, names, "net")
    assert "def forward(self, input1: Tensor, input2: Tensor, input0: Tensor, data: Tensor)" in (
        case.program.code
    )
    require_exact(case, tmp_path)


def test_names_that_a_source_can_carry_are_unique() -> None:
    found: dict[str, set[str]] = {}
    for package in (functions, layers):
        for path in Path(next(iter(package.__path__))).glob("*.py"):
            text = path.read_text(encoding="utf-8")
            for node in ast.parse(text).body:
                for name in names_of(node):
                    found.setdefault(name, set()).add(ast.unparse(node))
    assert {name: texts for name, texts in found.items() if len(texts) > 1} == {}
    assert len(found) > 100


def names_of(node: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [each.id for each in targets if isinstance(each, ast.Name)]
