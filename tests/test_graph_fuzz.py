"""Nodes with attributes, inputs and arrays that cannot be: refused by the project's own error."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import numpy as np
import pytest

from gluon2torch.errors import ConversionError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.operators import OPERATORS
from gluon2torch.graph.symbols.symbol import parse_symbol

from .fuzz.wrong_attributes import ANYWHERE, SECONDS, VALUES
from .test_graph_operators import CASES

COUNT = 4000


def mutated(rng: random.Random) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A case of the operators' tests with up to three things wrong in it."""
    case = rng.choice(CASES).case
    table, arrays = json.loads(case.symbol()), dict(case.arrays)
    node = table["nodes"][-1]
    attributes = dict(node["attrs"])
    for _ in range(rng.randint(1, 3)):
        kind = rng.random()
        if kind < 0.6 and attributes:
            attributes[rng.choice(list(attributes))] = rng.choice(VALUES)
        elif kind < 0.7 and attributes:
            attributes.pop(rng.choice(list(attributes)))
        elif kind < 0.8:
            attributes[rng.choice(ANYWHERE)] = rng.choice(VALUES)
        elif kind < 0.85:
            node["op"] = rng.choice(list(OPERATORS))
        elif kind < 0.95 and arrays:
            name = rng.choice(list(arrays))
            flat = arrays[name].reshape(-1)[: rng.randint(0, 5)]
            arrays[name] = rng.choice([flat, arrays[name][None], arrays[name].astype(np.int32)])
        else:
            node["inputs"] = [[0, 0, 0]] * rng.randint(0, 4)
    node["attrs"] = attributes
    return table, arrays


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_mutated_nodes_are_imported_or_refused(seed: int) -> None:
    rng = random.Random(seed)
    refused = 0
    for _ in range(COUNT * (5 if seed else 1)):
        table, arrays = mutated(rng)
        start = time.process_time()
        try:
            build_module(parse_symbol(json.dumps(table).encode(), "net"), arrays)
        except ConversionError:
            refused += 1
        assert time.process_time() - start < SECONDS, table["nodes"][-1]
    assert refused > COUNT / 2
