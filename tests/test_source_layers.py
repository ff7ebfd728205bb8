"""Sources of this package's layers, whose constructors take numbers alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gluon2torch import import_graph
from gluon2torch.errors import GraphError
from gluon2torch.sources.mxnet_compat import import_mxnet

from .exported import export_symbol
from .source_module import Case, case_of, difference

pytestmark = pytest.mark.mxnet
Shapes = dict[str, tuple[int, ...]]


def made(build: Callable[[Any], Any], shapes: Shapes, folder: Path) -> Case:
    paths = export_symbol(build(import_mxnet().sym), folder / "net", shapes)
    return case_of(import_graph(*paths, dtype="float64", inputs=shapes), shapes, "net")


def words(sym: Any) -> Any:
    """Indices to rows, normalized, as a language model begins."""
    rows = sym.Embedding(sym.var("data"), input_dim=10, output_dim=6, name="words")
    return sym.LayerNorm(rows, sym.var("g", shape=(6,)), sym.var("b", shape=(6,)), name="norm")


def norm_of_channels(sym: Any) -> Any:
    return sym.LayerNorm(sym.var("data"), sym.var("g"), sym.var("b"), axis=1, name="norm")


def norm_of_groups(sym: Any) -> Any:
    group = sym.GroupNorm(sym.var("data"), sym.var("g"), sym.var("b"), num_groups=2, name="norm")
    return group * 2


def transformer(sym: Any) -> Any:
    """Images that a network moves, turns and scales."""
    data = sym.var("data")
    transform = sym.FullyConnected(data, num_hidden=6, name="transform")
    return sym.SpatialTransformer(
        data, transform, target_shape=(4, 5), transform_type="affine", sampler_type="bilinear"
    )


def cell(sym: Any) -> Any:
    """An unrolled cell, whose first state is zeros."""
    unrolled = import_mxnet().rnn.GRUCell(5, prefix="gru_").unroll(3, inputs=sym.var("data"))
    return unrolled[0][-1]


def clipped_lstm(sym: Any) -> Any:
    options = {"mode": "lstm", "state_size": 5, "num_layers": 2, "bidirectional": True}
    state, memory = sym.zeros((4, 0, 5)), sym.zeros((4, 0, 5))
    return sym.RNN(
        *(sym.var("data"), sym.var("weights"), state, memory),
        **options,
        lstm_state_clip_min=-0.1,
        lstm_state_clip_max=0.1,
        name="lstm",
    )


def proposals(sym: Any) -> Any:
    data = sym.var("data")
    scores, offsets = (
        sym.Convolution(data, kernel=(1, 1), num_filter=size, name=name)
        for name, size in (("scores", 4), ("offsets", 8))
    )
    options = {"feature_stride": 8, "ratios": (0.5, 1), "scales": (2,), "rpn_min_size": 2}
    options |= {"rpn_pre_nms_top_n": 12, "rpn_post_nms_top_n": 6}
    sides = sym.ones_like(sym.var("im_info")) * 60
    return sym.contrib.Proposal(sym.sigmoid(scores), offsets, sides, **options)


CASES: list[tuple[Callable[[Any], Any], Shapes]] = [
    (words, {"data": (2, 7)}),
    (norm_of_channels, {"data": (2, 4, 6, 5)}),
    (norm_of_groups, {"data": (2, 4, 6, 5)}),
    (transformer, {"data": (2, 3, 6, 7)}),
    (cell, {"data": (2, 3, 4)}),
    (clipped_lstm, {"data": (3, 2, 4)}),
    (proposals, {"data": (1, 3, 6, 8), "im_info": (1, 3)}),
]


@pytest.mark.parametrize(("build", "shapes"), CASES, ids=[build.__name__ for build, _ in CASES])
def test_a_layer_has_a_source(build: Callable[[Any], Any], shapes: Shapes, tmp_path: Path) -> None:
    case = made(build, shapes, tmp_path)
    network = case.network(tmp_path)
    with torch.no_grad():
        expected = case.module(*case.inputs.values())
        assert difference(network(*case.inputs.values()), expected) <= 1e-12


def of_lengths(sym: Any) -> Any:
    options = {"mode": "gru", "state_size": 5, "num_layers": 1, "use_sequence_length": True}
    values = sym.var("data"), sym.var("weights"), sym.zeros((1, 0, 5))
    return sym.RNN(*values, sequence_length=sym.var("lengths") * 0 + 2, name="gru", **options)


def test_a_layer_within_a_layer_is_refused_with_the_reason(tmp_path: Path) -> None:
    reason = "gru: source cannot be written for VariableLengths, whose arguments are layers"
    with pytest.raises(GraphError, match=reason):
        made(of_lengths, {"data": (3, 2, 4), "lengths": (2,)}, tmp_path)
