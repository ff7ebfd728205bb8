"""Attention, normalisations with parameters, and softmax of a start, held against MXNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.operators import attention, normalization
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet

from .fuzz.generators.attention import GENERATORS
from .fuzz.operator_case import Case, imported
from .operator_trials import Trial, check

pytestmark = pytest.mark.mxnet
RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def named(prefix: str, *shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {f"{prefix}{number}": normal(*shape) for number, shape in enumerate(shapes)}


def interleaved(part: str, *shapes: tuple[int, ...]) -> Case:
    return Case(f"_contrib_interleaved_matmul_{part}", {"heads": "3"}, named("data", *shapes))


def norm(op: str, size: int, outputs: int = 1, **attributes: str) -> Case:
    arrays = {"gamma": normal(size), "beta": normal(size)}
    if "BatchNorm" in op:
        arrays |= {"mean": normal(size), "var": 0.5 + normal(size) ** 2}
    if outputs > 1:
        attributes["output_mean_var"] = "True"
    return Case(op, attributes, {"data": normal(2, 6, 5, 3)}, arrays, outputs)


def softmax(op: str, **attributes: str) -> Case:
    data = {"data": normal(2, 5, 3)}
    if "use_length" in attributes:
        data["length"] = np.array([[5, 1, 0], [2, 3, 4]], np.int32)
    return Case(op, attributes, data)


WIDE, NARROW = (4, 2, 3 * 3 * 2), (5, 2, 3 * 2 * 2)
CASES = [
    Trial(interleaved("selfatt_qk", WIDE), {"heads": "2"}),
    Trial(interleaved("selfatt_valatt", WIDE, (6, 4, 4)), {"heads": "6"}, refused=True),
    Trial(interleaved("encdec_qk", (4, 2, 3 * 2), NARROW), {"heads": "2"}),
    Trial(interleaved("encdec_valatt", NARROW, (6, 4, 5)), {"heads": "6"}, refused=True),
    Trial(Case("_contrib_div_sqrt_dim", {}, {"data": normal(4, 5)}), "_copy"),
    Trial(Case("_contrib_arange_like", {}, {"data": normal(4, 5)}), {"start": "1"}),
    Trial(
        Case("_contrib_arange_like", {"step": "0.3", "start": "-1"}, {"data": normal(4, 5)}),
        {"step": "0.5"},
    ),
    Trial(Case("_contrib_arange_like", {"axis": "1"}, {"data": normal(4, 5)}), {"axis": "0"}),
    Trial(
        Case("_contrib_arange_like", {"axis": "-1", "repeat": "2"}, {"data": normal(4, 5)}),
        {"repeat": "3"},
    ),
    Trial(softmax("softmax", temperature="0.7", axis="1"), {"temperature": "0.8"}),
    Trial(softmax("softmax", use_length="True", axis="1"), {"temperature": "2"}),
    Trial(softmax("softmax", dtype="float32"), {"dtype": "float16"}),
    Trial(softmax("log_softmax", temperature="3"), {"temperature": "2"}),
    Trial(norm("LayerNorm", 6, axis="1"), {"eps": "0.1"}),
    Trial(norm("LayerNorm", 5, axis="-2", eps="0.3"), {"eps": "0.2"}),
    Trial(norm("LayerNorm", 3, outputs=3), {"eps": "0.1"}),
    Trial(norm("GroupNorm", 3, num_groups="3"), {"eps": "0.1"}),
    Trial(norm("GroupNorm", 3, outputs=3, num_groups="3", eps="0.1"), {"eps": "0.2"}),
    Trial(norm("GroupNorm", 1), {"eps": "0.1"}),
    Trial(norm("BatchNorm", 3, axis="-1", fix_gamma="False"), {"fix_gamma": "True"}),
    Trial(norm("BatchNorm", 5, axis="2"), {"eps": "1"}),
    Trial(norm("BatchNorm", 2, axis="0", fix_gamma="False"), {"eps": "1"}),
    Trial(norm("BatchNorm", 6, outputs=3, fix_gamma="False"), {"eps": "0.1"}),
    Trial(norm("BatchNorm", 3, outputs=3, axis="3"), {"fix_gamma": "False"}),
    Trial(norm("BatchNorm_v1", 6), {"eps": "0.1"}),
    Trial(norm("InstanceNorm", 6), {"eps": "0.1"}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operator_is_mxnets_and_its_mutation_is_not(case: Trial, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_every_operator_has_a_case() -> None:
    tested = {case.case.op for case in CASES}
    assert tested - {"softmax", "log_softmax"} == {
        *attention.OPERATORS,
        *normalization.OPERATORS,
    } - {
        "CuDNNBatchNorm",  # of MXNet 0.x's builds with cuDNN, equal to BatchNorm
        "_contrib_SyncBatchNorm",  # in test_graph_operators.py
        "_contrib_BatchNormWithReLU",  # in test_graph_columns.py
    }
    assert tested == set(GENERATORS)


def test_cudnns_batch_norm_is_batch_norm() -> None:
    case = norm("BatchNorm", 6, fix_gamma="False")
    (one,) = imported(case)
    (other,) = imported(Case("CuDNNBatchNorm", case.attributes, case.data, case.arrays))
    assert np.array_equal(one, other)


def test_a_norm_with_statistics_uses_the_batchs_in_training() -> None:
    mx = import_mxnet()
    case = norm("BatchNorm", 5, outputs=3, axis="2", fix_gamma="False")
    module = build_module(parse_symbol(case.symbol().encode(), "it"), case.arrays, dtype="float64")
    arrays = [
        mx.nd.array(each, dtype="float64") for each in (*case.data.values(), *case.arrays.values())
    ]
    with mx.autograd.train_mode():
        expected = mx.nd.CachedOp(mx.sym.load_json(case.symbol()))(*arrays)
    actual = module.train()(torch.from_numpy(case.data["data"]))
    for one, other in zip(actual, expected, strict=True):
        assert np.abs(one.detach().numpy() - other.asnumpy()).max() < 1e-12


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        (norm("LayerNorm", 6, axis="99"), "axis='99' is not supported"),
        (norm("GroupNorm", 6, num_groups="2"), "weight has shape \\(6,\\), expected \\(2,\\)"),
        (softmax("softmax", temperature="0"), "temperature='0' is not supported"),
        (softmax("softmax", dtype="int32"), "dtype='int32' is not supported"),
        (softmax("log_softmax", use_length="True"), "use_length='True' is not supported"),
        (interleaved("selfatt_qk", WIDE, WIDE), "has 2 inputs; expected 1"),
    ],
)
def test_what_cannot_be(case: Case, problem: str) -> None:
    with pytest.raises(GraphError, match=problem):
        imported(case)
