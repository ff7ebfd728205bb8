"""Patches as columns, and BatchNorm with ReLU, against MXNet, and mutations that must differ."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError

from .fuzz.operator_case import Case, Oracle, imported
from .operator_trials import module_of
from .test_graph_mathematics import compare, copy_and_export, oracle

__all__ = ["oracle"]  # a fixture
pytestmark = [pytest.mark.mxnet, pytest.mark.posix, pytest.mark.costly]
MUTATIONS: dict[str, str | dict[str, str]] = {
    "im2col": {"pad": "(1, 2)"},
    "col2im": {"stride": "(3, 1)"},
    "_contrib_BatchNormWithReLU": "_contrib_SyncBatchNorm",
}


@pytest.mark.parametrize("op", MUTATIONS)
def test_an_operator_is_mxnets_and_its_mutation_is_not(op: str, oracle: Oracle) -> None:
    compare(op, MUTATIONS[op], oracle)


@pytest.mark.parametrize("op", MUTATIONS)
def test_a_module_is_copied_pickled_and_exported(op: str) -> None:
    copy_and_export(op)


@pytest.mark.parametrize(
    ("op", "attributes", "message"),
    [
        ("im2col", {"kernel": "(3,)"}, "kernel='(3,)' is not supported"),
        ("im2col", {"kernel": "(3, 3, 3)"}, "kernel='(3, 3, 3)' is not supported"),
        ("im2col", {"kernel": "(0, 3)"}, "kernel='(0, 3)' is not supported"),
        ("im2col", {"kernel": "(3, 3)", "stride": "(0, 1)"}, "stride='(0, 1)' is not supported"),
        ("im2col", {"kernel": "(3, 3)", "layout": "NHWC"}, "layout='NHWC' is not supported"),
        ("im2col", {}, "kernel is missing"),
        ("col2im", {"kernel": "(3, 3)"}, "output_size is missing"),
        ("col2im", {"kernel": "(3, 3)", "output_size": "7"}, "output_size='7' is not supported"),
    ],
)
def test_attributes_that_are_refused(op: str, attributes: dict[str, str], message: str) -> None:
    with pytest.raises(GraphError) as error:
        imported(Case(op, attributes, {"data": np.zeros((1, 9, 25))}))
    assert message in str(error.value)


def test_batch_norm_with_relu_trains() -> None:
    rng = np.random.default_rng(0)
    arrays = {name: rng.random(3).astype("float32") + 1 for name in ("gamma", "beta", "mean")}
    arrays["var"] = arrays["mean"] + 1
    data = rng.normal(0, 1, (8, 3, 4, 4)).astype("float32")
    case = Case("_contrib_BatchNormWithReLU", {"fix_gamma": "False"}, {"data": data}, arrays)
    module = module_of(case).train()
    result = module(torch.from_numpy(data))
    actual = result.detach().numpy()
    assert actual.min() == 0
    # mean 0 and variance 1 of the batch, times gamma, plus beta
    axes = (0, 2, 3)
    normal = (data - data.mean(axes, keepdims=True)) / np.sqrt(data.var(axes, keepdims=True) + 1e-3)
    gamma, beta = (arrays[name][:, None, None] for name in ("gamma", "beta"))
    np.testing.assert_allclose(
        result.detach().numpy(), np.maximum(normal * gamma + beta, 0), atol=1e-5
    )
    result.sum().backward()
    assert all(each.grad is not None for each in module.parameters())
