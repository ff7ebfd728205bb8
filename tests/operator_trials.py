"""Nodes with several inputs, in each data type against MXNet, and mutations that must differ."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.symbols.precision import limits
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.parity.exported_reference import ExportedReference

from .fuzz.operator_case import Arrays, Case, imported
from .fuzz.wrong_attributes import ANYWHERE, SECONDS, VALUES
from .mxnet_run import run_by_mxnet

MUTATIONS = 1000


@dataclass(frozen=True)
class Trial:
    """A case, and the mutation of it that the comparison with MXNet must notice.

    Attributes:
        case: The case; its arrays are cast to each data type.
        wrong: Attributes, or another operator, with which the result must be another.
        refused: Whether the mutation has no result at all: it is refused, or torch cannot run it.
    """

    case: Case
    wrong: dict[str, str] | str
    refused: bool = False

    def __str__(self) -> str:
        return str(self.case)

    def mutated(self, case: Case) -> Case:
        if isinstance(self.wrong, str):
            return replace(case, op=self.wrong)
        return replace(case, attributes={**case.attributes, **self.wrong})


# operators of which a case has positive numbers only
POSITIVE = frozenset({"log", "sqrt", "rsqrt", "reciprocal"})


def case_of(
    op: str,
    attributes: dict[str, str],
    arrays: dict[str, tuple[int, ...]],
    data: tuple[int, ...] = (2, 6, 9, 8),
    outputs: int = 1,
) -> Case:
    """A case with random numbers of these shapes: one input, `data`, and arrays."""
    rng = np.random.default_rng(zlib.crc32(repr((op, attributes)).encode()))
    values = {}
    for name, shape in {"data": data, **arrays}.items():
        positive = op in POSITIVE or name in ("gamma", "moving_var")
        array = 0.5 + rng.random(shape) if positive else rng.standard_normal(shape)
        values[name] = array.astype(np.float32)
    return Case(op, attributes, {"data": values.pop("data")}, values, outputs)


def cast(arrays: Arrays, dtype: str) -> Arrays:
    return {k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in arrays.items()}


def check(trial: Trial, folder: Path) -> None:
    """Require that a case is MXNet's in each data type of the proof, and its mutation is not.

    The limits are those of the proof; a mutation must differ by more than five times the limit.
    """
    symbol = folder / "it-symbol.json"
    symbol.write_text(trial.case.symbol())
    for dtype, limit in limits(read_symbol(symbol)).items():
        data, arrays = cast(trial.case.data, dtype), cast(trial.case.arrays, dtype)
        case = replace(trial.case, data=data, arrays=arrays)
        reference = ExportedReference(symbol, arrays)
        reference.cast(dtype)
        expected = list(reference(data).values())
        actual = imported(case)
        assert [each.dtype for each in actual] == [each.dtype for each in expected]
        assert largest_difference(actual, expected) <= limit
        if trial.refused:
            with pytest.raises((GraphError, RuntimeError, IndexError)):
                imported(trial.mutated(case))
        else:
            assert largest_difference(imported(trial.mutated(case)), expected) > 5 * limit


def largest_difference(actual: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """The largest difference over each output's largest value; infinite if shapes differ.

    Values that are not finite must be the same.
    """
    if [each.shape for each in actual] != [each.shape for each in expected]:
        return np.inf
    found = [0.0]
    for one, other in zip(actual, expected, strict=True):
        finite = np.isfinite(other)
        if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
            return np.inf
        values = other[finite].astype(np.float64)
        error = np.abs(one[finite] - values).max(initial=0)
        found.append(float(error / (np.abs(values).max(initial=0) or 1.0)))
    return max(found)


def check_refusals(trials: Sequence[Trial]) -> None:
    """Require that nodes with wrong attributes or inputs are imported, or refused by an error."""
    rng, refused = random.Random(0), 0
    for _ in range(MUTATIONS):
        case = rng.choice(trials).case
        attributes, arrays = dict(case.attributes), dict(case.arrays)
        for _ in range(rng.randint(1, 3)):
            name = rng.choice([*attributes, *ANYWHERE])
            attributes[name] = rng.choice(VALUES)
            if rng.random() < 0.3:
                del attributes[name]
        if arrays and rng.random() < 0.3:
            name = rng.choice(list(arrays))
            flat = arrays[name].reshape(-1)[: rng.randint(0, 5)]
            arrays[name] = rng.choice([flat, arrays[name][None], arrays[name].astype(np.int32)])
        data = dict(list(case.data.items())[: rng.choice([0, 1, 9])])
        start = time.process_time()
        try:
            module_of(replace(case, attributes=attributes, arrays=arrays, data=data))
        except GraphError:
            refused += 1
        assert time.process_time() - start < SECONDS, (case.op, attributes)
    assert refused > MUTATIONS / 4


def module_of(case: Case) -> nn.Module:
    graph = parse_symbol(case.symbol().encode(), "it")
    return build_module(graph, case.arrays, dtype=case.dtype)


def tensors(case: Case) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(each.copy()) for each in case.data.values())


def check_export(case: Case, other: Case) -> None:
    """Require that torch.export's program of one case computes another of the same shapes."""
    module = module_of(case)
    program = torch.export.export(module, tensors(case)).module()
    for each in (case, other):
        one, same = module(*tensors(each)), program(*tensors(each))
        pairs = zip(one, same, strict=True) if isinstance(one, tuple) else [(one, same)]
        assert all(torch.equal(*pair) for pair in pairs)


def computed(case: Case) -> list[np.ndarray]:
    """MXNet's outputs of a case."""
    return run_by_mxnet(case.symbol(), {**case.data, **case.arrays})
