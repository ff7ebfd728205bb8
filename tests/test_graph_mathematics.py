"""Operators with random generators against MXNet, and mutations that the comparison must catch."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.operators import OPERATORS
from gluon2torch.graph.operators.declaration import Declared
from gluon2torch.graph.operators.unsupported import reason_of
from gluon2torch.graph.symbols.symbol import parse_symbol

from .fuzz.generators import comparison, indexing, linear_algebra, load_generators, mathematics
from .fuzz.operator_case import Case, Oracle, Rejected, difference, imported, outcome

pytestmark = [pytest.mark.mxnet, pytest.mark.posix, pytest.mark.costly]
GENERATORS = {
    **comparison.GENERATORS,
    **indexing.GENERATORS,
    **mathematics.GENERATORS,
    **linear_algebra.GENERATORS,
}
COUNT = 12
# what must give other results: another operator, or another attribute
MUTATIONS: dict[str, str | dict[str, str]] = {
    **{f"{kind}equal": f"{kind}not_equal" for kind in ("_", "broadcast_")},
    **{f"{kind}not_equal": f"{kind}lesser" for kind in ("_", "broadcast_")},
    **{f"{kind}lesser": f"{kind}lesser_equal" for kind in ("_", "broadcast_")},
    **{f"{kind}lesser_equal": f"{kind}greater_equal" for kind in ("_", "broadcast_")},
    **{f"{kind}greater_equal": f"{kind}greater" for kind in ("_", "broadcast_")},
    **{f"{kind}greater": f"{kind}greater_equal" for kind in ("_", "broadcast_")},
    **{f"{kind}logical_and": f"{kind}logical_or" for kind in ("_", "broadcast_")},
    **{f"{kind}logical_or": f"{kind}logical_xor" for kind in ("_", "broadcast_")},
    **{f"{kind}logical_xor": f"{kind}logical_or" for kind in ("_", "broadcast_")},
    **{op: {"scalar": "1.7"} for op in OPERATORS if op.endswith("_scalar")},
    "logical_not": "_copy",
    "take": {"mode": "raise"},
    "pick": {"mode": "wrap"},
    "batch_take": "take",
    "gather_nd": "take",
    "scatter_nd": {"shape": "(9,)"},
    "where": "add_n",
    "one_hot": {"on_value": "0.25", "dtype": "float32"},
    "sort": {"is_ascend": "0"},
    "argsort": {"is_ascend": "0"},
    "topk": {"is_ascend": "1"},
    "argmax": "argmin",
    "argmin": "argmax",
    "argmax_channel": "argmin",
    "repeat": {"repeats": "5"},
    "reverse": {"axis": "(0,)"},
    "broadcast_to": "_copy",
    "broadcast_axis": "_copy",
    "broadcast_like": "first",
    "shape_array": "size_array",
    "size_array": "shape_array",
    "slice": {"begin": "(1,)", "end": "(None,)", "step": "(1,)"},
    "_slice_assign": {"begin": "(0,)", "end": "(None,)", "step": "(-1,)"},
    "_slice_assign_scalar": {"scalar": "9"},
    "_split_v2": {"axis": "0"},
    "reshape_like": {"lhs_begin": "0", "lhs_end": "None", "rhs_begin": "0", "rhs_end": "None"},
    "squeeze": "_copy",
    "diag": {"k": "0"},
    "_ravel_multi_index": {"shape": "(7, 7, 7, 7, 7)"},
    "_unravel_index": {"shape": "(-1, 3)"},
    "_contrib_boolean_mask": "where",
    "_contrib_index_copy": "add_n",
    "depth_to_space": "space_to_depth",
    "space_to_depth": "depth_to_space",
    "_contrib_index_array": {"axes": "(0,)"},
    "_identity_with_attr_like_rhs": "_grad_add",
    "_zeros": "_ones",
    "_ones": "_zeros",
    "_full": {"value": "3"},
    "_eye": {"k": "-1"},
    "_arange": {"step": "0.25"},
    **dict.fromkeys(("sin", "cos", "tan", "arcsin", "arccos", "arctan"), "sinh"),
    **dict.fromkeys(("sinh", "cosh", "arcsinh", "arccosh", "arctanh"), "sin"),
    **dict.fromkeys(("degrees", "radians", "sign", "erf"), "sin"),
    **dict.fromkeys(("expm1", "cbrt", "rcbrt", "gammaln"), "gamma"),
    **dict.fromkeys(("log1p", "log10", "erfinv", "gamma"), "log2"),
    "log2": "log10",
    "floor": "ceil",
    "ceil": "trunc",
    "trunc": "floor",
    "fix": "round",
    "round": "rint",
    "rint": "round",
    "_contrib_round_ste": "_contrib_sign_ste",
    "_contrib_sign_ste": "_contrib_round_ste",
    "_mod": "_power",
    "_power": "_hypot",
    "_hypot": "_mod",
    "broadcast_mod": "broadcast_power",
    "broadcast_power": "broadcast_hypot",
    "broadcast_hypot": "broadcast_mod",
    "_grad_add": "elemwise_div",
    "elemwise_div": "_mod",
    "broadcast_div": "_mod",
    "smooth_l1": {"scalar": "0.5"},
    "_contrib_quadratic": {"b": "0.5"},
    "sum": "mean",
    "mean": "max",
    "max": "min",
    "min": "prod",
    "prod": "nansum",
    "nansum": "prod",
    "nanprod": "prod",
    "norm": {"ord": "1"},
    "moments": {"axes": "(0,)"},
    "cumsum": {"axis": "0"},
    "softmin": "softmax",
    "_contrib_allclose": {"rtol": "1", "equal_nan": "1"},
    "all_finite": "shape_array",
    "multi_all_finite": "add_n",
    "_contrib_gradientmultiplier": "sign",
    "dot": {"transpose_a": "1"},
    "batch_dot": {"transpose_a": "1"},
    "khatri_rao": "add_n",
    "amp_cast": {"dtype": "float64"},
    "amp_multicast": "add_n",
    "Cast": {"dtype": "float32"},
    "cast_storage": "negative",
    "make_loss": "negative",
    "softmax_cross_entropy": "elemwise_div",
    "_scatter_elemwise_div": "_mod",
    "_histogram": {"range": "(-3, 9)"},
    "add_n": "Concat",
    "_linalg_gemm": {"alpha": "0.7"},
    "_linalg_gemm2": {"alpha": "0.7"},
    "_linalg_potrf": "_linalg_potri",
    "_linalg_potri": "_linalg_potrf",
    "_linalg_trsm": "_linalg_trmm",
    "_linalg_trmm": "_linalg_trsm",
    "_linalg_syrk": {"transpose": "1"},
    "_linalg_gelqf": "_linalg_syevd",
    "_linalg_syevd": "_linalg_gelqf",
    "_linalg_sumlogdiag": "_linalg_det",
    "_linalg_extractdiag": {"offset": "0"},
    "_linalg_makediag": {"offset": "0"},
    "_linalg_extracttrian": {"offset": "0", "lower": "0"},
    "_linalg_maketrian": {"offset": "0", "lower": "0"},
    "_linalg_inverse": "_linalg_potri",
    "_linalg_det": "_linalg_sumlogdiag",
    "_linalg_slogdet": "_linalg_syevd",
}


# the shapes of these results depend on values, or are checked by them
BY_VALUE = frozenset({"_contrib_boolean_mask", "_npx_nonzero", "_npi_unique", "_npi_bincount"})


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as started:
        yield started


def cases(op: str) -> list[Case]:
    rng = np.random.default_rng(7)
    return [load_generators()[op](rng) for _ in range(COUNT)]


def mutated(case: Case, wrong: str | dict[str, str]) -> Case:
    if isinstance(wrong, str):
        return replace(case, op=wrong, attributes={})
    return replace(case, attributes={**case.attributes, **wrong})


def compare(op: str, wrong: str | dict[str, str], oracle: Oracle) -> None:
    """Random cases are MXNet's, and at least one notices the mutation."""
    kinds, caught = set(), False
    for case in cases(op):
        found = outcome(case, oracle)
        kinds.add(found.kind)
        assert found.kind in ("equal", "rejected"), f"{case}: {found.detail}"
        if found.kind == "rejected" or caught:
            continue
        try:
            caught = bool(difference(imported(mutated(case, wrong)), oracle(case), case))
        except (GraphError, Rejected, RuntimeError, IndexError, ValueError, TypeError):
            caught = True  # it does not even fit
    assert "equal" in kinds
    assert caught


def copy_and_export(op: str) -> None:
    """A module is the same when copied, pickled or exported."""
    case = cases(op)[0]
    graph = parse_symbol(case.symbol().encode(), "it")
    module = build_module(graph, case.arrays, dtype=case.dtype)
    inputs = tuple(torch.from_numpy(each.copy()) for each in case.data.values())
    expected = module(*inputs)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        torch.testing.assert_close(other(*inputs), expected, rtol=0, atol=0, equal_nan=True)
    if op in BY_VALUE:
        return
    exported = torch.export.export(module, inputs).module()
    torch.testing.assert_close(exported(*inputs), expected, equal_nan=True)


@pytest.mark.parametrize("op", GENERATORS)
def test_an_operator_is_mxnets_and_its_mutation_is_not(op: str, oracle: Oracle) -> None:
    compare(op, MUTATIONS[op], oracle)


@pytest.mark.parametrize("op", GENERATORS)
def test_a_module_is_copied_pickled_and_exported(op: str) -> None:
    copy_and_export(op)


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        ("_random_normal", "its result is random"),
        ("_npi_multinomial", "its result is random"),
        ("mp_sgd_mom_update", "only training does"),
        ("Custom", "code that the graph does not contain"),
        ("QConvolution", "BMXNet"),
        ("_contrib_dgl_subgraph", "sparse arrays"),
        ("_copyto", "writes into its input"),
        ("_backward_sin", "which torch computes itself"),
    ],
)
def test_an_operator_that_cannot_be_imported_is_refused_with_the_reason(
    op: str, reason: str
) -> None:
    with pytest.raises(GraphError, match="unsupported operators") as error:
        imported(Case(op, {}, {"data": np.zeros(3)}))
    assert f"1 × {op} (it): " in str(error.value)
    assert reason in str(error.value)


def test_functions_are_given_all_their_arguments() -> None:
    # dynamo does not find the defaults of a function that pickle's wrapper hides
    left_out, declared = [], 0
    for op, operator in OPERATORS.items():
        if isinstance(operator, Declared) and operator.function.__module__.startswith(
            "gluon2torch"
        ):
            declared += 1
            named = {*operator.attributes, *operator.given}
            parameters = inspect.signature(operator.function).parameters.values()
            left_out += [
                (op, each.name)
                for each in list(parameters)[operator.inputs or 0 :]
                if each.default is not each.empty and each.name not in named
            ]
    assert declared > 200
    assert left_out == []


def test_no_operator_is_both_supported_and_refused() -> None:
    assert not [op for op in OPERATORS if reason_of(op)]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("inf", "float32"),
        ("1e300", "float32"),
        ("3.4028235e+38", "float32"),  # rounds to the largest
        ("-70000", "float16"),
        ("0.5", "float64"),
        ("-3.7", "int32"),
        ("2147483647", "int32"),
        ("300", "uint8"),
        ("-1", "uint8"),
        ("9e18", "int64"),
    ],
)
def test_numbers_are_converted_as_mxnet_does(value: str, dtype: str, oracle: Oracle) -> None:
    case = Case("_full", {"shape": "(2,)", "value": value, "dtype": dtype}, {})
    (actual,), (expected,) = imported(case), oracle(case)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("op", "gradient"), [("_contrib_gradientmultiplier", 3.0), ("_contrib_round_ste", 1.0)]
)
def test_gradients_of_operators_that_define_their_own(op: str, gradient: float) -> None:
    attributes = {"scalar": "3"} if "gradient" in op else {}
    case = Case(op, attributes, {"data": np.array([0.3, -1.7])})
    module = build_module(parse_symbol(case.symbol().encode(), "it"), {}, dtype="float64")
    data = torch.tensor([0.3, -1.7], dtype=torch.float64, requires_grad=True)
    module(data).sum().backward()
    assert data.grad is not None
    assert data.grad.tolist() == [gradient, gradient]


@pytest.mark.parametrize(
    ("op", "attributes", "message"),
    [
        ("_ones", {"shape": "(0, 3)"}, "shape (0, 3) is unknown"),
        ("_zeros", {"shape": "(99999999, 999)"}, "at most"),
        ("_arange", {"start": "0", "infer_range": "True"}, "infer_range='True' is not supported"),
        ("_arange", {"start": "3", "stop": "1"}, "empty range"),
        ("_arange", {"start": "0", "stop": "1e30", "dtype": "int32"}, "would have too many values"),
        ("_arange", {"start": "0", "stop": "1e308", "step": "1e-300"}, "too far apart"),
        ("_arange", {"start": "-1e308", "stop": "1e308"}, "too far apart"),
        ("_arange", {"start": "0", "stop": "inf"}, "too far apart"),
        (
            "_arange",
            {"start": "0", "stop": "1e300", "repeat": "999999999999999"},
            "would have too many values",
        ),
        (
            "_arange",
            {"start": "0", "stop": "1e30", "step": "1e29", "dtype": "int32"},
            "1e+29 does not fit into int32",
        ),
        ("_full", {"shape": "(2,)", "value": "inf", "dtype": "int32"}, "does not fit into int32"),
        ("_full", {"shape": "(2,)", "value": "1e300", "dtype": "int32"}, "does not fit into int32"),
        ("_full", {"shape": "(2,)", "value": "3e9", "dtype": "int32"}, "does not fit into int32"),
        ("_full", {"shape": "(2,)", "value": "1e19", "dtype": "int64"}, "does not fit into int64"),
        ("khatri_rao", {"num_args": "0"}, "has no inputs"),
        ("take", {"mode": "warp"}, "mode='warp' is not supported"),
        ("sort", {"axis": "x"}, "axis='x' is not an integer"),
        ("sin", {"axis": "1"}, "axis='1' is not supported"),
        ("_histogram", {"bin_cnt": "3"}, "range=None is not supported"),
        ("_split_v2", {"indices": "()"}, "would have 0 outputs"),
    ],
)
def test_attributes_that_are_refused(op: str, attributes: dict[str, str], message: str) -> None:
    without = ("_zeros", "_ones", "_arange", "_full", "khatri_rao")
    data = {} if op in without else {"data": np.zeros(3)}
    data |= {"indices": np.zeros(3)} if op == "take" else {}
    with pytest.raises(GraphError) as error:
        imported(Case(op, attributes, data))
    assert message in str(error.value)
