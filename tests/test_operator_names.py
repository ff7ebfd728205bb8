"""Every operator that is imported is compared with MXNet by each of its names; their counts."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gluon2torch.graph.operators import OPERATORS
from gluon2torch.graph.operators.unsupported import reason_of
from gluon2torch.graph.symbols.aliases import ALIASES, FIRST_NAMES
from gluon2torch.sources.mxnet_compat import import_mxnet

from . import (
    test_graph_attention,
    test_graph_detection,
    test_graph_layouts,
    test_graph_operators,
    test_graph_regions,
    test_graph_sequence,
    test_graph_vision,
)
from .fuzz.generators import load_generators
from .fuzz.operator_case import Case, Oracle, outcome
from .fuzz.operator_fuzz import BAD
from .test_graph_control_flow import INNER_GRAPHS, LOOPS, all_nodes, loop_with_condition
from .test_graph_quantization import MAKERS
from .test_graph_vision import ON_GPUS

pytestmark = [pytest.mark.mxnet, pytest.mark.posix]
ROOT = Path(__file__).resolve().parents[1]
# operators of other versions of MXNet, or of its plug-ins
NOT_OF_1_9_1 = {"CuDNNBatchNorm", "WarpCTC"}
TRIES = 40
TRIALS = [
    *(each for module in (test_graph_operators, test_graph_attention) for each in module.CASES),
    *(each for module in (test_graph_sequence, test_graph_layouts) for each in module.CASES),
    *(each for module in (test_graph_detection, test_graph_regions) for each in module.TRIALS),
    *test_graph_vision.TRIALS,
]
FIXED = {trial.case.op: trial.case for trial in TRIALS}
WITH_CASES = {*load_generators(), *FIXED}


def other_names() -> dict[str, str]:
    """Names of operators that no case has -> a name of the same operator that cases have."""
    found = {}
    for first in OPERATORS:
        names = [first, *ALIASES.get(first, "").split()]
        tested = next((name for name in names if name in WITH_CASES), None)
        if tested is not None:
            found |= {name: tested for name in names if name not in WITH_CASES}
    return found


OTHER_NAMES = other_names()


def case_of(op: str, rng: np.random.Generator) -> Case:
    """A random case of an operator, or its fixed one."""
    generate = load_generators().get(op)
    return generate(rng) if generate is not None else FIXED[op]


@pytest.mark.costly
def test_an_operator_is_mxnets_by_its_other_names() -> None:
    wrong = []
    with Oracle() as oracle:
        for name, tested in OTHER_NAMES.items():
            rng, kinds = np.random.default_rng(zlib.crc32(name.encode())), Counter[str]()
            while not kinds["equal"] and kinds.total() < TRIES:
                case = replace(case_of(tested, rng), op=name)
                found = outcome(case, oracle)
                kinds[found.kind] += 1
                if found.kind in BAD:
                    wrong.append(f"{case}: {found.detail}")
            assert kinds["equal"], (name, kinds)
    assert not wrong


def control_flow() -> set[str]:
    """The operators of the loops and branches that are compared with MXNet."""
    networks = [make() for make in (*LOOPS.values(), loop_with_condition)]
    return {node["op"] for each in networks for node in all_nodes(each.table())}


def test_every_operator_is_compared_with_mxnet() -> None:
    compared = {*load_generators(), *FIXED, *OTHER_NAMES, *MAKERS, *INNER_GRAPHS, *control_flow()}
    names = {*OPERATORS, *(name for name, first in FIRST_NAMES.items() if first in OPERATORS)}
    assert names - compared == NOT_OF_1_9_1 | ON_GPUS


def number(pattern: str, text: str) -> int:
    """The number in a sentence; 0 if the sentence is not there."""
    found = re.search(pattern, text)
    return int(found[1].replace(",", "")) if found else 0


def test_the_documentation_has_the_counts_of_operators() -> None:
    names = set(import_mxnet().operator.get_all_registered_operators())
    imported = {name for name in names if FIRST_NAMES.get(name, name) in OPERATORS}
    refused = {name for name in names - imported if reason_of(name)}
    missing = names - imported - refused
    of_random_cases = {*load_generators(), *MAKERS}
    random = {
        *of_random_cases,
        *(n for n, other in OTHER_NAMES.items() if other in of_random_cases),
    }
    counts = [len(names), len(imported), len(refused), len(missing), len(random & imported)]

    text = " ".join((ROOT / "docs" / "graphs.md").read_text().split())
    assert counts == [
        number(r"([\d,]+) operator names of MXNet 1\.9\.1", text),
        number(r"([\d,]+) are imported", text),
        number(r"([\d,]+) are refused", text),
        number(r"([\d,]+) are not written", text),
        number(r"([\d,]+) of them on random", text),
    ]
    listed = re.search(r"are not written: ([^.]*)\.", text)
    assert set(re.findall("`([^`]+)`", listed[1] if listed else "")) == missing
    on_gpus = re.search(r"MXNet has ([^.]*) on GPUs only", text)
    assert on_gpus is not None
    assert set(re.findall("`([^`]+)`", on_gpus[1])) == ON_GPUS

    text = " ".join((ROOT / "CHANGELOG.md").read_text().split())
    assert counts[:3] == [
        number(r"MXNet 1\.9\.1's ([\d,]+) operator names", text),
        number(r"([\d,]+) of MXNet 1\.9\.1's", text),
        number(r"([\d,]+) others are refused", text),
    ]
