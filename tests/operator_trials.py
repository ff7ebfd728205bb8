"""Nodes with several inputs, in each data type against MXNet, and mutations that must differ."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
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
from gluon2torch.sources.mxnet_compat import import_mxnet

from .fuzz.operator_case import Arrays, Case, difference, imported
from .test_graph_fuzz import ANYWHERE, SECONDS, VALUES

MUTATIONS = 1000


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
        reference = ExportedReference(folder / "it-symbol.json", others)
        reference.cast(dtype)
        expected = list(reference({first: data[first]}).values())
        assert not difference(imported(case), expected, case)
        try:
            wrong = imported(trial.mutated(case))
        except (GraphError, RuntimeError, IndexError):
            continue  # it does not even fit
        assert len(wrong) != len(expected) or difference(wrong, expected, case)


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
    mx = import_mxnet()
    graph, arrays = mx.sym.load_json(case.symbol()), {**case.data, **case.arrays}
    inputs = [mx.nd.array(arrays[k], dtype=arrays[k].dtype) for k in graph.list_inputs()]
    found = mx.nd.CachedOp(graph)(*inputs)
    return [each.asnumpy() for each in (found if isinstance(found, list | tuple) else [found])]
