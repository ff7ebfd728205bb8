"""Detections are compared in any order where their scores are equal, and in theirs elsewhere."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from gluon2torch.graph.inputs.input_spec import InputSpec
from gluon2torch.parity.detection_rows import in_order_of
from gluon2torch.parity.head_measurement import measure_heads
from gluon2torch.parity.result import Parity

SCORES = np.array([0.9, 0.5, 0.5, 0.5, 0.1])[None]
IDS = np.array([1.0, 2, 2, 3, 4])[None]
BOXES = np.arange(20.0).reshape(1, 5, 4)


def outputs(order: list[int], scores: np.ndarray = SCORES) -> dict[str, np.ndarray]:
    """Detections in another order; the scores stay where they are."""
    return {"head0": IDS[:, order], "head1": scores, "head2": BOXES[:, order]}


def test_rows_of_equal_scores_are_sorted_alike() -> None:
    expected = outputs([0, 1, 2, 3, 4])
    found = in_order_of(expected, outputs([0, 3, 1, 2, 4]))
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_rows_of_other_scores_stay_in_their_order() -> None:
    swapped = outputs([4, 1, 2, 3, 0])
    found = in_order_of(outputs([0, 1, 2, 3, 4]), swapped)
    assert all(np.array_equal(found[name], swapped[name]) for name in swapped)


def test_no_row_is_used_twice() -> None:
    """A detection that one side has twice and the other once is a difference."""
    expected = outputs([0, 1, 2, 3, 4])
    found = in_order_of(expected, outputs([0, 1, 1, 3, 4]))
    assert np.array_equal(found["head2"][0, 2], BOXES[0, 1])


def test_a_box_that_differs_remains_different() -> None:
    expected, actual = outputs([0, 1, 2, 3, 4]), outputs([0, 3, 2, 1, 4])
    actual["head2"] = actual["head2"] + np.array([0, 1e-3, 0, 0, 0])[None, :, None]
    found = in_order_of(expected, actual)
    difference = np.abs(found["head2"] - expected["head2"]).max(axis=(0, 2))
    assert np.allclose(difference, [0, 0, 0, 1e-3, 0])


def test_outputs_that_are_no_detections_are_unchanged() -> None:
    maps = {f"head{n}": np.ones((1, 19, 8 * n, 8)) for n in (1, 2, 3)}
    assert in_order_of(maps, maps) is maps
    pair = {"head0": IDS, "head1": SCORES}
    assert in_order_of(pair, pair) is pair


class Sequences(nn.Module):
    """Values, a mask and pairs for each step, in the order of time or against it."""

    def __init__(self, *, backwards: bool) -> None:
        super().__init__()
        self.backwards = backwards

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values = data.flip(1) if self.backwards else data
        return values, torch.ones_like(values[..., 0]), values[..., :2] * 2


class Reference:
    """A module as the reference of another."""

    name = "gluon"

    def __init__(self, module: nn.Module) -> None:
        self.module, self.dtype = module, torch.float32

    def cast(self, dtype: str) -> None:
        self.dtype = getattr(torch, dtype)

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        (data,) = inputs.values()
        heads = self.module(torch.from_numpy(data).to(self.dtype))
        return {f"head{n}": head.numpy() for n, head in enumerate(heads)}


def parity(module: nn.Module, expected: nn.Module, **options: bool) -> Parity:
    specs = [{"data": InputSpec((2, 5, 3))}]
    limits = {"float64": 1e-12}
    return measure_heads(module, Reference(expected), specs, limits, **options)


def test_another_order_is_a_difference_where_nothing_is_sorted() -> None:
    forwards, backwards = Sequences(backwards=False), Sequences(backwards=True)
    assert parity(forwards, forwards).passed
    assert not parity(backwards, forwards).passed
    assert not parity(backwards, forwards, any_order=False).passed
    assert parity(backwards, forwards, any_order=True).passed


class Constant(nn.Module):
    def forward(self, data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rows = torch.arange(5, dtype=data.dtype).repeat(2, 1)
        return rows, torch.ones_like(rows), rows[..., None] * 3


class Turned(nn.Module):
    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        return tuple(head.flip(1) for head in Constant()(data))


def test_constant_detections_are_refused_whatever_their_order() -> None:
    found = parity(Constant(), Turned(), any_order=True)
    assert found.constant_from == "head0"
    assert not found.passed
