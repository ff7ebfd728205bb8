"""Large constants in outputs do not hide what is wrong beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gluon2torch.graph.inputs.input_spec import InputSpec
from gluon2torch.parity.head_measurement import measure_heads
from gluon2torch.parity.mask_values import Masks, find_masks
from gluon2torch.sources.arrays import Arrays

SPECS = {"data": InputSpec((2, 4, 6))}
LIMITS = {"float64": 1e-12, "float32": 1e-5}


class Masked(nn.Module):
    """Scores of which the last step is masked, (N, tags, steps)."""

    def __init__(self, factor: float = 1.0, mask: float = -1e18) -> None:
        super().__init__()
        self.factor, self.mask = factor, mask

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        scores = data * self.factor
        return torch.cat([scores[:, :, :-1], torch.full_like(scores[:, :, -1:], self.mask)], 2)


class Reference:
    name = "it"

    def cast(self, dtype: str) -> None:
        self.dtype = dtype

    def __call__(self, inputs: Arrays) -> Arrays:
        return {"head0": Masked()(torch.from_numpy(inputs["data"])).numpy()}


def test_equal_networks_pass() -> None:
    parity = measure_heads(Masked(), Reference(), [SPECS], LIMITS)
    assert parity.passed
    assert parity.constant_heads == ()


@pytest.mark.parametrize(
    ("factor", "mask"), [(-3.0, -1e18), (1 + 1e-9, -1e18), (1.0, -1e17), (1.0, 1e18), (1.0, 0.0)]
)
def test_what_differs_beside_or_in_the_mask_fails(factor: float, mask: float) -> None:
    assert not measure_heads(Masked(factor, mask), Reference(), [SPECS], LIMITS).passed


def test_only_far_constants_are_masks() -> None:
    one, other = np.array([[0.5, -1e9, 3.0, 7.0]]), np.array([[0.25, -1e9, 3.0, 7.0]])
    assert find_masks(one, other) == Masks((-1e9,), 1.0)
    assert find_masks(one, other).replaced(one.astype(np.float32)).tolist() == [[0.5, -1, 3, 7]]
    assert find_masks(one, one) == find_masks(one[:, :1], other[:, :1]) == Masks()
    many = np.concatenate([one[0], 1e9 + np.arange(9)])
    assert find_masks(many, np.concatenate([other[0], 1e9 + np.arange(9)])) == Masks()
    assert find_masks(np.array([1, 2]), np.array([1, 3])) == Masks()
