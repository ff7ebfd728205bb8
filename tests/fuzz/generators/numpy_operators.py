"""Operators of `mxnet.numpy`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gluon2torch.graph.functions.promotion import TESTS
from gluon2torch.graph.operators.numpy_elementwise import BINARY, REVERSED, SCALARS, UNARY

from ..operator_case import Case
from ..random_arrays import FLAG, FLOATING, INTEGER, Rng, array, axes, axis, shape, some
from .comparison import with_scalar
from .indexing import eye, filled
from .linear_algebra import definite, square, symmetric
from .mathematics import OF_FLOATING

ANY = (*FLOATING, *INTEGER)
REAL = (*FLOATING, "int32", "int64")
OF_INTEGERS = ("lcm", "bitwise_and", "bitwise_or", "bitwise_xor")
NO_TRUTH = ("subtract", "mod", "copysign", "ldexp")


def unary(rng: Rng, op: str, name: str) -> Case:
    dtypes = FLOATING if name in OF_FLOATING else REAL
    if name in ("sqrt", "log", "exp", "reciprocal"):
        dtypes = FLOATING
    data = array(rng, shape(rng, 0), dtypes, special=True)
    return Case(op, {}, {"x": data})


def of_floating(rng: Rng, op: str) -> Case:
    return Case(op, {}, {"x": array(rng, shape(rng, 0), special=True)})


def truth(rng: Rng, op: str) -> Case:
    return Case(op, {}, {"x": array(rng, shape(rng, 0), (*ANY, "bool"), special=True)})


def bitwise_not(rng: Rng) -> Case:
    return Case("_npi_bitwise_not", {}, {"x": array(rng, shape(rng), (*INTEGER, "bool"))})


def kinds(rng: Rng, name: str) -> tuple[str, str]:
    """Data types of two inputs that MXNet combines."""
    if name in OF_INTEGERS:
        one = str(rng.choice([*INTEGER, "bool"]))
        return one, one
    if name in ("hypot", "arctan2"):
        one = str(rng.choice(FLOATING))
        return one, one
    one = str(rng.choice([*REAL, *(() if name in NO_TRUTH else ("bool",))]))
    if name in ("add", "multiply", "power", "mod", "subtract") and rng.random() < 0.4:
        return one, str(rng.choice(FLOATING))
    return one, one


def binary(rng: Rng, op: str, name: str) -> Case:
    one_kind, other_kind = kinds(rng, name)
    special = name != "copysign"  # of which NaN has a sign, too
    one = array(rng, shape(rng, 0), (one_kind,), special=special)
    other = array(rng, one.shape, (other_kind,), special=special)
    if name in ("mod", "true_divide", "power", "ldexp") and other.dtype.kind in "iu":
        other = np.asarray(np.abs(other) + (other == 0), other.dtype)
    for each in np.flatnonzero(rng.random(one.ndim) < 0.3):
        other = other.take([0], each)
    if rng.random() < 0.3 and other.ndim:
        other = other[0]
    return Case(op, {}, {"one": one, "other": np.asarray(other)})


def scalar(rng: Rng, op: str, name: str) -> Case:
    case = with_scalar(rng, op, dtypes=("float32", "float64", "int32", "int64"))
    (data,) = case.data.values()
    attributes = dict(case.attributes)
    if name in OF_INTEGERS:
        data = array(rng, shape(rng), ("int32", "int64", "int8"))
        attributes = {"scalar": str(rng.choice([1, 2, 6])), "is_int": "True"}
    if name in ("mod", "power", "true_divide", "ldexp"):
        data = np.abs(data) + (data == 0).astype(data.dtype) if data.dtype != bool else data | True
        if data.dtype.kind in "ib" and float(attributes["scalar"]) < 1:
            attributes["scalar"] = "3.0"
    return Case(op, attributes, {"data": data})


def around(rng: Rng) -> Case:
    data = array(rng, shape(rng, 0), REAL, scale=20.0)
    if rng.random() < 0.3:
        data = np.asarray(np.round(data * 2) / 2, data.dtype)
    return Case("_npi_around", some(rng, decimals=[0, 1, 2, -1]), {"x": data})


def nan_to_num(rng: Rng) -> Case:
    data = array(rng, shape(rng), special=True)
    given = some(rng, nan=[1.5], posinf=[7.0, "None"], neginf=[-9.0, "None"], copy=["True"])
    return Case("_npi_nan_to_num", given, {"data": data})


def where(rng: Rng, op: str) -> Case:
    x = array(rng, shape(rng), REAL)
    condition = array(rng, x.shape, ("bool", "int32", "float32"))
    if op == "_npi_where":
        y = array(rng, x.shape[-1:], (str(x.dtype),))
        return Case(op, {}, {"condition": condition, "x": x, "y": y})
    if op == "_npi_where_scalar2":
        return Case(op, some(rng, x=[2.5, 1], y=[-1.0, 3]), {"condition": condition})
    return Case(op, some(rng, scalar=[2.5, -1.0, 3]), {"condition": condition, "x": x})


def polyval(rng: Rng) -> Case:
    p = array(rng, (int(rng.integers(1, 5)),))
    return Case("_npi_polyval", {}, {"p": p, "x": array(rng, shape(rng), (str(p.dtype),))})


def reduced(rng: Rng, op: str) -> Case:
    dtypes: tuple[str, ...] = (*REAL, "int8")
    if op in ("_np_sum", "_np_any", "_np_all", "_npi_mean"):
        dtypes = (*dtypes, "bool")
    if op in ("_npi_std", "_npi_var"):
        dtypes = FLOATING
    data = array(rng, shape(rng, 0 if rng.random() < 0.1 else 1), dtypes)
    given = some(rng, keepdims=FLAG)
    if data.ndim:
        given |= some(rng, axis=[axes(rng, data.ndim), "None"])
    if op in ("_np_sum", "_np_prod", "_npi_mean") and data.dtype != bool:
        given |= some(rng, dtype=["float32", "float64", "int32"], initial=["None"])
    if op in ("_npi_std", "_npi_var") and rng.random() < 0.4:
        data = data[None].repeat(3, 0)
        given = {"axis": "(0,)", "ddof": "1"}
    return Case(op, given, {"a": data})


def index_of(rng: Rng, op: str) -> Case:
    data = np.round(array(rng, shape(rng), REAL))
    given = some(rng, axis=[axis(rng, data.ndim), "None"], keepdims=FLAG)
    return Case(op, given, {"data": data})


def average(rng: Rng) -> Case:
    a = array(rng, shape(rng), (*FLOATING, "int32", "int64"))
    given = some(rng, returned=FLAG)
    if rng.random() < 0.4:
        given |= {"weighted": "False", **some(rng, axis=[axes(rng, a.ndim, 1), "None"])}
        return Case("_npi_average", given, {"a": a}, outputs=2)
    sizes, place = a.shape, axis(rng, a.ndim)
    if rng.random() < 0.5:
        given |= {"axis": str(place)}
        sizes = (a.shape[place],)
    least = a.dtype.type(0.1 if a.dtype.kind == "f" else 1)
    weights = np.abs(array(rng, sizes, (str(a.dtype),))) + least
    return Case("_npi_average", given, {"a": a, "weights": weights}, outputs=2)


def trace(rng: Rng, op: str) -> Case:
    data = array(rng, shape(rng, 2, 4), REAL)
    one, other = rng.permutation(data.ndim)[:2].tolist()
    return Case(op, {"axis1": str(one), "axis2": str(other)}, {"data": data})


def percentile(rng: Rng) -> Case:
    a = array(rng, shape(rng), (*FLOATING, "int32"))
    kind = ["linear", "lower", "higher", "midpoint", "nearest"]
    given = some(rng, axis=[axes(rng, a.ndim, 1), "None"], keepdims=FLAG, interpolation=kind)
    if rng.random() < 0.5:
        return Case("_npi_percentile", {**given, "q_scalar": "33.3"}, {"a": a})
    q = rng.uniform(0, 100, int(rng.integers(1, 4))).astype("float64")
    return Case("_npi_percentile", given, {"a": a, "q": q})


def bincount(rng: Rng) -> Case:
    data = rng.integers(0, 6, 7).astype(rng.choice(["int32", "int64"]))
    given = some(rng, minlength=[0, 9])
    if rng.random() < 0.5:
        return Case("_npi_bincount", given, {"data": data})
    weights = array(rng, (7,))
    return Case("_npi_bincount", {**given, "has_weights": "True"}, {"data": data, "w": weights})


def cumsum(rng: Rng) -> Case:
    data = array(rng, shape(rng), (*REAL, "bool"))
    return Case("_np_cumsum", some(rng, axis=["None", rng.integers(data.ndim)]), {"a": data})


def constraint_check(rng: Rng) -> Case:
    return Case("_npx_constraint_check", {}, {"input": np.ones(shape(rng), bool)})


def reshape_codes(rng: Rng) -> Case:
    sizes = (2, 3, 1, 4)
    codes = ["(-2, -1)", "(-5, -4)", "(-6, 1, -1, -4)", "(-2, -2, -3, -1)", "(-4,)", "(6, -1)"]
    given = {"newshape": str(rng.choice(codes)), **some(rng, order=["C"])}
    if rng.random() < 0.4:
        given = {"newshape": str(rng.choice(["(-1, -2)", "(-4, -5)", "(-4, 1, 4)"]))}
        given["reverse"] = "True"
    return Case("_npx_reshape", given, {"a": array(rng, sizes, ANY)})


def reshape_to(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    sizes = rng.permutation(np.array(data.shape)).tolist()
    if rng.random() < 0.5:
        sizes[rng.integers(len(sizes))] = -1
    return Case("_np_reshape", {"newshape": str(tuple(sizes))}, {"a": data})


def transposed(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    order = tuple(rng.permutation(data.ndim).tolist())
    return Case("_np_transpose", some(rng, axes=[order]), {"a": data})


def squeezed(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    ones = tuple(each for each, size in enumerate(data.shape) if size == 1)
    return Case("_np_squeeze", some(rng, axis=[ones]) if ones else {}, {"a": data})


def roll(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    if rng.random() < 0.3:
        return Case("_np_roll", {"shift": f"({rng.integers(-7, 8)},)"}, {"data": data})
    chosen = tuple(rng.permutation(data.ndim)[: rng.integers(1, 4)].tolist())
    shift = tuple(rng.integers(-4, 5, len(chosen)).tolist())
    shift = shift if rng.random() < 0.7 else shift[:1]
    return Case("_np_roll", {"shift": str(shift), "axis": str(chosen)}, {"data": data})


def moveaxis(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    count = int(rng.integers(1, data.ndim + 1))
    source, place = (tuple(rng.permutation(data.ndim)[:count].tolist()) for _ in range(2))
    return Case("_np_moveaxis", {"source": str(source), "destination": str(place)}, {"a": data})


def same(rng: Rng, op: str) -> Case:
    return Case(op, {}, {"a": array(rng, shape(rng, 0), ANY)})


def several(rng: Rng, op: str) -> Case:
    """Inputs of one shape that are joined."""
    data = array(rng, shape(rng, 0 if op != "_npi_concatenate" else 1, 4), ANY)
    inputs = {name: array(rng, data.shape, (str(data.dtype),)) for name in "ab"}
    given: dict[str, Any] = {"num_args": "2"}
    if op == "_npi_concatenate":
        given |= some(rng, axis=[axis(rng, data.ndim), "None"])
    if op == "_npi_stack":
        given |= some(rng, axis=[axis(rng, data.ndim + 1)])
    return Case(op, given, inputs, outputs=2 if "atleast" in op else 1)


def split(rng: Rng, op: str) -> Case:
    data = array(rng, shape(rng, 3 if op == "_npi_dsplit" else 1), ANY)
    place = 2 if op == "_npi_dsplit" else min(1, data.ndim - 1)
    size = data.shape[place]
    cuts = np.sort(rng.permutation(np.arange(1, size))[: rng.integers(0, size)]).tolist()
    given = {"indices": str((0, *cuts)), "axis": str(place)}
    count = len(cuts) + 1
    if rng.random() < 0.4:
        given, count = {"indices": "()", "sections": str(size), "axis": str(place)}, size
    return Case(op, given, {"data": data}, outputs=count)


def expanded(rng: Rng) -> Case:
    data = array(rng, shape(rng, 1, 3), ANY)
    sizes = [int(rng.integers(1, 4)) if size == 1 else size for size in data.shape]
    sizes = [-2 if rng.random() < 0.2 else size for size in sizes] if rng.random() < 0.3 else sizes
    return Case("_npi_broadcast_to", {"shape": str((*shape(rng, 0, 2), *sizes))}, {"array": data})


def flip(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    chosen = tuple(rng.permutation(data.ndim)[: rng.integers(0, 4)].tolist())
    return Case("_npi_flip", {"axis": str(chosen)}, {"data": data})


def rot90(rng: Rng) -> Case:
    data = array(rng, shape(rng, 2), ANY)
    plane = tuple(rng.permutation(data.ndim)[:2].tolist())
    return Case("_npi_rot90", {"axes": str(plane), **some(rng, k=[0, 1, 2, 3, -1])}, {"data": data})


def pad(rng: Rng) -> Case:
    data = array(rng, tuple(rng.integers(3, 5, rng.integers(2, 4)).tolist()), FLOATING)
    widths = tuple(tuple(rng.integers(0, 3, 2).tolist()) for _ in data.shape)
    modes = ["constant", "edge", "reflect", "symmetric", "maximum", "minimum"]
    mode = str(rng.choice(modes))
    given = {"pad_width": str(widths), "mode": mode}
    if mode == "constant":
        given |= some(rng, constant_value=[2.5, -1.0])
    return Case("_npi_pad", given, {"data": data})


def tril(rng: Rng) -> Case:
    return Case(
        "_npi_tril", some(rng, k=[-2, -1, 0, 1]), {"data": array(rng, shape(rng), FLOATING)}
    )


def diagonal(rng: Rng, op: str) -> Case:
    most = 2 if op == "_np_diag" else 4
    return Case(op, some(rng, k=[-2, -1, 0, 1]), {"data": array(rng, shape(rng, 1, most), ANY)})


def diff(rng: Rng) -> Case:
    data = array(rng, shape(rng), REAL)
    return Case("_npi_diff", some(rng, n=[1, 2], axis=[axis(rng, data.ndim)]), {"a": data})


def ediff1d(rng: Rng) -> Case:
    data, given = array(rng, shape(rng)), {}
    inputs = {"input1": data}
    for end in ("begin", "end"):
        chance = rng.random()
        if chance < 0.3:
            inputs[end] = array(rng, (3,), (str(data.dtype),))
            given[f"to_{end}_arr_given"] = "True"
        elif chance < 0.6:
            given[f"to_{end}_scalar"] = "1.5"
    return Case("_npi_ediff1d", given, inputs)


def full_like(rng: Rng) -> Case:
    given = {"fill_value": str(rng.choice(["2.5", "3", "0"])), **some(rng, dtype=[*ANY, "bool"])}
    return Case("_npi_full_like", given, {"a": array(rng, shape(rng, 0), ANY)})


def diag_indices_from(rng: Rng) -> Case:
    size, rank = int(rng.integers(1, 5)), int(rng.integers(2, 5))
    return Case("_npi_diag_indices_from", {}, {"data": array(rng, (size,) * rank)})


def nonzero(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    return Case("_npx_nonzero", {}, {"x": data * (rng.random(data.shape) < 0.6).astype(data.dtype)})


def unique(rng: Rng) -> Case:
    data = np.round(array(rng, shape(rng, 1, 3), ANY)) + 0  # without −0
    given = dict.fromkeys(("return_index", "return_inverse", "return_counts"), "True")
    given = {name: value for name, value in given.items() if rng.random() < 0.6}
    return Case("_npi_unique", given, {"data": data}, outputs=1 + len(given))


def numpy_dot(rng: Rng) -> Case:
    common, kind = int(rng.integers(1, 5)), (str(rng.choice(FLOATING)),)
    a = array(rng, (*shape(rng, 0, 2), common), kind)
    b = array(rng, (*shape(rng, 1, 1), common, 3) if rng.random() < 0.6 else (common,), kind)
    if rng.random() < 0.2:
        a = array(rng, (), kind)
    return Case("_np_dot", {}, {"a": a, "b": b})


def matmul(rng: Rng) -> Case:
    kind, (m, n, k) = (str(rng.choice(FLOATING)),), rng.integers(1, 5, 3).tolist()
    batch = shape(rng, 0, 2)
    a, b = array(rng, (*batch, m, k), kind), array(rng, (*batch, k, n), kind)
    if rng.random() < 0.3 and batch:
        b = b[0]
    elif rng.random() < 0.2:
        b = array(rng, (k,), kind)
    return Case("_npi_matmul", {}, {"a": a, "b": b})


def tensordot(rng: Rng, op: str) -> Case:
    a = array(rng, shape(rng, 1, 3))
    count = int(rng.integers(1, a.ndim + 1))
    if op.endswith("int_axes"):
        b = array(rng, (*a.shape[a.ndim - count :], *shape(rng, 0, 2)), (str(a.dtype),))
        return Case(op, {"axes": str(count)}, {"a": a, "b": b})
    chosen = tuple(rng.permutation(a.ndim)[:count].tolist())
    b = array(rng, (*(a.shape[each] for each in chosen), *shape(rng, 0, 2)), (str(a.dtype),))
    given = {"a_axes_summed": str(chosen), "b_axes_summed": str(tuple(range(count)))}
    return Case(op, given, {"a": a, "b": b})


def einsum(rng: Rng) -> Case:
    kind = (str(rng.choice((*FLOATING, "int32", "int64"))),)
    text = str(rng.choice(["ij,jk->ik", "ij,kj->ki", "ij,jk", "ii,jk->jk", "ij,ij->"]))
    a, b = array(rng, (3, 3), kind), array(rng, (3, 3), kind)
    given = {"num_args": "2", "subscripts": text, **some(rng, optimize=[0])}
    return Case("_npi_einsum", given, {"a": a, "b": b})


def named(rng: Rng, op: str, make: Any, outputs: int = 1) -> Case:
    """A generator of linear algebra, under another name."""
    return Case(op, {}, make(rng, op).data, outputs=outputs)


def eigh(rng: Rng, op: str) -> Case:
    data = symmetric(rng, op).data
    return Case(op, some(rng, UPLO=["L", "U"]), data, outputs=2 if op == "_npi_eigh" else 1)


def svd(rng: Rng) -> Case:
    rows, columns = np.sort(rng.integers(1, 5, 2)).tolist()
    return Case("_npi_svd", {}, {"A": array(rng, (*shape(rng, 0, 2), rows, columns))}, outputs=3)


def solve(rng: Rng) -> Case:
    (a,) = square(rng, "").data.values()
    sizes = a.shape[:-1] if rng.random() < 0.3 else (*a.shape[:-1], 3)
    return Case("_npi_solve", {}, {"A": a, "B": array(rng, sizes, (str(a.dtype),))})


def pinv(rng: Rng, op: str) -> Case:
    a = array(rng, (*shape(rng, 0, 2), *rng.integers(1, 5, 2).tolist()))
    if op.endswith("rcond"):
        return Case(op, some(rng, rcond=[1e-15, 1e-10]), {"A": a})
    return Case(op, {}, {"A": a, "rcond": np.array(1e-10, a.dtype)})


def tensor_of(rng: Rng, op: str) -> Case:
    a = array(rng, (6, 6))
    a = a + 8 * np.eye(6, dtype=a.dtype)  # well conditioned
    a = a.reshape((2, 3, 6) if rng.random() < 0.5 else (6, 2, 3))
    if op == "_npi_tensorinv":
        return Case(op, {"ind": "2" if a.shape[0] == 2 else "1"}, {"a": a})
    b = array(rng, a.shape[:2] if a.shape[0] == 2 else a.shape[:1], (str(a.dtype),))
    return Case(op, {}, {"a": a, "b": b})


def constant(rng: Rng, op: str) -> Case:
    case = eye(rng) if op == "_npi_eye" else filled(rng, op.replace("_npi", ""))
    attributes = dict(case.attributes)
    if op == "_npi_eye":
        attributes |= {"M": str(rng.choice(["None", "3"]))}
    if "shape" in attributes and rng.random() < 0.3:
        attributes["shape"] = str(rng.choice(["()", "(0, 3)"]))
    return Case(op, attributes, {})


def span(rng: Rng, op: str) -> Case:
    given = some(rng, dtype=["float32", "float64"])
    if op == "_npi_arange":
        start, stop = rng.integers(-3, 4, 2).tolist()
        given |= {"start": str(start), "stop": str(stop), "step": str(rng.choice([1, 0.5, 2, -1]))}
    elif op in ("_npi_linspace", "_npi_logspace"):
        given |= {"start": "0.5", "stop": str(rng.choice([2, 3.5, -1])), "num": "5"}
        given |= some(rng, endpoint=FLAG)
        given |= some(rng, base=[2.0, 3.5]) if op == "_npi_logspace" else {}
    else:
        given |= {"M": str(rng.choice([0, 1, 3, 4, 5, 8]))}  # of 2, all are 0 but for rounding
    return Case(op, given, {})


def identity(rng: Rng) -> Case:
    size = int(rng.integers(1, 5))
    return Case("_npi_identity", {"shape": str((size, size)), **some(rng, dtype=ANY)}, {})


def indices(rng: Rng) -> Case:
    sizes = str(shape(rng, 1, 3))
    return Case("_npi_indices", {"dimensions": sizes, **some(rng, dtype=ANY)}, {})


def eig(rng: Rng, op: str) -> Case:
    """Matrices with real eigenvalues, no two of which are near each other."""
    n, leading = int(rng.integers(1, 6)), shape(rng, 0, 2)
    values = rng.permuted(np.broadcast_to(np.arange(n) * 2.0 - 3, (*leading, n)), axis=-1)
    if rng.random() < 0.3:  # integers, with the eigenvalues on the diagonal
        data = np.triu(rng.integers(-5, 6, (*leading, n, n)), 1) + values[..., None] * np.eye(n)
        data = np.asarray(data, rng.choice(["int8", "int32", "int64", "float64"]))
    else:
        turn = np.linalg.qr(rng.normal(0, 1, (*leading, n, n)))[0] + 0.1 * np.eye(n)
        data = turn @ (values[..., None] * np.linalg.inv(turn))
        data = np.asarray(data, rng.choice(FLOATING))
    return Case(op, {}, {"A": data}, outputs=2 if op == "_npi_eig" else 1)


def norm(rng: Rng) -> Case:
    """Of vectors, matrices or all values; singular values are of no more rows than columns."""
    data = array(rng, shape(rng, 0 if rng.random() < 0.1 else 1))
    data = np.asarray(data * (rng.random(data.shape) < 0.8).astype(data.dtype))
    given, way = some(rng, keepdims=FLAG), rng.random()
    if way < 0.2:
        return Case("_npi_norm", {**given, "flag": "-2"}, {"data": data})
    orders = ["2", "-2", "1", "-1", "0", "3", "-3", "0.5", "2.5"]
    if data.ndim < 2 or way < 0.5:
        if data.ndim > 1 or rng.random() < 0.5:
            given["axis"] = f"({axis(rng, data.ndim)},)" if data.ndim else "None"
        return Case("_npi_norm", {**given, **some(rng, ord=orders, flag=[-1])}, {"data": data})
    if rng.random() < 0.7:
        one, other = rng.permutation(data.ndim)[:2].tolist()
        given["axis"] = str((one, other - data.ndim * int(rng.random() < 0.3)))
    kinds = [{"flag": "0"}, {"flag": "0", "ord": "-2"}, {"flag": "1"}, {"flag": "2"}]
    kinds += [{"ord": each} for each in (*orders, "inf", "-inf")]
    return Case("_npi_norm", {**given, **kinds[rng.integers(len(kinds))]}, {"data": data})


ELEMENTWISE = {
    **{f"_npi_{key}": partial(unary, op=f"_npi_{key}", name=name) for key, name in UNARY.items()},
    **{op: partial(of_floating, op=op) for op in ("_npx_relu", "_npx_sigmoid")},
    **{f"_npi_{name}": partial(truth, op=f"_npi_{name}") for name in TESTS},
    "_npi_bitwise_not": bitwise_not,
    **{f"_npi_{key}": partial(binary, op=f"_npi_{key}", name=key) for key in BINARY},
    **{f"_npi_{key}_scalar": partial(scalar, op=f"_npi_{key}_scalar", name=key) for key in SCALARS},
    **{
        f"_npi_r{key}_scalar": partial(scalar, op=f"_npi_r{key}_scalar", name=key)
        for key in REVERSED
    },
    "_npi_around": around,
    "_npi_nan_to_num": nan_to_num,
    **{
        op: partial(where, op=op)
        for op in ("_npi_where", "_npi_where_lscalar", "_npi_where_rscalar", "_npi_where_scalar2")
    },
    "_npi_polyval": polyval,
}
REDUCTIONS = {
    **{
        op: partial(reduced, op=op)
        for op in (
            *("_np_sum", "_np_prod", "_np_max", "_np_min", "_np_any", "_np_all"),
            *("_npi_mean", "_npi_std", "_npi_var"),
        )
    },
    **{op: partial(index_of, op=op) for op in ("_npi_argmax", "_npi_argmin")},
    "_npi_average": average,
    **{op: partial(trace, op=op) for op in ("_np_trace", "_np_diagonal")},
    "_npi_percentile": percentile,
    "_npi_bincount": bincount,
    "_np_cumsum": cumsum,
    "_npx_constraint_check": constraint_check,
}
SHAPES = {
    "_npx_reshape": reshape_codes,
    "_np_reshape": reshape_to,
    "_np_transpose": transposed,
    "_np_squeeze": squeezed,
    "_np_roll": roll,
    "_np_moveaxis": moveaxis,
    "_np_copy": partial(same, op="_np_copy"),
    **{
        op: partial(several, op=op)
        for op in (
            *("_npi_concatenate", "_npi_stack", "_npi_vstack", "_npi_hstack", "_npi_dstack"),
            *("_npi_column_stack", "_np_atleast_1d", "_np_atleast_2d", "_np_atleast_3d"),
        )
    },
    **{op: partial(split, op=op) for op in ("_npi_hsplit", "_npi_dsplit")},
    "_npi_broadcast_to": expanded,
    "_npi_flip": flip,
    "_npi_rot90": rot90,
    "_npi_pad": pad,
    "_npi_tril": tril,
    **{op: partial(diagonal, op=op) for op in ("_np_diag", "_np_diagflat")},
    "_npi_diff": diff,
    "_npi_ediff1d": ediff1d,
    "_npi_full_like": full_like,
    "_npi_diag_indices_from": diag_indices_from,
    "_npx_nonzero": nonzero,
    "_npi_unique": unique,
}
MATRICES = {
    "_np_dot": numpy_dot,
    "_npi_matmul": matmul,
    **{op: partial(tensordot, op=op) for op in ("_npi_tensordot", "_npi_tensordot_int_axes")},
    "_npi_einsum": einsum,
    "_npi_cholesky": partial(named, op="_npi_cholesky", make=definite),
    "_npi_det": partial(named, op="_npi_det", make=square),
    "_npi_slogdet": partial(named, op="_npi_slogdet", make=square, outputs=2),
    **{op: partial(eigh, op=op) for op in ("_npi_eigh", "_npi_eigvalsh")},
    **{op: partial(eig, op=op) for op in ("_npi_eig", "_npi_eigvals")},
    "_npi_norm": norm,
    "_npi_svd": svd,
    "_npi_solve": solve,
    **{op: partial(pinv, op=op) for op in ("_npi_pinv", "_npi_pinv_scalar_rcond")},
    **{op: partial(tensor_of, op=op) for op in ("_npi_tensorinv", "_npi_tensorsolve")},
}
CONSTANTS = {
    **{op: partial(constant, op=op) for op in ("_npi_zeros", "_npi_ones", "_npi_full", "_npi_eye")},
    **{
        op: partial(span, op=op)
        for op in (
            *("_npi_arange", "_npi_linspace", "_npi_logspace"),
            *("_npi_hanning", "_npi_hamming", "_npi_blackman"),
        )
    },
    "_npi_identity": identity,
    "_npi_indices": indices,
}
GENERATORS = {**ELEMENTWISE, **REDUCTIONS, **SHAPES, **MATRICES, **CONSTANTS}
