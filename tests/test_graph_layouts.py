"""Layouts with the channels last, computed weights, and layers of older versions of MXNet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.operators import dropout
from gluon2torch.graph.symbols.roles import roles
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet

from .fuzz.operator_case import Case, imported
from .mxnet_run import run_by_mxnet
from .operator_trials import Trial, check, computed

pytestmark = pytest.mark.mxnet
RNG = np.random.default_rng(0)
FIRST, LAST = ("NCW", "NCHW", "NCDHW"), ("NWC", "NHWC", "NDHWC")


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def pool(data: np.ndarray, **attributes: str) -> Case:
    return Case("Pooling", attributes, {"data": data})


def layer(op: str, shape: tuple[int, ...], **attributes: str) -> Case:
    attributes = {"num_filter": "4", "kernel": "(3, 3)", "stride": "(2, 2)", **attributes}
    arrays = {"weight": normal(*shape), "bias": normal(4)}
    return Case(op, {"no_bias": "False", **attributes}, {"data": normal(2, 6, 7, 8)}, arrays)


MAPS = normal(2, 7, 8, 3)
CASES = [
    Trial(pool(MAPS, kernel="(3, 2)", layout="NHWC"), {"layout": "NCHW"}),
    Trial(pool(MAPS, kernel="(3, 2)", layout="NHWC", pool_type="avg"), {"kernel": "(2, 3)"}),
    Trial(pool(MAPS, kernel="(3, 2)", layout="NHWC", global_pool="True"), {"layout": "NCHW"}),
    Trial(pool(normal(2, 7, 3), kernel="(3,)", layout="NWC"), {"layout": "NCW"}),
    Trial(pool(normal(2, 5, 6, 7, 3), kernel="(3, 2, 2)", layout="NDHWC"), {"layout": "NCDHW"}),
    *(
        Trial(
            pool(MAPS, kernel="(3, 2)", pool_type="lp", p_value=str(p), pad="(1, 1)"),
            {"p_value": str(1 + p % 3)},
        )
        for p in (1, 2, 3)
    ),
    Trial(
        pool(MAPS, global_pool="True", kernel="(1, 1)", pool_type="lp", p_value="3"),
        {"p_value": "1"},
    ),
    Trial(layer("Convolution_v1", (4, 6, 3, 3)), {"pad": "(1, 1)"}),
    Trial(
        Case("Pooling_v1", {"kernel": "(3, 2)", "pad": "(1, 1)"}, {"data": -abs(MAPS)}), "Pooling"
    ),
    Trial(
        Case("Pooling_v1", {"kernel": "(3, 2)", "pool_type": "avg"}, {"data": MAPS}),
        {"pool_type": "sum"},
    ),
    Trial(
        Case("SVMOutput", {}, {"data": normal(2, 3)}, {"label": normal(2)}),
        "LogisticRegressionOutput",
    ),
]


@pytest.mark.parametrize("trial", CASES, ids=str)
def test_an_operator_is_mxnets_and_its_mutation_is_not(trial: Trial, tmp_path: Path) -> None:
    check(trial, tmp_path)


@pytest.mark.parametrize("shape", ["(14, 13)", "(15, 16)", "(1, 17)"])
@pytest.mark.parametrize("groups", ["1", "2"])
def test_target_shape(shape: str, groups: str) -> None:
    """In float64 alone: oneDNN has no primitive for what is padded unevenly."""
    sizes = (6, 4 // int(groups), 3, 3)
    case = layer("Deconvolution", sizes, target_shape=shape, num_group=groups, pad="(2, 2)")
    (actual,), (expected,) = imported(case), computed(case)
    assert str(expected.shape[2:]) == shape
    assert np.abs(actual - expected).max() <= 1e-13 * np.abs(expected).max()


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("op", ["Convolution", "Deconvolution"])
@pytest.mark.parametrize("rank", [2, 3])
def test_convolutions_with_the_channels_last(op: str, rank: int, groups: int) -> None:
    """MXNet has them on GPUs alone; their weights have the shapes that its inference tells."""
    mx = import_mxnet()
    attributes = {"kernel": str((3, 2, 2)[:rank]), "stride": str((2, 1, 1)[:rank])}
    attributes |= {"num_filter": "4", "num_group": str(groups), "no_bias": "True"}
    sizes = (7, 6, 5)[:rank]
    node = getattr(mx.sym, op)(mx.sym.var("data"), layout=LAST[rank - 1], name="it", **attributes)
    (_, shape), (result,), _ = node.infer_shape(data=(2, *sizes, 6))
    data, weight = normal(2, *sizes, 6), normal(*shape)
    last = Case(op, {**attributes, "layout": LAST[rank - 1]}, {"data": data}, {"weight": weight})
    (actual,) = imported(last)
    assert actual.shape == result
    # MXNet has volumes' transposed convolutions in float32 alone
    dtype = "float32" if (op, rank) == ("Deconvolution", 3) else "float64"
    moved, kernel = (np.moveaxis(each, -1, 1).astype(dtype) for each in (data, weight))
    (expected,) = computed(Case(op, attributes, {"data": moved}, {"weight": kernel}))
    limit = {"float32": 1e-6, "float64": 1e-13}[dtype] * np.abs(expected).max()
    assert np.abs(np.moveaxis(actual, -1, 1) - expected).max() <= limit


def network(symbol: Any, data: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> Any:
    """Import a symbol and compare it with MXNet."""
    (expected,) = run_by_mxnet(symbol, {**data, **arrays})
    graph = parse_symbol(symbol.tojson().encode(), "net")
    module = build_module(graph, arrays, dtype="float64")
    names = [name for name in symbol.list_inputs() if name in data]
    actual = module(*(torch.from_numpy(data[name]) for name in names)).detach().numpy()
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= 1e-13 * np.abs(expected).max()
    return module


def test_a_convolution_whose_weight_is_computed() -> None:
    """As SiamRPN correlates the maps of a template with those of an image."""
    sym = import_mxnet().sym
    template, image = (
        sym.Convolution(sym.var(name), num_filter=4, kernel=(3, 3), name=f"{name}_conv")
        for name in ("template", "image")
    )
    kernel = sym.Reshape(template, shape=(-1, 1, 0, 0), reverse=True)
    maps = sym.Reshape(image, shape=(1, -1, 0, 0), reverse=True)
    result = sym.Convolution(maps, kernel, num_filter=8, kernel=(4, 4), num_group=8, no_bias=True)
    arrays = {f"{name}_conv_weight": normal(4, 3, 3, 3) for name in ("template", "image")}
    arrays |= {f"{name}_conv_bias": normal(4) for name in ("template", "image")}
    data = {"template": normal(2, 3, 6, 6), "image": normal(2, 3, 9, 11)}
    module = network(result, data, arrays)
    assert {name for name, _ in module.named_children()} >= {"template_conv", "image_conv"}


def test_other_layers_whose_weight_is_computed() -> None:
    sym = import_mxnet().sym
    doubled = sym.var("kernel") * 2
    result = sym.Deconvolution(
        sym.var("data"), doubled, num_filter=3, kernel=(3, 3), target_shape=(10, 9), stride=(2, 2)
    )
    arrays = {"kernel": normal(4, 3, 3, 3)}
    network(result, {"data": normal(2, 4, 5, 5)}, arrays)
    result = sym.FullyConnected(
        sym.var("data"), sym.var("weight") * 2, sym.var("bias"), num_hidden=5
    )
    arrays = {"weight": normal(5, 12), "bias": normal(5)}
    network(result, {"data": normal(2, 3, 4)}, arrays)


def test_sparse_regularization_is_the_identity_and_its_average_an_array() -> None:
    data, average = normal(2, 3).astype(np.float32), normal(3).astype(np.float32)
    case = Case("IdentityAttachKLSparseReg", {}, {"data": data}, {"average": average})
    assert np.array_equal(imported(case)[0], data)
    (expected,) = computed(case)
    assert np.array_equal(expected, data)
    assert roles(parse_symbol(case.symbol().encode(), "it")).arrays == ("average",)
    assert {"Dropout", "IdentityAttachKLSparseReg"} == set(dropout.OPERATORS)


def test_dropout_that_drops_in_eval_mode_too() -> None:
    case = Case("Dropout", {"mode": "always", "p": "0.25"}, {"data": np.ones((200, 200))})
    (actual,) = imported(case)
    (expected,) = computed(case)
    for each in (actual, expected):
        assert np.allclose(np.unique(each), [0, 4 / 3])
        assert abs((each == 0).mean() - 0.25) < 0.02


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        (pool(MAPS, kernel="(3, 2)", layout="NWC"), "layout='NWC' is not supported"),
        (pool(MAPS, kernel="(3, 2)", pool_type="lp"), "p_value is missing"),
        (pool(MAPS, kernel="(3, 2)", pool_type="lp", p_value="4"), "p_value='4' is not supported"),
        (
            layer("Deconvolution", (6, 4, 3, 3), target_shape="(14, 0)"),
            "target_shape='\\(14, 0\\)'",
        ),
        (layer("Convolution", (4, 6), layout="NHWC"), "weight has 2 dimensions, expected 4"),
        (
            Case("Pooling_v1", {"kernel": "(3,)"}, {"data": normal(2, 3, 7)}),
            "kernel='\\(3,\\)' is not",
        ),
    ],
)
def test_what_cannot_be(case: Case, problem: str) -> None:
    with pytest.raises(GraphError, match=problem):
        imported(case)


def test_the_symbol_of_a_layout_is_read_as_mxnet_writes_it() -> None:
    sym = import_mxnet().sym
    node = sym.Pooling(sym.var("data"), kernel=(2, 2), layout="NHWC")
    assert json.loads(node.tojson())["nodes"][1]["attrs"]["layout"] == "NHWC"
