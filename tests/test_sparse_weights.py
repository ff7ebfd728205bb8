"""Weights that MXNet saved as sparse arrays, as recommenders and factorization machines have."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gluon2torch import import_graph
from gluon2torch.errors import ParamsFileError
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources import params
from gluon2torch.sources.mxnet_compat import import_mxnet

pytestmark = pytest.mark.mxnet
Paths = tuple[Path, Path]


@pytest.fixture
def machine(tmp_path: Path) -> Paths:
    """A factorization machine of 8 features; features without a weight have no row."""
    mx = import_mxnet()
    sym = mx.sym
    data = sym.var("data", stype="csr")
    rows, weight = (
        sym.var(name, shape=(8, size), stype="row_sparse")
        for name, size in (("v_weight", 3), ("w_weight", 1))
    )
    squares = sym.sum(sym.square(sym.sparse.dot(data, rows)), axis=1, keepdims=True)
    own = sym.sum(sym.sparse.dot(data.square(), rows.square()), axis=1, keepdims=True)
    out = sym.LogisticRegressionOutput(
        sym.sparse.dot(data, weight) + 0.5 * (squares - own), name="out"
    )
    out.save(str(tmp_path / "net-symbol.json"))
    values = {"v_weight": mx.nd.ones((8, 3)), "w_weight": mx.nd.ones((8, 1)) * 0.5}
    for value in values.values():
        value[2:5] = 0
    sparse = {f"arg:{name}": value.tostype("row_sparse") for name, value in values.items()}
    mx.nd.save(str(tmp_path / "net-0000.params"), sparse)
    return tmp_path / "net-symbol.json", tmp_path / "net-0000.params"


def test_they_are_expanded(machine: Paths, tmp_path: Path) -> None:
    record = convert_graph(*machine, out=tmp_path / "out", inputs={"data": (4, 8)})
    assert record.parity.passed
    module = import_graph(*machine)
    assert torch.equal(module(torch.eye(8))[3], module(torch.zeros(1, 8))[0])


def test_what_is_too_large_is_refused(machine: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params, "MAX_DENSE", 23)
    with pytest.raises(ParamsFileError, match=r"arg:v_weight: empty, or sparse with more than 23"):
        import_graph(*machine)
