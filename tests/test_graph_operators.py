"""Each operator against MXNet, and the mutation of it that the comparison must catch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.operators.arithmetic import (
    BINARY,
    IDENTITY,
    REVERSED,
    SCALAR,
    UNARY,
)
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet

from .fuzz.operator_case import imported
from .operator_trials import Trial, case_of, check, computed, largest_difference

pytestmark = pytest.mark.mxnet


def trial(
    op: str,
    attributes: dict[str, str],
    wrong: dict[str, str] | str,
    arrays: dict[str, tuple[int, ...]],
    data: tuple[int, ...] = (2, 6, 9, 8),
    outputs: int = 1,
    refused: bool = False,
) -> Trial:
    """An operator with random inputs of these shapes, and its mutation."""
    return Trial(case_of(op, attributes, arrays, data, outputs), wrong, refused)


CONV = {"weight": (4, 6, 3, 3), "bias": (4,)}
SPREAD = {
    "kernel": "(3, 3)",
    "num_filter": "4",
    "stride": "(2, 1)",
    "pad": "(1, 2)",
    "dilate": "(1, 2)",
}
NORM = dict.fromkeys(("gamma", "beta", "moving_mean", "moving_var"), (6,))
POOL = {"kernel": "(3, 2)", "stride": "(2, 2)", "pad": "(1, 1)", "pool_type": "avg"}
LAYERS = [
    trial("Convolution", SPREAD, {"pad": "(2, 1)"}, CONV),
    trial("Convolution", SPREAD, {"stride": "(1, 2)"}, CONV),
    trial("Convolution", SPREAD, {"dilate": "(2, 1)"}, CONV),
    trial(
        "Convolution",
        {**SPREAD, "num_group": "2"},
        {"pad": "(2, 1)"},
        {**CONV, "weight": (4, 3, 3, 3)},
    ),
    trial(
        "Convolution",
        {"kernel": "(3,)", "num_filter": "4", "no_bias": "True"},
        {"pad": "(1,)"},
        {"weight": (4, 6, 3)},
        (2, 6, 9),
    ),
    trial(
        "Convolution",
        {"kernel": "(3, 1, 2)", "num_filter": "4"},
        {"dilate": "(1, 1, 2)"},
        {"weight": (4, 2, 3, 1, 2), "bias": (4,)},
        (2, 2, 5, 4, 6),
    ),
    trial(
        "Deconvolution",
        {
            "kernel": "(3, 3)",
            "num_filter": "4",
            "stride": "(2, 2)",
            "pad": "(1, 1)",
            "adj": "(1, 0)",
        },
        {"adj": "(0, 1)"},
        {"weight": (6, 4, 3, 3)},
    ),
    trial(
        "Deconvolution",
        {
            "kernel": "(4, 4)",
            "num_filter": "4",
            "stride": "(2, 2)",
            "num_group": "2",
            "no_bias": "False",
        },
        {"pad": "(1, 1)"},
        {"weight": (6, 2, 4, 4), "bias": (4,)},
    ),
    trial(
        "FullyConnected",
        {"num_hidden": "4"},
        {"num_hidden": "5"},
        {"weight": (4, 432), "bias": (4,)},
        refused=True,
    ),
    trial(
        "FullyConnected",
        {"num_hidden": "4", "flatten": "False", "no_bias": "True"},
        {"flatten": "True"},
        {"weight": (4, 8)},
        refused=True,
    ),
    trial("BatchNorm", {}, {"eps": "1e-5"}, NORM),
    trial("BatchNorm", {}, {"fix_gamma": "False"}, NORM),
    trial(
        "BatchNorm", {"fix_gamma": "False", "eps": "1e-5", "axis": "1"}, {"fix_gamma": "True"}, NORM
    ),
    trial(
        "BatchNorm",
        {"fix_gamma": "False", "use_global_stats": "True"},
        {"eps": "1e-5"},
        NORM,
        (3, 6),
    ),
    trial("_contrib_SyncBatchNorm", {"key": "it", "fix_gamma": "False"}, {"eps": "1e-5"}, NORM),
    trial("InstanceNorm", {}, {"eps": "0.1"}, {"gamma": (6,), "beta": (6,)}),
    trial("LayerNorm", {}, {"eps": "0.1"}, {"gamma": (8,), "beta": (8,)}),
    trial("Dropout", {"p": "0.5"}, "relu", {}),
]
ACTIVATIONS = [
    *(
        trial("Activation", {"act_type": kind}, {"act_type": wrong}, {})
        for kind, wrong in (
            ("relu", "tanh"),
            ("sigmoid", "tanh"),
            ("tanh", "relu"),
            ("softrelu", "relu"),
            ("softsign", "tanh"),
        )
    ),
    *(
        trial(kind, {}, wrong, {})
        for kind, wrong in (
            ("relu", "tanh"),
            ("sigmoid", "tanh"),
            ("tanh", "relu"),
            ("softsign", "tanh"),
        )
    ),
    trial("LeakyReLU", {}, {"slope": "0.2"}, {}),
    trial("LeakyReLU", {"act_type": "leaky", "slope": "0.1"}, {"slope": "0.11"}, {}),
    trial("LeakyReLU", {"act_type": "elu", "slope": "0.3"}, {"slope": "0.31"}, {}),
    trial("LeakyReLU", {"act_type": "selu"}, {"act_type": "elu"}, {}),
    trial("LeakyReLU", {"act_type": "gelu"}, {"act_type": "selu"}, {}),
    trial("LeakyReLU", {"act_type": "rrelu"}, {"upper_bound": "0.4"}, {}),
    trial("LeakyReLU", {"act_type": "prelu"}, {"act_type": "leaky"}, {"gamma": (6,)}, refused=True),
    trial("hard_sigmoid", {"alpha": "0.1", "beta": "0.3"}, {"alpha": "0.2"}, {}),
    trial("clip", {"a_min": "-0.3", "a_max": "0.7"}, {"a_max": "0.8"}, {}),
    trial("softmax", {"axis": "1"}, {"axis": "2"}, {}),
    trial("softmax", {}, {"axis": "1"}, {}),
    trial("log_softmax", {"axis": "1"}, {"axis": "-1"}, {}),
    trial("SoftmaxActivation", {}, "sigmoid", {}, (2, 6)),
    trial("SoftmaxActivation", {"mode": "channel"}, "sigmoid", {}),
    trial("SoftmaxOutput", {}, "LogisticRegressionOutput", {"label": (2,)}, (2, 6)),
    trial(
        "SoftmaxOutput",
        {"multi_output": "True"},
        {"multi_output": "False", "preserve_shape": "True"},
        {"label": (2, 9, 8)},
    ),
    trial(
        "SoftmaxOutput",
        {"preserve_shape": "True"},
        "LogisticRegressionOutput",
        {"label": (2, 6, 9)},
    ),
    trial("Softmax", {}, "LogisticRegressionOutput", {"label": (2,)}, (2, 6)),
    trial("LinearRegressionOutput", {}, "LogisticRegressionOutput", {"label": (2, 6)}, (2, 6)),
    trial("MAERegressionOutput", {}, "LogisticRegressionOutput", {"label": (2, 6)}, (2, 6)),
    trial("LogisticRegressionOutput", {}, "LinearRegressionOutput", {"label": (2, 6)}, (2, 6)),
    trial("SVMOutput", {}, "LogisticRegressionOutput", {"label": (2,)}, (2, 6)),
    *(
        trial(f"_sparse_{kind}RegressionOutput", {}, wrong, {"label": (2, 6)}, (2, 6))
        for kind, wrong in (
            ("Linear", "LogisticRegressionOutput"),
            ("MAE", "LogisticRegressionOutput"),
            ("Logistic", "LinearRegressionOutput"),
        )
    ),
    trial(
        "IdentityAttachKLSparseReg", {}, "LogisticRegressionOutput", {"moving_avg": (6,)}, (2, 6)
    ),
    *(
        trial("L2Normalization", {"mode": mode}, {"mode": wrong}, {})
        for mode, wrong in (
            ("instance", "channel"),
            ("channel", "spatial"),
            ("spatial", "instance"),
        )
    ),
    trial("L2Normalization", {"eps": "0.1"}, {"eps": "10"}, {}),
    trial("LRN", {"nsize": "3"}, {"nsize": "5", "alpha": "1e-3"}, {}),
    trial("LRN", {"nsize": "3", "alpha": "0.1", "beta": "0.5", "knorm": "1"}, {"knorm": "2"}, {}),
]
POOLING = [
    trial("Pooling", POOL, {"pad": "(0, 1)"}, {}),
    trial("Pooling", POOL, {"count_include_pad": "False"}, {}),
    trial("Pooling", {**POOL, "count_include_pad": "False"}, {"count_include_pad": "True"}, {}),
    trial("Pooling", {**POOL, "pool_type": "max"}, {"pool_type": "avg"}, {}),
    trial("Pooling", {**POOL, "pool_type": "sum"}, {"pool_type": "avg"}, {}),
    *(
        trial(
            "Pooling",
            {
                "kernel": "(3, 3)",
                "stride": "(2, 2)",
                "pool_type": kind,
                "pooling_convention": "full",
            },
            {"pooling_convention": "valid"},
            {},
        )
        for kind in ("avg", "max", "sum")
    ),
    trial(
        "Pooling",
        {
            "kernel": "(3, 3)",
            "stride": "(2, 2)",
            "pad": "(1, 1)",
            "pool_type": "avg",
            "pooling_convention": "full",
        },
        {"count_include_pad": "False"},
        {},
        (2, 6, 10, 8),
    ),
    trial(
        "Pooling",
        {
            "kernel": "(3, 3)",
            "stride": "(2, 2)",
            "pad": "(1, 1)",
            "pool_type": "avg",
            "pooling_convention": "full",
            "count_include_pad": "False",
        },
        {"count_include_pad": "True"},
        {},
        (2, 6, 10, 8),
    ),
    # the last window begins as far in the padding as it may
    trial(
        "Pooling",
        {
            "kernel": "(3, 3)",
            "stride": "(3, 2)",
            "pad": "(0, 1)",
            "pool_type": "max",
            "pooling_convention": "full",
        },
        {"pooling_convention": "valid"},
        {},
        (2, 6, 10, 8),
    ),
    *(
        trial(
            "Pooling",
            {"kernel": "(2, 2)", "pad": "(1, 1)", "global_pool": "True", "pool_type": kind},
            {"global_pool": "False"},
            {},
        )
        for kind in ("avg", "max", "sum")
    ),
    trial("Pooling", {"kernel": "(3,)", "pool_type": "avg"}, {"pool_type": "max"}, {}, (2, 6, 9)),
    trial(
        "Pooling",
        {"kernel": "(3, 2, 2)", "pool_type": "max"},
        {"stride": "(2, 1, 1)"},
        {},
        (2, 2, 5, 4, 6),
    ),
    trial("_contrib_AdaptiveAvgPooling2D", {}, {"output_size": "2"}, {}),
    trial(
        "_contrib_AdaptiveAvgPooling2D", {"output_size": "(5, 3)"}, {"output_size": "(3, 5)"}, {}
    ),
    trial(
        "_contrib_BilinearResize2D", {"height": "13", "width": "17"}, {"align_corners": "False"}, {}
    ),
    trial(
        "_contrib_BilinearResize2D",
        {"height": "5", "width": "17", "align_corners": "False"},
        {"align_corners": "True"},
        {},
    ),
    trial(
        "_contrib_BilinearResize2D",
        {"mode": "odd_scale", "scale_height": "2", "scale_width": "2.5"},
        {"mode": "size"},
        {},
    ),
    *(
        trial("_contrib_BilinearResize2D", {"mode": mode}, {"mode": wrong}, {})
        for mode, wrong in (
            ("to_even_down", "to_even_up"),
            ("to_even_up", "to_even_down"),
            ("to_odd_down", "to_odd_up"),
            ("to_odd_up", "to_odd_down"),
        )
    ),
    trial(
        "_contrib_BilinearResize2D",
        {"mode": "like"},
        {"align_corners": "False"},
        {"like": (2, 6, 13, 17)},
    ),
    trial(
        "_contrib_BilinearResize2D",
        {"scale_height": "1.5", "scale_width": "2"},
        {"scale_width": "3"},
        {},
    ),
    trial(
        "UpSampling", {"scale": "2", "sample_type": "nearest", "num_args": "1"}, {"scale": "3"}, {}
    ),
    trial(
        "UpSampling",
        {"scale": "2", "sample_type": "nearest", "num_args": "2"},
        {"multi_input_mode": "sum"},
        {"other": (2, 6, 18, 16)},
    ),
    trial(
        "UpSampling",
        {"scale": "2", "sample_type": "nearest", "num_args": "2", "multi_input_mode": "sum"},
        {"multi_input_mode": "concat"},
        {"other": (2, 6, 9, 8)},
    ),
    trial(
        "UpSampling",
        {"scale": "3", "sample_type": "bilinear", "num_args": "2", "num_filter": "6"},
        {"scale": "2"},
        {"weight": (6, 1, 5, 5)},
        refused=True,
    ),
]


def other(name: str) -> str:
    """An operator of two inputs that is another function."""
    return next(each for each in BINARY if BINARY[each] is not BINARY[name])


ARITHMETIC = [
    *(trial(name, {}, other(name), {"other": (2, 6, 9, 8)}) for name in BINARY),
    *(
        trial(name, {}, other(name), {"other": (1, 6, 1, 1)})
        for name in BINARY
        if name.startswith("broadcast")
    ),
    *(trial(name, {"scalar": "0.1"}, {"scalar": "0.2"}, {}) for name in (*SCALAR, *REVERSED)),
    *(trial(name, {}, "exp" if name == "abs" else "abs", {}) for name in UNARY),
    trial("ones_like", {}, "zeros_like", {}),
    trial("zeros_like", {"dtype": "int64"}, "ones_like", {}),
    *(trial(name, {}, "negative", {}) for name in (*IDENTITY, "BlockGrad", "MakeLoss")),
    *(trial(name, {"axis": "1"}, {"axis": "2"}, {}) for name in ("sum", "mean", "max", "min")),
    trial("sum", {"axis": "(2, 3)", "keepdims": "True"}, {"axis": "(1, 3)"}, {}),
    trial("mean", {"axis": "(2, 3)", "keepdims": "True"}, {"keepdims": "False"}, {}),
    *(
        trial(name, {"num_args": "3"}, "Concat", {"one": (2, 6, 9, 8), "two": (2, 6, 9, 8)})
        for name in ("add_n", "ElementWiseSum")
    ),
    trial(
        "batch_dot",
        {"transpose_b": "True"},
        {"transpose_b": "False"},
        {"other": (2, 6, 6)},
        (2, 5, 6),
    ),
    trial(
        "batch_dot",
        {"transpose_a": "True"},
        {"transpose_a": "False"},
        {"other": (2, 6, 6)},
        (2, 6, 6),
    ),
]
SHAPING = [
    *(trial(name, {}, "_copy", {}) for name in ("Flatten", "flatten")),
    *(
        trial(name, {"shape": "(0, -1)"}, {"shape": "(-1, 0)"}, {})
        for name in ("Reshape", "reshape")
    ),
    trial("Reshape", {"shape": "(-2,)"}, {"shape": "(0, -1)"}, {}),
    trial("Reshape", {"shape": "(0, -3, -2)"}, {"shape": "(-3, 0, -2)"}, {}),
    trial("Reshape", {"shape": "(0, -4, 2, -1, -2)"}, {"shape": "(0, -4, 3, -1, -2)"}, {}),
    trial("Reshape", {"shape": "(0, -4, -1, 2, 0, 0)"}, {"shape": "(0, -4, -1, 3, 0, 0)"}, {}),
    trial(
        "Reshape", {"shape": "(0, 2, -1, 1, 1)"}, {"shape": "(0, 3, -1, 1, 1)"}, {}, (2, 6, 1, 1)
    ),
    trial("Reshape", {"shape": "(-1, 0, 4)", "reverse": "True"}, {"reverse": "False"}, {}),
    trial("Reshape", {"target_shape": "(2, 0)"}, {"target_shape": "(4, 0)"}, {}),
    trial("reshape_like", {}, {"lhs_end": "1", "rhs_end": "1"}, {"other": (2, 54, 8)}),
    trial("transpose", {"axes": "(0, 2, 3, 1)"}, {"axes": "(0, 3, 2, 1)"}, {}),
    *(
        trial(name, {"dim1": "1", "dim2": "2"}, {"dim2": "3"}, {})
        for name in ("SwapAxis", "swapaxes")
    ),
    trial("expand_dims", {"axis": "2"}, {"axis": "1"}, {}),
    trial("squeeze", {"axis": "(2, 3)"}, {"axis": "(2,)"}, {}, (2, 6, 1, 1)),
    *(
        trial(name, {"dim": "2", "num_args": "2"}, {"dim": "3"}, {"other": (2, 6, 9, 8)})
        for name in ("Concat", "concat")
    ),
    trial("Concat", {"num_args": "2"}, {"dim": "2"}, {"other": (2, 6, 9, 8)}),
    trial("stack", {"axis": "1", "num_args": "2"}, {"axis": "0"}, {"other": (2, 6, 9, 8)}),
    *(
        trial(name, {"num_outputs": "3"}, {"axis": "2"}, {}, outputs=3)
        for name in ("SliceChannel", "split")
    ),
    trial(
        "SliceChannel",
        {"num_outputs": "6", "squeeze_axis": "True"},
        {"squeeze_axis": "False"},
        {},
        outputs=6,
    ),
    *(
        trial(
            name,
            {"begin": "(0, 1, 2)", "end": "(None, None, 7)", "step": "(1, 2, 1)"},
            {"step": "(1, 1, 1)"},
            {},
        )
        for name in ("slice", "crop")
    ),
    trial(
        "slice",
        {"begin": "(0, 0, 1, 1)", "end": "(None, None, None, None)"},
        {"begin": "(0, 0, 0, 1)"},
        {},
    ),
    trial("slice_axis", {"axis": "2", "begin": "1", "end": "-2"}, {"end": "None"}, {}),
    trial("slice_axis", {"axis": "3", "begin": "-3", "end": "None"}, {"begin": "-4"}, {}),
    trial("slice_like", {"axes": "(2, 3)"}, {"axes": "(2,)"}, {"other": (1, 1, 4, 5)}),
    trial("slice_like", {}, {"axes": "(3,)"}, {"other": (1, 2, 4, 5)}),
    trial("Crop", {"offset": "(1, 2)", "h_w": "(4, 5)", "num_args": "1"}, {"offset": "(2, 1)"}, {}),
    trial(
        "Crop",
        {"center_crop": "True", "num_args": "2"},
        {"center_crop": "False"},
        {"like": (2, 1, 4, 5)},
    ),
    *(
        trial(
            name,
            {"mode": "constant", "constant_value": "0.7", "pad_width": "(0, 0, 0, 0, 1, 2, 3, 0)"},
            {"pad_width": "(0, 0, 0, 0, 2, 1, 3, 0)"},
            {},
        )
        for name in ("Pad", "pad")
    ),
    trial(
        "Pad", {"mode": "edge", "pad_width": "(0, 0, 0, 0, 1, 2, 3, 0)"}, {"mode": "constant"}, {}
    ),
    trial(
        "Pad", {"mode": "reflect", "pad_width": "(0, 0, 0, 0, 1, 2, 3, 0)"}, {"mode": "edge"}, {}
    ),
    trial("tile", {"reps": "(1, 2, 1, 3)"}, {"reps": "(1, 1, 1, 3)"}, {}),
    *(trial(name, {"dtype": "int32"}, {"dtype": "float32"}, {}) for name in ("Cast", "cast")),
]
# the number of dimensions is needed, which follows from the input's shape
COUNTED = [
    trial("sum", {"axis": "-1", "exclude": "True"}, {"exclude": "False"}, {}),
    trial("max", {"axis": "(-2, 1)", "exclude": "True"}, {"axis": "(-1, 1)"}, {}),
    trial("mean", {"axis": "(-3,)", "exclude": "True", "keepdims": "True"}, {"axis": "(-2,)"}, {}),
    trial("min", {"axis": "(0, -1)", "exclude": "True"}, {"axis": "(1, -1)"}, {}),
    trial("mean", {"axis": "()", "keepdims": "True"}, {"keepdims": "False"}, {}),
    trial("transpose", {}, {"axes": "(0, 3, 2, 1)"}, {}),
    trial("slice_axis", {"axis": "-2", "begin": "1", "end": "-1"}, {"axis": "-1"}, {}),
]
CASES = [*LAYERS, *ACTIVATIONS, *POOLING, *ARITHMETIC, *SHAPING, *COUNTED]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operator_is_mxnets_and_its_mutation_is_not(case: Trial, tmp_path: Path) -> None:
    check(case, tmp_path)


# attributes for which torch's layer, called with the same numbers, computes something else
FULL = {"pool_type": "max", "pooling_convention": "full"}
DIFFERENT = [
    trial("Pooling", {**FULL, "kernel": "(2, 2)", "stride": "(3, 1)"}, {}, {}),
    trial("Pooling", {**FULL, "kernel": "(3, 3)", "stride": "(1, 4)"}, {}, {}),
    trial("Pooling", {**FULL, "kernel": "(3, 3)", "stride": "(3, 3)", "pad": "(0, 1)"}, {}, {}),
    trial("Pooling", {**FULL, "kernel": "(2,)", "stride": "(3,)"}, {}, {}, (2, 6, 9)),
]


@pytest.mark.parametrize("case", DIFFERENT, ids=str)
def test_what_torch_computes_otherwise_is_refused_or_mxnets(case: Trial) -> None:
    try:
        actual = imported(case.case)
    except GraphError:
        return
    assert largest_difference(actual, computed(case.case)) <= 1e-6


@pytest.mark.parametrize("momentum", [None, "0.75"])
def test_running_statistics_move_as_mxnets(momentum: str | None) -> None:
    mx = import_mxnet()
    attributes = {} if momentum is None else {"momentum": momentum}
    case = trial("BatchNorm", attributes, {}, NORM).case
    arrays = {**case.data, **case.arrays}
    inputs = [mx.nd.array(array, dtype="float64") for array in arrays.values()]
    inputs[0].attach_grad()
    with mx.autograd.record(train_mode=True):
        result = mx.nd.CachedOp(mx.sym.load_json(case.symbol()))(*inputs)
    result.backward()  # moves the statistics
    graph = parse_symbol(case.symbol().encode(), "it")
    module = build_module(graph, case.arrays, dtype="float64").train()
    module(torch.from_numpy(arrays["data"].astype("float64")))
    (layer,) = module.children()
    assert layer.state_dict()["num_batches_tracked"].item() == 1
    assert largest_difference([layer.running_mean.numpy()], [inputs[3].asnumpy()]) <= 1e-14
    # torch averages the unbiased variance of each batch, and MXNet the biased one
    count = arrays["data"].size // arrays["data"].shape[1]
    kept = (1 - layer.momentum) * arrays["moving_var"].astype("float64")
    variance = kept + (layer.running_var.numpy() - kept) * (count - 1) / count
    assert largest_difference([variance], [inputs[4].asnumpy()]) <= 1e-14
