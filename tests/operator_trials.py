"""Nodes with several inputs, in each data type against MXNet, and mutations that must differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.precision import limits
from gluon2torch.graph.symbol import parse_symbol
from gluon2torch.parity.exported_reference import ExportedReference

from .fuzz.operator_case import Arrays, Case, Oracle, difference, imported, outcome

RANDOM_CASES = 25  # of each operator


@dataclass(frozen=True)
class Trial:
    """A case, and the attributes or the operator that must give something else."""

    case: Case
    wrong: dict[str, str] | str

    def __str__(self) -> str:
        return str(self.case)

    def mutated(self, case: Case) -> Case:
        if isinstance(self.wrong, str):
            return replace(case, op=self.wrong)
        return replace(case, attributes={**case.attributes, **self.wrong})


def cast(arrays: Arrays, dtype: str) -> Arrays:
    return {k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in arrays.items()}


def check(trial: Trial, folder: Path) -> None:
    """Require that a case is MXNet's in each data type of MXNet's, and its mutation is not."""
    (folder / "it-symbol.json").write_text(trial.case.symbol())
    graph = parse_symbol(trial.case.symbol().encode(), "it")
    first, *_ = trial.case.data
    for dtype in limits(graph):
        data, arrays = cast(trial.case.data, dtype), cast(trial.case.arrays, dtype)
        case = replace(trial.case, data=data, arrays=arrays)
        others = {k: v for k, v in {**data, **arrays}.items() if k != first}
        reference = ExportedReference(folder / "it-symbol.json", others, data=first)
        reference.cast(dtype)
        expected = list(reference(data[first]).values())
        assert not difference(imported(case), expected, case)
        try:
            wrong = imported(trial.mutated(case))
        except (GraphError, RuntimeError, IndexError):
            continue  # it does not even fit
        assert len(wrong) != len(expected) or difference(wrong, expected, case)


def check_random(op: str, generate: Callable[[np.random.Generator], Case], oracle: Oracle) -> None:
    """Require that random cases of an operator are MXNet's; few may be those that it rejects."""
    rng = np.random.default_rng(20)
    found = []
    for _ in range(RANDOM_CASES):
        case = generate(rng)
        found.append(outcome(case, oracle))
        assert found[-1].kind in ("equal", "rejected"), (str(case), found[-1])
    assert sum(each.kind == "equal" for each in found) > RANDOM_CASES / 2, op


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


@contextmanager
def started_oracle() -> Iterator[Oracle]:
    with Oracle() as oracle:
        yield oracle
