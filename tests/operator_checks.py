"""Checks of one operator: that it is MXNet's, and that a mutation of it is not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gluon2torch.errors import GraphError
from gluon2torch.graph.precision import limits
from gluon2torch.graph.symbol import parse_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet

from .fuzz.generators import Generator
from .fuzz.operator_case import Case, Oracle, Rejected, difference, imported, outcome

OWN_ERRORS = (GraphError, RuntimeError, IndexError, ValueError)


@dataclass(frozen=True)
class Mutable:
    """A case, and what must compute something else: other attributes, or another operator."""

    case: Case
    wrong: dict[str, str] | str

    def __str__(self) -> str:
        values = [f"{key}={value}" for key, value in self.case.attributes.items()]
        return " ".join([self.case.op, *values])

    def mutated(self, case: Case) -> Case:
        if isinstance(self.wrong, str):
            return replace(case, op=self.wrong)
        return replace(case, attributes={**case.attributes, **self.wrong})


def computed(case: Case) -> list[np.ndarray]:
    """MXNet's outputs of a case.

    Raises:
        Rejected: MXNet raises an error.
    """
    mx = import_mxnet()
    graph = mx.sym.load_json(case.symbol())
    arrays = {**case.data, **case.arrays}
    try:
        inputs = [mx.nd.array(arrays[k], dtype=arrays[k].dtype) for k in graph.list_inputs()]
        found = mx.nd.CachedOp(graph)(*inputs)
        return [each.asnumpy() for each in (found if isinstance(found, list | tuple) else [found])]
    except mx.MXNetError as error:
        raise Rejected(str(error)) from error


def cast(case: Case, dtype: str) -> Case:
    """The case with its floating point arrays in another type, and `dtype` with them."""
    attributes = {k: dtype if k == "dtype" else v for k, v in case.attributes.items()}
    data, arrays = (
        {k: a.astype(dtype) if a.dtype.kind == "f" else a for k, a in each.items()}
        for each in (case.data, case.arrays)
    )
    return replace(case, attributes=attributes, data=data, arrays=arrays)


def check(mutable: Mutable) -> None:
    """Assert that an operator is MXNet's in each data type it has, and that its mutation is not."""
    graph = parse_symbol(mutable.case.symbol().encode(), "it")
    for dtype in limits(graph):
        case = cast(mutable.case, dtype)
        expected = computed(case)
        assert not difference(imported(case), expected, case)
        try:
            wrong = imported(mutable.mutated(case))
        except OWN_ERRORS:
            continue  # it does not even fit
        assert len(wrong) != len(expected) or difference(wrong, expected, case)


def check_random(make: Generator, oracle: Oracle, count: int) -> None:
    """Assert that random cases of an operator are MXNet's, and that MXNet accepts some."""
    rng = np.random.default_rng(count)
    found = [outcome(case, oracle) for case in (make(rng) for _ in range(count))]
    assert {each.kind for each in found} - {"rejected"} == {"equal"}, found
