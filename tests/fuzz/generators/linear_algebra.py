"""Factorisations and products of batches of matrices."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..operator_case import Case
from ..random_arrays import FLAG, Rng, array, shape, some


def batch(rng: Rng) -> tuple[int, ...]:
    """The shape of the axes before those of matrices."""
    return shape(rng, 0, 3)


def size(rng: Rng) -> int:
    """The number of rows or columns."""
    return int(rng.integers(1, 6))


def square(rng: Rng, op: str) -> Case:
    """A well-conditioned square matrix."""
    n = size(rng)
    data = array(rng, (*batch(rng), n, n))
    return Case(op, {}, {"A": data + 8 * np.eye(n, dtype=data.dtype)})


def definite(rng: Rng, op: str) -> Case:
    """A positive definite matrix; for `potri`, a triangular factor."""
    (data,) = square(rng, op).data.values()
    product = data @ data.swapaxes(-1, -2)
    return Case(op, {}, {"A": np.linalg.cholesky(product) if op.endswith("potri") else product})


def symmetric(rng: Rng, op: str) -> Case:
    (data,) = square(rng, op).data.values()
    return Case(op, {}, {"A": data + data.swapaxes(-1, -2)}, outputs=2)


def wide(rng: Rng, op: str) -> Case:
    """A matrix with no more rows than columns."""
    rows, columns = sorted((size(rng), size(rng)))
    return Case(op, {}, {"A": array(rng, (*batch(rng), rows, columns))}, outputs=2)


def gemm(rng: Rng, op: str) -> Case:
    given = some(rng, transpose_a=FLAG, transpose_b=FLAG, alpha=[0.5, -2.0], axis=[-2])
    turned, turned_too = (given.get(f"transpose_{each}", "0") in ("True", "1") for each in "ab")
    leading, m, n, k = batch(rng), size(rng), size(rng), size(rng)
    a = array(rng, (*leading, k, m) if turned else (*leading, m, k))
    kind = (str(a.dtype),)
    data = {"A": a, "B": array(rng, (*leading, n, k) if turned_too else (*leading, k, n), kind)}
    if op.endswith("gemm"):
        data["C"] = array(rng, (*leading, m, n), kind)
        given |= some(rng, beta=[0.3, 2.0])
    if leading and rng.random() < 0.4:
        place = int(rng.integers(0, len(leading) + 1))
        data = {name: np.moveaxis(each, -2, place).copy() for name, each in data.items()}
        given["axis"] = str(place - int(rng.random() < 0.5) * a.ndim)
    return Case(op, given, data)


def triangular(rng: Rng, op: str) -> Case:
    given = some(rng, transpose=FLAG, rightside=FLAG, lower=FLAG, alpha=[0.5, -2.0])
    (a,) = square(rng, op).data.values()
    n, m = a.shape[-1], size(rng)
    right = given.get("rightside", "0") in ("True", "1")
    b = array(rng, (*a.shape[:-2], m, n) if right else (*a.shape[:-2], n, m), (str(a.dtype),))
    return Case(op, given, {"A": a, "B": b})


def syrk(rng: Rng, op: str) -> Case:
    given = some(rng, transpose=FLAG, alpha=[0.5, -2.0])
    return Case(op, given, {"A": array(rng, (*batch(rng), size(rng), size(rng)))})


def diagonal(rng: Rng, op: str) -> Case:
    given = some(rng, offset=[-2, -1, 0, 1, 2], lower=FLAG)
    if not op.endswith("trian"):
        given.pop("lower", None)
    n = int(rng.integers(3, 6))
    sizes = (*batch(rng), n, n)
    if "make" in op:
        side = int(rng.integers(1, 5))
        sizes = (*batch(rng), side * (side + 1) // 2 if op.endswith("trian") else side)
    return Case(op, given, {"A": array(rng, sizes)})


def sumlogdiag(rng: Rng, op: str) -> Case:
    (data,) = square(rng, op).data.values()
    return Case(op, {}, {"A": np.abs(data)})


KINDS = {
    "gemm": gemm,
    "gemm2": gemm,
    "potrf": definite,
    "potri": definite,
    "trsm": triangular,
    "trmm": triangular,
    "syrk": syrk,
    "gelqf": wide,
    "syevd": symmetric,
    "sumlogdiag": sumlogdiag,
    **dict.fromkeys(("extractdiag", "makediag", "extracttrian", "maketrian"), diagonal),
    "inverse": square,
    "det": square,
}
GENERATORS = {
    **{f"_linalg_{name}": partial(make, op=f"_linalg_{name}") for name, make in KINDS.items()},
    "_linalg_slogdet": lambda rng: Case(
        "_linalg_slogdet", {}, square(rng, "_linalg_slogdet").data, outputs=2
    ),
}
