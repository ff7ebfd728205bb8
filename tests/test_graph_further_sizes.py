"""The proof of a graph at further sizes of its images, and what `verify` makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gluon2torch.cli import main
from gluon2torch.pipeline import graph_proof, graph_verification
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params

pytestmark = pytest.mark.mxnet


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A convolution and a classifier for images of any size, with weights in float64."""
    folder, sym = tmp_path_factory.mktemp("pair"), import_mxnet().sym
    net = sym.Convolution(sym.var("data"), num_filter=4, kernel=(3, 3), name="conv")
    net = sym.Pooling(sym.relu(net), global_pool=True, pool_type="avg", name="pool")
    net = sym.FullyConnected(net, num_hidden=5, name="fc")
    net.save(str(folder / "net-symbol.json"))
    rng = np.random.default_rng(0)
    shapes = {"conv_weight": (4, 3, 3, 3), "conv_bias": (4,), "fc_weight": (5, 4), "fc_bias": (5,)}
    write_params(folder / "net.params", {n: rng.standard_normal(s) for n, s in shapes.items()})
    return folder / "net-symbol.json", folder / "net.params"


def test_weights_that_float32_rounds_are_proved_at_all_sizes(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = convert_graph(*pair, out=tmp_path / "right")
    assert record.inputs[0].shape == (None, 3, None, None)
    assert record.parity.passed
    assert max(c.max_rel for c in record.parity.checks if c.dtype == "float64") <= 1e-14
    monkeypatch.setattr(graph_proof, "restore_weights", lambda module, weights: None)
    rounded = convert_graph(*pair, out=tmp_path / "rounded")
    assert rounded.inputs[0].shape == (None, 3, 224, 224)


def test_verify_reports_sizes_at_which_the_network_differs(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = convert_graph(*pair, out=tmp_path, reference="none")
    prove = graph_verification.prove_sizes
    assert CliRunner().invoke(main, ["verify", record.file]).exit_code == 0

    def differing(*args: Any) -> Any:
        parity, reason = prove(*args)
        assert reason is None
        return parity, "it differs at 131x97"

    monkeypatch.setattr(graph_verification, "prove_sizes", differing)
    done = CliRunner().invoke(main, ["verify", record.file])
    assert done.exit_code == 1
    assert "inputs may have other sizes" in done.output
    assert "it differs at 131x97" in done.output
