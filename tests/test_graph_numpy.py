"""Operators of mxnet.numpy against MXNet, and mutations that the comparison must catch."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluon2torch.errors import GraphError
from gluon2torch.graph.functions.promotion import TESTS
from gluon2torch.graph.operators.numpy_elementwise import BINARY, REVERSED, SCALARS, UNARY
from gluon2torch.graph.symbols.symbol import parse_symbol

from .fuzz.generators import numpy_operators
from .fuzz.operator_case import Case, Oracle, Rejected, imported
from .test_graph_mathematics import compare, copy_and_export, oracle

__all__ = ["oracle"]  # a fixture
pytestmark = [pytest.mark.mxnet, pytest.mark.posix, pytest.mark.costly]


def others(names: dict[str, str] | list[str], form: str) -> dict[str, str]:
    """Each operator with the next one of a list."""
    keys = list(names)
    return {
        form.format(one): form.format(other)
        for one, other in zip(keys, keys[1:] + keys[:1], strict=True)
    }


MUTATIONS: dict[str, str | dict[str, str]] = {
    **others(UNARY, "_npi_{}"),
    **others(list(TESTS), "_npi_{}"),
    **others(BINARY, "_npi_{}"),
    **{f"_npi_{name}_scalar": {"scalar": "7"} for name in SCALARS},
    **{f"_npi_r{name}_scalar": f"_npi_{name}_scalar" for name in REVERSED},
    "_npx_relu": "_npx_sigmoid",
    "_npx_sigmoid": "_npx_relu",
    "_npi_bitwise_not": "_npi_logical_not",
    "_npi_around": {"decimals": "-2"},
    "_npi_nan_to_num": "_np_copy",
    "_npi_where": "add_n",
    "_npi_where_lscalar": "_npi_where_rscalar",
    "_npi_where_rscalar": "_npi_where_lscalar",
    "_npi_where_scalar2": {"x": "7"},
    "_npi_polyval": "_npi_subtract",
    **others(["_np_sum", "_np_prod", "_np_max", "_np_min", "_np_any", "_np_all"], "{}"),
    "_npi_mean": "_np_sum",
    "_npi_std": "_npi_var",
    "_npi_var": "_npi_std",
    "_npi_argmax": "_npi_argmin",
    "_npi_argmin": "_npi_argmax",
    "_npi_average": {"axis": "0"},
    "_np_trace": {"offset": "1"},
    "_np_diagonal": {"offset": "1"},
    "_npi_percentile": {"interpolation": "higher", "q_scalar": "90"},
    "_npi_bincount": {"minlength": "12"},
    "_np_cumsum": {"axis": "0"},
    "_npx_constraint_check": "logical_not",
    "_npx_reshape": {"newshape": "(-1,)"},
    "_np_reshape": {"newshape": "(-1, 1)"},
    "_np_transpose": {"axes": "None"},
    "_np_squeeze": "_np_copy",
    "_np_roll": {"axis": "None"},
    "_np_moveaxis": "_np_transpose",
    "_np_copy": "_npi_negative",
    "_npi_concatenate": "_npi_stack",
    "_npi_stack": {"axis": "0"},
    **others(["vstack", "hstack", "dstack", "column_stack"], "_npi_{}"),
    "_np_atleast_1d": "_np_atleast_2d",
    "_np_atleast_2d": "_np_atleast_1d",
    "_np_atleast_3d": "_np_atleast_2d",
    "_npi_hsplit": {"squeeze_axis": "True", "sections": "1"},
    "_npi_dsplit": {"axis": "0"},
    "_npi_broadcast_to": "_np_copy",
    "_npi_flip": {"axis": "(0,)"},
    "_npi_rot90": {"k": "2"},
    "_npi_pad": {"mode": "edge"},
    "_npi_tril": {"k": "-3"},
    "_np_diag": {"k": "0"},
    "_np_diagflat": {"k": "0"},
    "_npi_diff": {"n": "1", "axis": "0"},
    "_npi_ediff1d": {"to_begin_scalar": "9", "to_begin_arr_given": "False"},
    "_npi_full_like": {"fill_value": "9"},
    "_npi_diag_indices_from": "shape_array",
    "_npx_nonzero": "_np_copy",
    "_npi_unique": "_np_copy",
    "_np_dot": "_npi_matmul",
    "_npi_matmul": "_np_dot",
    "_npi_tensordot": {"a_axes_summed": "(0,)", "b_axes_summed": "(0,)"},
    "_npi_tensordot_int_axes": {"axes": "1"},
    "_npi_einsum": {"subscripts": "ij,jk->ki"},
    "_npi_cholesky": "_np_copy",
    "_npi_det": "_np_trace",
    "_npi_slogdet": "_npi_eigh",
    "_npi_eigh": "_npi_slogdet",
    "_npi_eigvalsh": {"UPLO": "U", "unknown": "1"},
    "_npi_eig": "_npi_eigh",
    "_npi_eigvals": "_npi_eigvalsh",
    "_npi_norm": {"ord": "1"},
    "_npi_svd": "_linalg_gelqf",
    "_npi_solve": "_npi_matmul",
    "_npi_pinv": "_npi_multiply",
    "_npi_pinv_scalar_rcond": {"rcond": "0.9"},
    "_npi_tensorinv": "_np_copy",
    "_npi_tensorsolve": "_np_dot",
    **others(["_npi_zeros", "_npi_ones"], "{}"),
    "_npi_full": {"value": "9"},
    "_npi_eye": {"k": "-3"},
    "_npi_arange": {"step": "0.25"},
    "_npi_linspace": {"num": "4"},
    "_npi_logspace": {"base": "7"},
    **others(["hanning", "hamming", "blackman"], "_npi_{}"),
    "_npi_identity": "_npi_zeros",
    "_npi_indices": {"dimensions": "(7,)"},
}


@pytest.mark.parametrize("op", numpy_operators.GENERATORS)
def test_an_operator_is_mxnets_and_its_mutation_is_not(op: str, oracle: Oracle) -> None:
    compare(op, MUTATIONS[op], oracle)


@pytest.mark.parametrize("op", numpy_operators.GENERATORS)
def test_a_module_is_copied_pickled_and_exported(op: str) -> None:
    copy_and_export(op)


@pytest.mark.parametrize("numpy_shapes", [0, 1])
def test_a_graph_with_numpys_shapes_is_marked(numpy_shapes: int) -> None:
    case = Case("_zeros", {"shape": "(0, 3)"}, {})
    table = json.loads(case.symbol())
    table["attrs"]["is_np_shape"] = ["int", numpy_shapes]
    assert parse_symbol(json.dumps(table).encode(), "it").numpy_shapes is bool(numpy_shapes)


@pytest.mark.parametrize(
    ("op", "attributes", "message"),
    [
        ("_npi_identity", {"shape": "(3,)"}, "shape='(3,)' is not supported"),
        ("_npi_zeros", {"shape": "(-1, 3)"}, "shape (-1, 3) is unknown"),
        ("_npi_indices", {"dimensions": "(99999, 99999)"}, "at most"),
        ("_npi_indices", {"dimensions": "()"}, "dimensions='()' is not supported"),
        ("_npi_hanning", {"M": "-1"}, "values"),
    ],
)
def test_attributes_that_are_refused(op: str, attributes: dict[str, str], message: str) -> None:
    with pytest.raises(GraphError) as error:
        imported(Case(op, attributes, {}))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"axis": "(0, 1, 2)"}, "axis='(0, 1, 2)' is not supported"),
        ({"axis": "(0,)", "flag": "-2"}, "axis='(0,)' is not supported"),
        ({"axis": "(0,)", "flag": "2"}, "flag='2' is not supported"),
        ({"axis": "(0,)", "ord": "inf"}, "ord='inf' is not supported"),
        ({"flag": "3"}, "flag='3' is not supported"),
        ({"ord": "nan"}, "ord='nan' is not finite"),
    ],
)
def test_norms_that_are_refused(attributes: dict[str, str], message: str) -> None:
    with pytest.raises(GraphError) as error:
        imported(Case("_npi_norm", attributes, {"data": np.ones((2, 3, 4))}))
    assert message in str(error.value)


def test_a_norm_of_integers_is_refused() -> None:
    with pytest.raises(TypeError, match="cast it to real numbers"):
        imported(Case("_npi_norm", {"flag": "-2"}, {"data": np.ones((2, 3), np.int32)}))


@pytest.mark.parametrize("op", ["_npi_eig", "_npi_eigvals"])
def test_eigenvalues_that_are_not_real_are_an_error_as_in_mxnet(op: str, oracle: Oracle) -> None:
    case = Case(op, {}, {"A": np.array([[0.0, -1.0], [1.0, 0.0]])})
    with pytest.raises(Rejected, match="Complex eigvals is unsupported"):
        oracle(case)
    with pytest.raises(ValueError, match="an eigenvalue is not real"):
        imported(case)


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("kind", "dtype", "values", "expected"),
    [
        ("int8", "float64", [30, 76, 4, 108, 120, 19], -2049258496.0),  # wraps as int32 does
        ("uint8", "int64", [110, 28, 94, 44, 110, 71], 706404992),  # as uint32
        ("int32", "float64", [2**31 - 1, 2**31 - 1, 5], float(4611685996952551429)),  # as int64
        ("float32", "int32", [16777215, 3], 50331645),  # in float64
    ],
)
def test_a_product_is_accumulated_as_mxnet_does(
    kind: str, dtype: str, values: list[int], expected: float, oracle: Oracle
) -> None:
    case = Case("_np_prod", {"dtype": dtype}, {"a": np.array(values, kind)})
    assert imported(case)[0] == oracle(case)[0] == expected
