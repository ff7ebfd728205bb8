"""Attributes beside the usual: each is refused when the graph is imported, or computed as by MXNet.

Also what the import knows of the number of dimensions, which decides such refusals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph import importer
from gluon2torch.graph.construction.builder import Builder
from gluon2torch.graph.symbols.symbol import parse_symbol

from .fuzz.operator_case import Case, imported
from .operator_trials import case_of, cast, computed, largest_difference
from .test_graph_operators import CASES, CONV, NORM

pytestmark = pytest.mark.mxnet
LIKE = {"other": (2, 6, 9, 8)}
POOL = {"kernel": "(3, 3)", "pool_type": "avg"}
LAYER = {"kernel": "(3, 3)", "num_filter": "4"}
UP = {"kernel": "(3, 3)", "num_filter": "4", "no_bias": "True"}
SHAPES = ("(-2, 1, 1)", "(2, -2)", "(-3, -2, 1)", "(0, -4, 3, 2, -2)", "(0, 0, 0, 0, -2)")
# attributes that MXNet takes; who does not read them computes something else
UNUSUAL = [
    case_of("softmax", {"temperature": "2.5"}, {}),
    case_of("log_softmax", {"temperature": "0.5"}, {}),
    case_of("softmax", {"axis": "1"}, {}),
    case_of("SoftmaxOutput", {"multi_output": "True"}, {"label": (2, 9, 8)}),
    case_of("SoftmaxOutput", {"preserve_shape": "True"}, {"label": (2, 6, 9)}),
    case_of("SoftmaxActivation", {"mode": "channel"}, {}),
    case_of("BatchNorm", {"axis": "2", "fix_gamma": "False"}, NORM, (2, 5, 6, 8)),
    case_of("BatchNorm", {"axis": "-1", "fix_gamma": "False"}, NORM, (2, 5, 4, 6)),
    case_of("LayerNorm", {"axis": "1"}, {"gamma": (6,), "beta": (6,)}, (2, 6, 5, 6)),
    case_of("LayerNorm", {"axis": "3"}, {"gamma": (8,), "beta": (8,)}),
    case_of("Dropout", {"axes": "(1,)", "p": "0.5"}, {}),
    case_of("Pooling", {**POOL, "stride": "(2, 2)", "pooling_convention": "same"}, {}),
    case_of("Pooling", {**POOL, "pool_type": "lp", "p_value": "2"}, {}),
    case_of("Pooling", {**POOL, "pool_type": "max", "pad": "(2, 1)"}, {}),
    case_of("Pooling", {**POOL, "pad": "(1, 2)"}, {}),
    case_of("Pooling", {"kernel": "(3,)", "pool_type": "sum"}, {}, (2, 6, 9)),
    case_of("Pooling", {"global_pool": "True", "pool_type": "avg"}, {}),
    case_of(
        "Pooling", {"global_pool": "True", "pool_type": "max", "kernel": "(1,)"}, {}, (2, 6, 9)
    ),
    case_of("Pooling", {"global_pool": "True", "kernel": "(1, 1, 1)"}, {}, (2, 6, 3, 4, 5)),
    case_of(
        "Deconvolution",
        {**UP, "stride": "(2, 2)", "target_shape": "(18, 16)"},
        {"weight": (6, 4, 3, 3)},
    ),
    case_of("Deconvolution", {**UP, "stride": "(2, 2)", "adj": "(1, 1)"}, {"weight": (6, 4, 3, 3)}),
    case_of("slice", {"begin": "(0, 8)", "end": "(2, 2)", "step": "(1, -2)"}, {}, (2, 9)),
    case_of("slice", {"begin": "(1,)", "end": "(2,)"}, {}),
    case_of("slice", {"begin": "(0, -4)", "end": "(2, None)"}, {}),
    case_of("slice_axis", {"axis": "-1", "begin": "-5", "end": "-1"}, {}),
    case_of("slice_like", {"axes": "(-1,)"}, {"other": (2, 6, 9, 5)}),
    case_of("squeeze", {}, {}, (2, 1, 3, 1)),
    case_of("squeeze", {"axis": "-1"}, {}, (2, 6, 9, 1)),
    case_of("expand_dims", {"axis": "-1"}, {}),
    case_of("stack", {"axis": "-1", "num_args": "2"}, LIKE),
    case_of("Concat", {"dim": "-1", "num_args": "2"}, LIKE),
    case_of("split", {"num_outputs": "2", "axis": "-1"}, {}, outputs=2),
    case_of("split", {"num_outputs": "8", "axis": "-1", "squeeze_axis": "True"}, {}, outputs=8),
    case_of(
        "reshape_like",
        {"lhs_begin": "0", "lhs_end": "2", "rhs_begin": "0", "rhs_end": "1"},
        {"other": (12, 3)},
        (2, 6, 3),
    ),
    case_of("reshape_like", {"lhs_begin": "1", "rhs_begin": "1"}, {"other": (3, 18)}, (2, 3, 6)),
    case_of("reshape_like", {"lhs_end": "2", "rhs_end": "1"}, {"other": (12, 5)}, (3, 4, 5)),
    case_of("Reshape", {"target_shape": "(2, 0)", "keep_highest": "True"}, {}),
    *(case_of("Reshape", {"shape": shape}, {}) for shape in SHAPES),
    case_of("Reshape", {"shape": "(-2, -3)", "reverse": "True"}, {}),
    case_of("Reshape", {"shape": "(1, -2, 0)", "reverse": "True"}, {}),
    case_of("Crop", {"num_args": "1", "h_w": "(4, 5)", "center_crop": "True"}, {}),
    case_of("Pad", {"mode": "constant", "pad_width": "(0, 0, 1, 1, 0, 0, 0, 0)"}, {}),
    case_of("tile", {"reps": "(2,)"}, {}),
    case_of("tile", {"reps": "(2, 1, 1, 1, 3)"}, {}),
    case_of("clip", {"a_min": "-0.1", "a_max": "0.3"}, {}),
    case_of("hard_sigmoid", {"alpha": "0.3", "beta": "0.1"}, {}),
    case_of("L2Normalization", {"mode": "spatial", "eps": "0.1"}, {}),
    case_of("LRN", {"nsize": "3", "alpha": "0.1", "beta": "0.5", "knorm": "1.5"}, {}),
    case_of("LeakyReLU", {"act_type": "elu", "slope": "0.7"}, {}),
    case_of("_contrib_BilinearResize2D", {"height": "5", "width": "1"}, {}),
    case_of(
        "_contrib_BilinearResize2D",
        {"mode": "odd_scale", "scale_height": "1.5", "scale_width": "0.5"},
        {},
    ),
    case_of(
        "UpSampling",
        {"scale": "3", "sample_type": "nearest", "num_args": "1", "multi_input_mode": "sum"},
        {},
    ),
    case_of("add_n", {"num_args": "1"}, {}),
    case_of("transpose", {}, {}),
    case_of("Cast", {"dtype": "int8"}, {}),
    case_of("sum", {"axis": "(0, 2)", "exclude": "True"}, {}),
]
# their numbers of dimensions follow from shapes alone
UNKNOWN = {"squeeze", "reshape_like"}
# attributes that are refused whatever MXNet does with them, and by which name
WRONG: list[tuple[Case, str]] = [
    (case_of("Dropout", {"p": "1.5"}, {}), "p="),
    (case_of("Dropout", {"p": "-0.5"}, {}), "p="),
    (case_of("Pooling", {**POOL, "stride": "(0, 1)"}, {}), "stride"),
    (case_of("Pooling", {**POOL, "stride": "(65536, 1)"}, {}), "stride"),
    (case_of("Pooling", {**POOL, "stride": "(1,)"}, {}), "stride"),
    (case_of("Pooling", {**POOL, "pad": "(-1, 0)"}, {}), "pad"),
    (case_of("Pooling", {**POOL, "pad": "(1, 1, 1)"}, {}), "pad"),
    (case_of("Pooling", {**POOL, "kernel": "(0, 3)"}, {}), "kernel"),
    (case_of("Pooling", {**POOL, "kernel": "(65536, 3)"}, {}), "kernel"),
    (case_of("Pooling", {**POOL, "kernel": "(1, 1, 1, 1)"}, {}), "kernel"),
    (case_of("Pooling", {"pool_type": "avg"}, {}), "kernel"),
    (case_of("Convolution", {**LAYER, "kernel": "(3, 0)"}, CONV), "kernel"),
    (case_of("Convolution", {**LAYER, "kernel": "(3, 65536)"}, CONV), "kernel"),
    (case_of("Convolution", {**LAYER, "kernel": "()"}, CONV), "kernel"),
    (case_of("Convolution", {**LAYER, "stride": "(0, 1)"}, CONV), "stride"),
    (case_of("Convolution", {**LAYER, "dilate": "(1, 0)"}, CONV), "dilate"),
    (case_of("Convolution", {**LAYER, "dilate": "(1, 65536)"}, CONV), "dilate"),
    (case_of("Convolution", {**LAYER, "pad": "(1, -1)"}, CONV), "pad"),
    (case_of("Convolution", {**LAYER, "pad": "(1,)"}, CONV), "pad"),
    (case_of("Convolution", {**LAYER, "num_filter": "5"}, CONV), "weight has shape"),
    (case_of("Convolution", {**LAYER, "kernel": "(3, 2)"}, CONV), "weight has shape"),
    (case_of("Convolution", {**LAYER, "num_group": "3"}, CONV), "not divisible into 3 groups"),
    (case_of("Convolution", {**LAYER, "num_group": "0"}, CONV), "num_group"),
    (case_of("Deconvolution", {**UP, "num_filter": "5"}, {"weight": (6, 4, 3, 3)}), "weight"),
    (case_of("FullyConnected", {"num_hidden": "5"}, {"weight": (4, 432), "bias": (4,)}), "weight"),
    (
        case_of("FullyConnected", {"num_hidden": "4"}, {"weight": (4, 4, 2), "bias": (4,)}),
        "weight",
    ),
    (case_of("SoftmaxActivation", {}, {}), "more than two dimensions"),
    (case_of("slice", {"begin": "(0, 1)", "end": "(2,)"}, {}), "begin"),
    (case_of("slice", {"begin": "()", "end": "()"}, {}), "begin"),
    (case_of("slice", {"begin": "(0,)", "end": "(2,)", "step": "(0,)"}, {}), "step"),
    (case_of("split", {"num_outputs": "5000"}, {}), "num_outputs"),
    (case_of("Reshape", {"shape": "(-5, 1)"}, {}), "shape"),
    (case_of("Reshape", {"shape": "(-1, -1)"}, {}), "shape"),
    (case_of("Reshape", {"shape": "(0, -4, 2)"}, {}), "shape"),
    (case_of("Reshape", {"shape": "()"}, {}), "shape"),
    (case_of("Crop", {"num_args": "1", "h_w": "(4,)"}, {}), "h_w"),
    (case_of("Pad", {"mode": "edge", "pad_width": "(0, 0, 0, 0, 1, -1, 0, 0)"}, {}), "pad_width"),
    (case_of("Pad", {"mode": "edge", "pad_width": "(0, 0, 0, 0, 1)"}, {}), "pad_width"),
    (case_of("Pad", {"mode": "edge", "pad_width": "(0, 0)"}, {}), "pad_width"),
    (
        case_of(
            "UpSampling",
            {"scale": "3", "sample_type": "bilinear", "num_args": "2"},
            {"weight": (6, 1, 4, 4)},
        ),
        "weight",
    ),
    (case_of("Activation", {"act_type": "log_sigmoid2"}, {}), "act_type"),
]


def knowing(case: Case, dtype: str = "float64") -> tuple[list[np.ndarray], Builder]:
    """The outputs of the imported operator where its input's shape is known, and its builder."""
    builders: list[Builder] = []

    class Kept(Builder):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            builders.append(self)

    graph, data = parse_symbol(case.symbol().encode(), "it"), case.data["data"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importer, "Builder", Kept)
        patch.setattr(importer, "input_ranks", lambda graph: {0: data.ndim})
        module = importer.build_module(graph, case.arrays, dtype=dtype, inputs={"data": data.shape})
    with torch.no_grad():
        found = module(torch.from_numpy(data.astype(dtype)))
    outputs = found if isinstance(found, tuple) else (found,)
    return [each.numpy() for each in outputs], builders[0]


@pytest.mark.parametrize("case", UNUSUAL, ids=str)
@pytest.mark.parametrize("known", [False, True], ids=["", "known"])
def test_unusual_attributes_are_refused_or_mxnets(case: Case, known: bool) -> None:
    (dtype, limit), *_ = case.limits.items()
    case = replace(case, data=cast(case.data, dtype), arrays=cast(case.arrays, dtype))
    try:
        actual = knowing(case, dtype)[0] if known else imported(case)
    except GraphError:
        return
    assert largest_difference(actual, computed(case)) <= limit


@pytest.mark.parametrize(("case", "message"), WRONG, ids=lambda each: str(each)[:60])
def test_wrong_attributes_are_refused(case: Case, message: str) -> None:
    with pytest.raises(GraphError) as error:
        knowing(case)
    assert any(message in problem for problem in error.value.problems)


@pytest.mark.parametrize("case", [*(each.case for each in CASES), *UNUSUAL], ids=str)
def test_numbers_of_dimensions_are_those_of_the_outputs(case: Case) -> None:
    try:
        outputs, builder = knowing(case)
    except GraphError:
        assert any(case is each for each in UNUSUAL)
        return
    values = builder.values[-1]
    assert values is not None
    for value, output in zip(values, outputs, strict=False):
        rank = builder.ranks.get(value)
        assert rank == output.ndim or (rank is None and case.op in UNKNOWN)
