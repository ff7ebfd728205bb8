"""Constants and one-hot rows that meet weights: in each data type, file and command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gluon2torch import open_program
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.pipeline.graph_verification import verify_graph
from gluon2torch.sources.mxnet_compat import import_mxnet

from .exported import export_symbol

pytestmark = pytest.mark.mxnet
WORDS = {"data": ((2, 7), "int32")}


def characters(sym: Any) -> Any:
    """Characters as one-hot rows, convolved, as classifiers of text do."""
    rows = sym.transpose(sym.one_hot(sym.var("data"), depth=11), axes=(0, 2, 1))
    return sym.FullyConnected(
        sym.Convolution(rows, kernel=(3,), num_filter=4, name="conv"), num_hidden=3, name="fc"
    )


def rows_twice(sym: Any) -> Any:
    """One-hot rows that are an output, too, whose name stays."""
    rows = sym.one_hot(sym.var("data"), depth=11, name="rows")
    return sym.Group([rows, sym.dot(rows, sym.var("weight", shape=(11, 4)))])


def expected_age(sym: Any) -> Any:
    """The mean of a distribution over ages."""
    shares = sym.softmax(sym.FullyConnected(sym.var("data"), num_hidden=10, name="fc"))
    return sym.dot(shares, sym.arange(0, 10))


def winner(sym: Any) -> Any:
    """The vector of the likeliest class, as capsules are masked."""
    vectors = sym.reshape(sym.FullyConnected(sym.var("data"), num_hidden=12), shape=(0, 3, 4))
    chosen = sym.one_hot(sym.argmax(sym.sum(vectors, axis=2), axis=1), depth=3)
    return sym.batch_dot(sym.expand_dims(chosen, 1), vectors)


def fractions(sym: Any) -> Any:
    """Constants that float32 rounds."""
    scaled = sym.FullyConnected(sym.var("data"), num_hidden=10) * sym.full((2, 10), 0.1)
    return sym.broadcast_add(scaled, sym.reshape(sym.arange(0, 1, 0.1), shape=(1, 10)))


CASES: list[tuple[Callable[[Any], Any], Any]] = [
    (characters, WORDS),
    (rows_twice, WORDS),
    (expected_age, {"data": (2, 9)}),
    (winner, {"data": (2, 9)}),
    (fractions, {"data": (2, 9)}),
]


@pytest.mark.parametrize(("build", "inputs"), CASES, ids=[build.__name__ for build, _ in CASES])
def test_layers_take_them_in_the_data_type_of_their_weights(
    build: Callable[[Any], Any], inputs: Any, tmp_path: Path
) -> None:
    shapes = {"data": (2, 7)} if inputs is WORDS else inputs
    paths = export_symbol(build(import_mxnet().sym), tmp_path / "net", shapes)
    record = convert_graph(*paths, out=tmp_path / "out", inputs=inputs, formats=["pth", "py"])
    assert {check.dtype for check in record.parity.checks} == {"float64", "float32"}
    file = next((tmp_path / "out").glob("*.pth"))
    checked = verify_graph(file)
    assert not checked.problems
    assert checked.parity is not None
    assert checked.parity.passed
    data = torch.ones(shapes["data"])
    module = open_program(file).module()
    for dtype in (torch.float32, torch.float64):
        found = module.to(dtype)(data.to(dtype))
        last = found[-1] if isinstance(found, tuple) else found
        assert last.dtype == dtype
