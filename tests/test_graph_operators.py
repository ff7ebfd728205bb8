"""Each operator against MXNet, and the mutation of it that the comparison must catch."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph.aliases import FIRST_NAMES
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.operators import (
    OPERATORS,
    control_flow,
    dropout,
    fused_layers,
    quantization,
    recurrent,
    sequence,
    spectral,
    vision,
)
from gluon2torch.graph.operators.arithmetic import (
    BINARY,
    IDENTITY,
    REVERSED,
    SCALAR,
    UNARY,
)
from gluon2torch.graph.precision import limits
from gluon2torch.graph.symbol import parse_symbol
from gluon2torch.parity.exported_reference import ExportedReference

from .fuzz.generators import load_generators

pytestmark = pytest.mark.mxnet


@dataclass(frozen=True)
class Case:
    """An operator with its attributes and inputs; `wrong` is what must give something else.

    `data` is the input, all others are arrays. A wrong case changes attributes, or the operator.
    """

    op: str
    attributes: dict[str, str]
    wrong: dict[str, str] | str
    arrays: dict[str, tuple[int, ...]]
    data: tuple[int, ...] = (2, 6, 9, 8)
    outputs: int = 1

    def __str__(self) -> str:
        return " ".join([self.op, *(f"{k}={v}" for k, v in self.attributes.items())])

    def table(self) -> dict[str, Any]:
        names = ["data", *self.arrays]
        nodes = [{"op": "null", "name": name, "inputs": []} for name in names]
        inputs = [[number, 0, 0] for number in range(len(names))]
        node = {"op": self.op, "name": "it", "attrs": self.attributes, "inputs": inputs}
        return {
            "nodes": [*nodes, node],
            "arg_nodes": list(range(len(names))),
            "heads": [[len(names), output, 0] for output in range(self.outputs)],
            "attrs": {"mxnet_version": ["int", 10901]},
        }

    def mutated(self) -> Case:
        if isinstance(self.wrong, str):
            return replace(self, op=self.wrong)
        return replace(self, attributes={**self.attributes, **self.wrong})


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
    Case("Convolution", SPREAD, {"pad": "(2, 1)"}, CONV),
    Case("Convolution", SPREAD, {"stride": "(1, 2)"}, CONV),
    Case("Convolution", SPREAD, {"dilate": "(2, 1)"}, CONV),
    Case(
        "Convolution",
        {**SPREAD, "num_group": "2"},
        {"pad": "(2, 1)"},
        {**CONV, "weight": (4, 3, 3, 3)},
    ),
    Case(
        "Convolution",
        {"kernel": "(3,)", "num_filter": "4", "no_bias": "True"},
        {"pad": "(1,)"},
        {"weight": (4, 6, 3)},
        (2, 6, 9),
    ),
    Case(
        "Convolution",
        {"kernel": "(3, 1, 2)", "num_filter": "4"},
        {"dilate": "(1, 1, 2)"},
        {"weight": (4, 2, 3, 1, 2), "bias": (4,)},
        (2, 2, 5, 4, 6),
    ),
    Case(
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
    Case(
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
    Case(
        "FullyConnected",
        {"num_hidden": "4"},
        {"num_hidden": "5"},
        {"weight": (4, 432), "bias": (4,)},
    ),
    Case(
        "FullyConnected",
        {"num_hidden": "4", "flatten": "False", "no_bias": "True"},
        {"flatten": "True"},
        {"weight": (4, 8)},
    ),
    Case("BatchNorm", {}, {"eps": "1e-5"}, NORM),
    Case("BatchNorm", {}, {"fix_gamma": "False"}, NORM),
    Case(
        "BatchNorm", {"fix_gamma": "False", "eps": "1e-5", "axis": "1"}, {"fix_gamma": "True"}, NORM
    ),
    Case(
        "BatchNorm",
        {"fix_gamma": "False", "use_global_stats": "True"},
        {"eps": "1e-5"},
        NORM,
        (3, 6),
    ),
    Case("_contrib_SyncBatchNorm", {"key": "it", "fix_gamma": "False"}, {"eps": "1e-5"}, NORM),
    Case("InstanceNorm", {}, {"eps": "0.1"}, {"gamma": (6,), "beta": (6,)}),
    Case("LayerNorm", {}, {"eps": "0.1"}, {"gamma": (8,), "beta": (8,)}),
    Case("Dropout", {"p": "0.5"}, "relu", {}),
]
ACTIVATIONS = [
    *(
        Case("Activation", {"act_type": kind}, {"act_type": wrong}, {})
        for kind, wrong in (
            ("relu", "tanh"),
            ("sigmoid", "tanh"),
            ("tanh", "relu"),
            ("softrelu", "relu"),
            ("softsign", "tanh"),
        )
    ),
    *(
        Case(kind, {}, wrong, {})
        for kind, wrong in (
            ("relu", "tanh"),
            ("sigmoid", "tanh"),
            ("tanh", "relu"),
            ("softsign", "tanh"),
        )
    ),
    Case("LeakyReLU", {}, {"slope": "0.2"}, {}),
    Case("LeakyReLU", {"act_type": "leaky", "slope": "0.1"}, {"slope": "0.11"}, {}),
    Case("LeakyReLU", {"act_type": "elu", "slope": "0.3"}, {"slope": "0.31"}, {}),
    Case("LeakyReLU", {"act_type": "selu"}, {"act_type": "elu"}, {}),
    Case("LeakyReLU", {"act_type": "gelu"}, {"act_type": "selu"}, {}),
    Case("LeakyReLU", {"act_type": "rrelu"}, {"upper_bound": "0.4"}, {}),
    Case("LeakyReLU", {"act_type": "prelu"}, {"act_type": "leaky"}, {"gamma": (6,)}),
    Case("hard_sigmoid", {"alpha": "0.1", "beta": "0.3"}, {"alpha": "0.2"}, {}),
    Case("clip", {"a_min": "-0.3", "a_max": "0.7"}, {"a_max": "0.8"}, {}),
    Case("softmax", {"axis": "1"}, {"axis": "2"}, {}),
    Case("softmax", {}, {"axis": "1"}, {}),
    Case("log_softmax", {"axis": "1"}, {"axis": "-1"}, {}),
    Case("SoftmaxActivation", {}, "sigmoid", {}, (2, 6)),
    Case("SoftmaxActivation", {"mode": "channel"}, "sigmoid", {}),
    Case("SoftmaxOutput", {}, "LogisticRegressionOutput", {"label": (2,)}, (2, 6)),
    Case(
        "SoftmaxOutput",
        {"multi_output": "True"},
        {"multi_output": "False", "preserve_shape": "True"},
        {"label": (2, 9, 8)},
    ),
    Case("SoftmaxOutput", {"preserve_shape": "True"}, "sigmoid", {"label": (2, 6, 9)}),
    Case("Softmax", {}, "LogisticRegressionOutput", {"label": (2,)}, (2, 6)),
    Case("LinearRegressionOutput", {}, "LogisticRegressionOutput", {"label": (2, 6)}, (2, 6)),
    Case("MAERegressionOutput", {}, "LogisticRegressionOutput", {"label": (2, 6)}, (2, 6)),
    Case("LogisticRegressionOutput", {}, "LinearRegressionOutput", {"label": (2, 6)}, (2, 6)),
    Case("SVMOutput", {}, "LogisticRegressionOutput", {"label": (2,)}, (2, 6)),
    *(
        Case(f"_sparse_{kind}RegressionOutput", {}, wrong, {"label": (2, 6)}, (2, 6))
        for kind, wrong in (
            ("Linear", "LogisticRegressionOutput"),
            ("MAE", "LogisticRegressionOutput"),
            ("Logistic", "LinearRegressionOutput"),
        )
    ),
    Case("IdentityAttachKLSparseReg", {}, "sigmoid", {"moving_avg": (6,)}, (2, 6)),
    *(
        Case("L2Normalization", {"mode": mode}, {"mode": wrong}, {})
        for mode, wrong in (
            ("instance", "channel"),
            ("channel", "spatial"),
            ("spatial", "instance"),
        )
    ),
    Case("L2Normalization", {"eps": "0.1"}, {"eps": "10"}, {}),
    Case("LRN", {"nsize": "3"}, {"nsize": "5", "alpha": "1e-3"}, {}),
    Case("LRN", {"nsize": "3", "alpha": "0.1", "beta": "0.5", "knorm": "1"}, {"knorm": "2"}, {}),
]
POOLING = [
    Case("Pooling", POOL, {"pad": "(0, 1)"}, {}),
    Case("Pooling", POOL, {"count_include_pad": "False"}, {}),
    Case("Pooling", {**POOL, "count_include_pad": "False"}, {"count_include_pad": "True"}, {}),
    Case("Pooling", {**POOL, "pool_type": "max"}, {"pool_type": "avg"}, {}),
    Case("Pooling", {**POOL, "pool_type": "sum"}, {"pool_type": "avg"}, {}),
    *(
        Case(
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
    Case(
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
    Case(
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
    Case(
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
        Case(
            "Pooling",
            {"kernel": "(2, 2)", "pad": "(1, 1)", "global_pool": "True", "pool_type": kind},
            {"global_pool": "False"},
            {},
        )
        for kind in ("avg", "max", "sum")
    ),
    Case("Pooling", {"kernel": "(3,)", "pool_type": "avg"}, {"pool_type": "max"}, {}, (2, 6, 9)),
    Case(
        "Pooling",
        {"kernel": "(3, 2, 2)", "pool_type": "max"},
        {"stride": "(2, 1, 1)"},
        {},
        (2, 2, 5, 4, 6),
    ),
    Case("_contrib_AdaptiveAvgPooling2D", {}, {"output_size": "2"}, {}),
    Case("_contrib_AdaptiveAvgPooling2D", {"output_size": "(5, 3)"}, {"output_size": "(3, 5)"}, {}),
    Case(
        "_contrib_BilinearResize2D", {"height": "13", "width": "17"}, {"align_corners": "False"}, {}
    ),
    Case(
        "_contrib_BilinearResize2D",
        {"height": "5", "width": "17", "align_corners": "False"},
        {"align_corners": "True"},
        {},
    ),
    Case(
        "_contrib_BilinearResize2D",
        {"mode": "odd_scale", "scale_height": "2", "scale_width": "2.5"},
        {"mode": "size"},
        {},
    ),
    *(
        Case("_contrib_BilinearResize2D", {"mode": mode}, {"mode": wrong}, {})
        for mode, wrong in (
            ("to_even_down", "to_even_up"),
            ("to_even_up", "to_even_down"),
            ("to_odd_down", "to_odd_up"),
            ("to_odd_up", "to_odd_down"),
        )
    ),
    Case(
        "_contrib_BilinearResize2D",
        {"mode": "like"},
        {"align_corners": "False"},
        {"like": (2, 6, 13, 17)},
    ),
    Case(
        "_contrib_BilinearResize2D",
        {"scale_height": "1.5", "scale_width": "2"},
        {"scale_width": "3"},
        {},
    ),
    Case(
        "UpSampling", {"scale": "2", "sample_type": "nearest", "num_args": "1"}, {"scale": "3"}, {}
    ),
    Case(
        "UpSampling",
        {"scale": "2", "sample_type": "nearest", "num_args": "2"},
        {"multi_input_mode": "sum"},
        {"other": (2, 6, 18, 16)},
    ),
    Case(
        "UpSampling",
        {"scale": "2", "sample_type": "nearest", "num_args": "2", "multi_input_mode": "sum"},
        {"multi_input_mode": "concat"},
        {"other": (2, 6, 9, 8)},
    ),
    Case(
        "UpSampling",
        {"scale": "3", "sample_type": "bilinear", "num_args": "2", "num_filter": "6"},
        {"scale": "2"},
        {"weight": (6, 1, 5, 5)},
    ),
]


def other(name: str) -> str:
    """An operator of two inputs that is another function."""
    return next(each for each in BINARY if BINARY[each] is not BINARY[name])


ARITHMETIC = [
    *(Case(name, {}, other(name), {"other": (2, 6, 9, 8)}) for name in BINARY),
    *(
        Case(name, {}, other(name), {"other": (1, 6, 1, 1)})
        for name in BINARY
        if name.startswith("broadcast")
    ),
    *(Case(name, {"scalar": "0.1"}, {"scalar": "0.2"}, {}) for name in (*SCALAR, *REVERSED)),
    *(Case(name, {}, "exp" if name == "abs" else "abs", {}) for name in UNARY),
    Case("ones_like", {}, "zeros_like", {}),
    Case("zeros_like", {}, "ones_like", {}),
    *(Case(name, {}, "negative", {}) for name in IDENTITY),
    *(Case(name, {"axis": "1"}, {"axis": "2"}, {}) for name in ("sum", "mean", "max", "min")),
    Case("sum", {"axis": "(2, 3)", "keepdims": "True"}, {"axis": "(1, 3)"}, {}),
    Case("mean", {"axis": "(2, 3)", "keepdims": "True"}, {"keepdims": "False"}, {}),
    *(
        Case(name, {"num_args": "3"}, "Concat", {"one": (2, 6, 9, 8), "two": (2, 6, 9, 8)})
        for name in ("add_n", "ElementWiseSum")
    ),
    Case(
        "batch_dot",
        {"transpose_b": "True"},
        {"transpose_b": "False"},
        {"other": (2, 6, 6)},
        (2, 5, 6),
    ),
    Case(
        "batch_dot",
        {"transpose_a": "True"},
        {"transpose_a": "False"},
        {"other": (2, 6, 6)},
        (2, 6, 6),
    ),
]
SHAPING = [
    *(Case(name, {}, "_copy", {}) for name in ("Flatten", "flatten")),
    *(
        Case(name, {"shape": "(0, -1)"}, {"shape": "(-1, 0)"}, {})
        for name in ("Reshape", "reshape")
    ),
    Case("Reshape", {"shape": "(-2,)"}, {"shape": "(0, -1)"}, {}),
    Case("Reshape", {"shape": "(0, -3, -2)"}, {"shape": "(-3, 0, -2)"}, {}),
    Case("Reshape", {"shape": "(0, -4, 2, -1, -2)"}, {"shape": "(0, -4, 3, -1, -2)"}, {}),
    Case("Reshape", {"shape": "(0, -4, -1, 2, 0, 0)"}, {"shape": "(0, -4, -1, 3, 0, 0)"}, {}),
    Case("Reshape", {"shape": "(0, 2, -1, 1, 1)"}, {"shape": "(0, 3, -1, 1, 1)"}, {}, (2, 6, 1, 1)),
    Case("Reshape", {"shape": "(-1, 0, 4)", "reverse": "True"}, {"reverse": "False"}, {}),
    Case("Reshape", {"target_shape": "(2, 0)"}, {"target_shape": "(4, 0)"}, {}),
    Case("reshape_like", {}, "_copy", {"other": (2, 54, 8)}),
    Case("transpose", {"axes": "(0, 2, 3, 1)"}, {"axes": "(0, 3, 2, 1)"}, {}),
    *(
        Case(name, {"dim1": "1", "dim2": "2"}, {"dim2": "3"}, {})
        for name in ("SwapAxis", "swapaxes")
    ),
    Case("expand_dims", {"axis": "2"}, {"axis": "1"}, {}),
    Case("squeeze", {"axis": "(2, 3)"}, {"axis": "(2,)"}, {}, (2, 6, 1, 1)),
    *(
        Case(name, {"dim": "2", "num_args": "2"}, {"dim": "3"}, {"other": (2, 6, 9, 8)})
        for name in ("Concat", "concat")
    ),
    Case("Concat", {"num_args": "2"}, {"dim": "2"}, {"other": (2, 6, 9, 8)}),
    Case("stack", {"axis": "1", "num_args": "2"}, {"axis": "0"}, {"other": (2, 6, 9, 8)}),
    *(
        Case(name, {"num_outputs": "3"}, {"axis": "2"}, {}, outputs=3)
        for name in ("SliceChannel", "split")
    ),
    Case(
        "SliceChannel",
        {"num_outputs": "6", "squeeze_axis": "True"},
        {"squeeze_axis": "False"},
        {},
        outputs=6,
    ),
    *(
        Case(
            name,
            {"begin": "(0, 1, 2)", "end": "(None, None, 7)", "step": "(1, 2, 1)"},
            {"step": "(1, 1, 1)"},
            {},
        )
        for name in ("slice", "crop")
    ),
    Case(
        "slice",
        {"begin": "(0, 0, 1, 1)", "end": "(None, None, None, None)"},
        {"begin": "(0, 0, 0, 1)"},
        {},
    ),
    Case("slice_axis", {"axis": "2", "begin": "1", "end": "-2"}, {"end": "None"}, {}),
    Case("slice_axis", {"axis": "3", "begin": "-3", "end": "None"}, {"begin": "-4"}, {}),
    Case("slice_like", {"axes": "(2, 3)"}, {"axes": "(2,)"}, {"other": (1, 1, 4, 5)}),
    Case("slice_like", {}, {"axes": "(3,)"}, {"other": (1, 2, 4, 5)}),
    Case("Crop", {"offset": "(1, 2)", "h_w": "(4, 5)", "num_args": "1"}, {"offset": "(2, 1)"}, {}),
    Case(
        "Crop",
        {"center_crop": "True", "num_args": "2"},
        {"center_crop": "False"},
        {"like": (2, 1, 4, 5)},
    ),
    *(
        Case(
            name,
            {"mode": "constant", "constant_value": "0.7", "pad_width": "(0, 0, 0, 0, 1, 2, 3, 0)"},
            {"pad_width": "(0, 0, 0, 0, 2, 1, 3, 0)"},
            {},
        )
        for name in ("Pad", "pad")
    ),
    Case(
        "Pad", {"mode": "edge", "pad_width": "(0, 0, 0, 0, 1, 2, 3, 0)"}, {"mode": "constant"}, {}
    ),
    Case("Pad", {"mode": "reflect", "pad_width": "(0, 0, 0, 0, 1, 2, 3, 0)"}, {"mode": "edge"}, {}),
    Case("tile", {"reps": "(1, 2, 1, 3)"}, {"reps": "(1, 1, 1, 3)"}, {}),
    *(Case(name, {"dtype": "int32"}, {"dtype": "float32"}, {}) for name in ("Cast", "cast")),
]
# operators with cases in files of their own
OTHERS = (control_flow, dropout, recurrent, sequence, vision, spectral, quantization, fused_layers)
ELSEWHERE = frozenset(op for theme in OTHERS for op in theme.OPERATORS)
CASES = [*LAYERS, *ACTIVATIONS, *POOLING, *ARITHMETIC, *SHAPING]
# MXNet's results are of positive numbers alone, or of any
POSITIVE = frozenset({"log", "sqrt", "rsqrt", "reciprocal"})


def arrays_of(case: Case) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(zlib.crc32(str(case).encode()))
    arrays = {}
    for name, shape in {"data": case.data, **case.arrays}.items():
        positive = case.op in POSITIVE or name in ("gamma", "moving_var")
        values = 0.5 + rng.random(shape) if positive else rng.standard_normal(shape)
        arrays[name] = values.astype(np.float32)
    return arrays


def imported(case: Case, arrays: dict[str, np.ndarray], dtype: str) -> list[np.ndarray]:
    graph = parse_symbol(json.dumps(case.table()).encode(), "it")
    # labels stand in the table of inputs, and in no file
    given = {k: v for k, v in arrays.items() if k not in ("data", "label")}
    module = build_module(graph, given, dtype=dtype, inputs={"data": arrays["data"].shape})
    with torch.no_grad():
        outputs = module(torch.from_numpy(arrays["data"].astype(dtype)))
    return [each.numpy() for each in (outputs if isinstance(outputs, tuple) else (outputs,))]


def expected_of(case: Case, folder: Path, dtype: str = "float64") -> list[np.ndarray]:
    """MXNet's outputs."""
    (folder / "it-symbol.json").write_text(json.dumps(case.table()))
    arrays = arrays_of(case)
    given = {name: array for name, array in arrays.items() if name != "data"}
    reference = ExportedReference(folder / "it-symbol.json", given)
    reference.cast(dtype)
    return list(reference(arrays["data"].astype(dtype)).values())


def difference(actual: list[np.ndarray], expected: list[np.ndarray]) -> float:
    if [each.shape for each in actual] != [each.shape for each in expected]:
        return float("inf")
    return max(
        float(np.abs(one - other).max() / (np.abs(other).max() or 1.0))
        for one, other in zip(actual, expected, strict=True)
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operator_is_mxnets_and_its_mutation_is_not(case: Case, tmp_path: Path) -> None:
    arrays = arrays_of(case)
    (tmp_path / "it-symbol.json").write_text(json.dumps(case.table()))
    graph = parse_symbol(json.dumps(case.table()).encode(), "it")
    given = {name: array for name, array in arrays.items() if name != "data"}
    reference = ExportedReference(tmp_path / "it-symbol.json", given)
    for dtype, limit in limits(graph).items():
        reference.cast(dtype)
        expected = list(reference(arrays["data"].astype(dtype)).values())
        actual = imported(case, arrays, dtype)
        assert [each.dtype for each in actual] == [each.dtype for each in expected]
        assert difference(actual, expected) <= limit
        try:
            wrong = imported(case.mutated(), arrays, dtype)
        except (GraphError, RuntimeError, IndexError):
            continue  # it does not even fit
        assert difference(wrong, expected) > 5 * limit


# attributes for which torch's layer, called with the same numbers, computes something else
FULL = {"pool_type": "max", "pooling_convention": "full"}
DIFFERENT = [
    Case("Pooling", {**FULL, "kernel": "(2, 2)", "stride": "(3, 1)"}, {}, {}),
    Case("Pooling", {**FULL, "kernel": "(3, 3)", "stride": "(1, 4)"}, {}, {}),
    Case("Pooling", {**FULL, "kernel": "(3, 3)", "stride": "(3, 3)", "pad": "(0, 1)"}, {}, {}),
    Case("Pooling", {**FULL, "kernel": "(2,)", "stride": "(3,)"}, {}, {}, (2, 6, 9)),
]


@pytest.mark.parametrize("case", DIFFERENT, ids=str)
def test_what_torch_computes_otherwise_is_refused_or_mxnets(case: Case, tmp_path: Path) -> None:
    arrays = arrays_of(case)
    try:
        actual = imported(case, arrays, "float32")
    except GraphError:
        return
    assert difference(actual, expected_of(case, tmp_path, "float32")) <= 1e-6


@pytest.mark.parametrize("momentum", [None, "0.75"])
def test_running_statistics_move_as_mxnets(momentum: str | None) -> None:
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mx = import_mxnet()
    attributes = {} if momentum is None else {"momentum": momentum}
    case = Case("BatchNorm", attributes, {}, NORM)
    arrays = arrays_of(case)
    inputs = [mx.nd.array(array, dtype="float64") for array in arrays.values()]
    inputs[0].attach_grad()
    with mx.autograd.record(train_mode=True):
        result = mx.nd.CachedOp(mx.sym.load_json(json.dumps(case.table())))(*inputs)
    result.backward()  # moves the statistics
    graph = parse_symbol(json.dumps(case.table()).encode(), "it")
    given = {name: array for name, array in arrays.items() if name != "data"}
    module = build_module(graph, given, dtype="float64").train()
    module(torch.from_numpy(arrays["data"].astype("float64")))
    (layer,) = module.children()
    assert layer.state_dict()["num_batches_tracked"].item() == 1
    assert difference([layer.running_mean.numpy()], [inputs[3].asnumpy()]) <= 1e-14
    # torch averages the unbiased variance of each batch, and MXNet the biased one
    count = arrays["data"].size // arrays["data"].shape[1]
    kept = (1 - layer.momentum) * arrays["moving_var"].astype("float64")
    variance = kept + (layer.running_var.numpy() - kept) * (count - 1) / count
    assert difference([variance], [inputs[4].asnumpy()]) <= 1e-14


# MXNet needs the number of dimensions, which follows from the input's shape
COUNTED = [
    Case("sum", {"axis": "-1", "exclude": "True"}, {"exclude": "False"}, {}),
    Case("max", {"axis": "(-2, 1)", "exclude": "True"}, {"axis": "(-1, 1)"}, {}),
    Case("mean", {"axis": "(-3,)", "exclude": "True", "keepdims": "True"}, {"axis": "(-2,)"}, {}),
    Case("min", {"axis": "(0, -1)", "exclude": "True"}, {"axis": "(1, -1)"}, {}),
    Case("mean", {"axis": "()", "keepdims": "True"}, {"keepdims": "False"}, {}),
    Case("transpose", {}, {"axes": "(0, 3, 2, 1)"}, {}),
    Case("slice_axis", {"axis": "-2", "begin": "1", "end": "-1"}, {"axis": "-1"}, {}),
]


@pytest.mark.parametrize("case", COUNTED, ids=str)
def test_axes_are_counted_where_the_shape_is_known(case: Case, tmp_path: Path) -> None:
    arrays, expected = arrays_of(case), expected_of(case, tmp_path)
    graph = parse_symbol(json.dumps(case.table()).encode(), "it")
    shapes = {"data": case.data}
    module = build_module(graph, {}, dtype="float64", inputs=shapes)
    data = torch.from_numpy(arrays["data"].astype("float64"))
    assert difference([module(data).numpy()], expected) <= 1e-14
    graph = parse_symbol(json.dumps(case.mutated().table()).encode(), "it")
    wrong = build_module(graph, {}, dtype="float64", inputs=shapes)
    assert difference([wrong(data).numpy()], expected) > 1e-3


def test_every_operator_has_a_case_or_a_generator() -> None:
    tested = {case.op for case in CASES} | ELSEWHERE | set(load_generators())
    names = {FIRST_NAMES.get(op, op) for op in tested}
    functions = {id(OPERATORS[op]) for op in names if op in OPERATORS}  # several have one function
    assert not [op for op in OPERATORS if id(OPERATORS[op]) not in functions]
