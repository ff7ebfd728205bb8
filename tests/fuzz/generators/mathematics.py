"""Functions of one or two numbers, reductions, and linear algebra."""

from __future__ import annotations

from functools import partial

import numpy as np

from gluon2torch.graph.functions.reductions import REDUCTIONS
from gluon2torch.graph.operators.mathematics import BINARY, REVERSED, SCALARS, UNARY

from ..operator_case import Case
from ..random_arrays import FLAG, FLOATING, INTEGER, Rng, array, axes, axis, shape, some
from .comparison import pair, with_scalar

ANY = (*FLOATING, *INTEGER)
# MXNet's results for integers outside their domain are those of a division by zero
OF_FLOATING = frozenset({"gamma", "gammaln", "log1p", "log2", "log10", "rcbrt"})
OF_FLOATING |= {"arccosh", "arctanh", "arcsin", "arccos", "erfinv", "tan", "sinh", "cosh", "expm1"}


def unary(rng: Rng, op: str) -> Case:
    dtypes = FLOATING if op in OF_FLOATING or op.startswith("_contrib") else ANY
    data = array(rng, shape(rng), dtypes, special=True)
    if op in ("round", "rint", "fix", "trunc", "floor", "ceil") and rng.random() < 0.5:
        data = (np.round(data * 2) / 2).astype(data.dtype)
    return Case(op, {}, {"data": data})


def binary(rng: Rng, op: str) -> Case:
    case = pair(rng, op, broadcast=op.startswith("broadcast"))
    one, other = case.data.values()
    if one.dtype.kind != "f" and not op.endswith(("hypot", "_grad_add")):
        other = np.abs(other) + (other == 0).astype(other.dtype)  # no division by zero
    return Case(op, {}, {"one": one, "other": other})


def scalar(rng: Rng, op: str) -> Case:
    case = with_scalar(rng, op)
    (data,) = case.data.values()
    if data.dtype == bool and op in ("_rmod_scalar", "_rpower_scalar", "_power_scalar"):
        data = np.ones_like(data)
    if op == "_power_scalar" and data.dtype.kind in "iu":
        data = np.abs(data) + (data == 0).astype(data.dtype)
    if op == "_rpower_scalar" and data.dtype == np.uint8:
        data = data.astype("int32")  # a negative number does not fit
    if op == "_rpower_scalar" and data.dtype.kind in "iu":
        data = np.abs(data)
    return Case(op, case.attributes, {"data": data})


def smooth_l1(rng: Rng) -> Case:
    data = array(rng, shape(rng), special=True)
    return Case("smooth_l1", some(rng, scalar=[1.0, 3.0, 0.7]), {"data": data})


def quadratic(rng: Rng) -> Case:
    given = some(rng, a=[0.1, 2.0], b=[-1.5, 3], c=[0.3, 1])
    return Case("_contrib_quadratic", given, {"data": array(rng, shape(rng))})


def reduced(rng: Rng, op: str, dtypes: tuple[str, ...] = ANY) -> Case:
    data = array(rng, shape(rng), dtypes)
    if op.startswith("nan") and data.dtype.kind == "f":
        data = np.where(rng.random(data.shape) < 0.2, np.nan, data).astype(data.dtype)
    given = some(rng, axis=[axes(rng, data.ndim)], keepdims=FLAG)
    if op == "norm":
        given |= some(rng, ord=[1, 2])
    else:
        given |= some(rng, exclude=FLAG)
    return Case(op, given, {"data": data})


def moments(rng: Rng) -> Case:
    data = array(rng, shape(rng))
    given = {"axes": axes(rng, data.ndim, 1), **some(rng, keepdims=FLAG)}
    return Case("moments", given, {"data": data}, outputs=2)


def cumsum(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    given = some(rng, axis=["None", rng.integers(data.ndim)], dtype=["float64", "int32", "int64"])
    return Case("cumsum", given, {"data": data})


def softmin(rng: Rng) -> Case:
    data = array(rng, shape(rng))
    given = some(rng, axis=[axis(rng, data.ndim)], temperature=[0.5, 2.0], use_length=["False"])
    return Case("softmin", given, {"data": data})


def allclose(rng: Rng) -> Case:
    one = array(rng, shape(rng), special=True)
    other = one + one.dtype.type(rng.choice([0, 1e-7, 1e-3])) * rng.normal(size=one.shape)
    given = some(rng, rtol=[1e-5, 1e-2], atol=[1e-8, 1e-6], equal_nan=FLAG)
    return Case("_contrib_allclose", given, {"a": one, "b": other.astype(one.dtype)})


def finite(rng: Rng, op: str) -> Case:
    data = array(rng, shape(rng), special=True)
    if op == "all_finite":
        return Case(op, {}, {"data": data})
    return Case(op, {"num_arrays": "2"}, {"data": data, "other": data[..., :1].copy()})


def gradient_multiplier(rng: Rng) -> Case:
    data = array(rng, shape(rng), special=True)
    return Case("_contrib_gradientmultiplier", some(rng, scalar=[0.5, -2.0]), {"data": data})


def dot(rng: Rng) -> Case:
    given = some(rng, transpose_a=FLAG, transpose_b=FLAG)
    one, other, common = shape(rng, 0, 2), shape(rng, 0, 2), int(rng.integers(1, 5))
    turned, turned_too = (given.get(f"transpose_{each}", "0") in ("True", "1") for each in "ab")
    lhs = array(rng, (common, *one) if turned else (*one, common))
    rhs = array(rng, (*other, common) if turned_too else (common, *other), (str(lhs.dtype),))
    return Case("dot", given, {"lhs": lhs, "rhs": rhs})


def batch_dot(rng: Rng) -> Case:
    given = some(rng, transpose_a=FLAG, transpose_b=FLAG)
    turned, turned_too = (given.get(f"transpose_{each}", "0") in ("True", "1") for each in "ab")
    batch, (m, n, k) = shape(rng, 1, 3), rng.integers(1, 5, 3).tolist()
    lhs = array(rng, (*batch, k, m) if turned else (*batch, m, k))
    rhs = array(rng, (*batch, n, k) if turned_too else (*batch, k, n), (str(lhs.dtype),))
    return Case("batch_dot", given, {"lhs": lhs, "rhs": rhs})


def khatri_rao(rng: Rng) -> Case:
    columns, dtype = int(rng.integers(1, 4)), str(rng.choice(FLOATING))
    count = int(rng.integers(1, 4))
    data = {
        f"x{each}": array(rng, (int(rng.integers(1, 4)), columns), (dtype,))
        for each in range(count)
    }
    return Case("khatri_rao", {"num_args": str(count)}, data)


def amp_cast(rng: Rng) -> Case:
    data = array(rng, shape(rng), ("float32", "int32"), special=True)
    return Case("amp_cast", {"dtype": str(rng.choice(["float16", "float32"]))}, {"data": data})


def amp_multicast(rng: Rng) -> Case:
    data = {name: array(rng, shape(rng), ("float32", "int32")) for name in "ab"}
    given = {"num_outputs": "3", **some(rng, cast_narrow=FLAG)}
    return Case("amp_multicast", given, {**data, "c": array(rng, (2,), ("float32",))}, outputs=3)


def cast(rng: Rng) -> Case:
    dtype = str(rng.choice(["float16", *ANY, "bool"]))
    data = array(rng, shape(rng), (*ANY, "bool"), special=dtype == "bool")
    if dtype == "uint8":  # negative numbers do not fit
        data = np.abs(data) if data.dtype != bool else data
    return Case("Cast", {"dtype": dtype}, {"data": data})


def histogram(rng: Rng) -> Case:
    data = array(rng, shape(rng), (*FLOATING, "int32"), scale=4.0)
    if rng.random() < 0.5:
        given = {
            "bin_cnt": str(rng.integers(1, 6)),
            "range": str(rng.choice(["(-4, 5)", "(0, 6)"])),
        }
        return Case("_histogram", given, {"data": data}, outputs=2)
    edges = np.unique(rng.integers(-6, 7, 5)).astype(data.dtype)
    edges = edges if len(edges) > 1 else np.array([0, 3]).astype(data.dtype)
    return Case("_histogram", {}, {"data": data, "bins": edges}, outputs=2)


def softmax_cross_entropy(rng: Rng) -> Case:
    rows, columns = rng.integers(1, 6, 2).tolist()
    data = array(rng, (rows, columns))
    label = rng.integers(0, columns, rows).astype(data.dtype)
    return Case("softmax_cross_entropy", {}, {"data": data, "label": label})


def add_n(rng: Rng) -> Case:
    one = array(rng, shape(rng), ANY)
    others = {name: array(rng, one.shape, (str(one.dtype),)) for name in "ab"}
    return Case("add_n", {"num_args": "3"}, {"one": one, **others})


GENERATORS = {
    "amp_cast": amp_cast,
    "amp_multicast": amp_multicast,
    "Cast": cast,
    "_histogram": histogram,
    "cast_storage": lambda rng: Case(
        "cast_storage", {"stype": "default"}, {"data": array(rng, shape(rng))}
    ),
    "make_loss": lambda rng: Case("make_loss", {}, {"data": array(rng, shape(rng))}),
    "softmax_cross_entropy": softmax_cross_entropy,
    "add_n": add_n,
    **{op: partial(unary, op=op) for op in UNARY},
    **{op: partial(unary, op=op) for op in ("_contrib_round_ste", "_contrib_sign_ste")},
    **{op: partial(binary, op=op) for op in BINARY if op not in ("elemwise_div", "broadcast_div")},
    **{op: partial(binary, op=op) for op in ("elemwise_div", "broadcast_div")},
    **{op: partial(scalar, op=op) for op in (*SCALARS, *REVERSED)},
    "smooth_l1": smooth_l1,
    "_contrib_quadratic": quadratic,
    **{op: partial(reduced, op=op) for op in REDUCTIONS},
    "norm": partial(reduced, op="norm", dtypes=FLOATING),
    "moments": moments,
    "cumsum": cumsum,
    "softmin": softmin,
    "_contrib_allclose": allclose,
    **{op: partial(finite, op=op) for op in ("all_finite", "multi_all_finite")},
    "_contrib_gradientmultiplier": gradient_multiplier,
    "dot": dot,
    "batch_dot": batch_dot,
    "khatri_rao": khatri_rao,
}
