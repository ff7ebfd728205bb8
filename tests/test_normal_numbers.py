"""Random numbers drawn on two threads are those that one thread draws."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest

from gluon2torch.sources import normal_numbers
from gluon2torch.sources.normal_numbers import LEAST, draw_normal


@pytest.fixture
def second() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def require_equal(seed: int, count: int, before: int, second: Executor) -> None:
    """Draw numbers, the tested ones and some more of each generator."""
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    for rng in (one, other):
        rng.random(before, np.float32)  # after an odd number, half a step of the stream is left
    expected, found = one.standard_normal(count, np.float32), np.empty(count, np.float32)
    draw_normal(other, found, second)
    assert np.array_equal(found.view(np.uint32), expected.view(np.uint32))
    assert np.array_equal(other.standard_normal(99), one.standard_normal(99))
    assert np.array_equal(other.random(9, np.float32), one.random(9, np.float32))


@pytest.mark.parametrize("seed", range(40))
def test_the_numbers_and_the_state_are_those_of_one_thread(seed: int, second: Executor) -> None:
    count = LEAST + int(np.random.default_rng(seed).integers(4 * LEAST))
    require_equal(seed, count, before=seed % 3, second=second)


@pytest.mark.parametrize("count", [0, 1, LEAST - 1, LEAST])
def test_any_number_can_be_drawn(count: int, second: Executor) -> None:
    require_equal(0, count, before=1, second=second)


@pytest.mark.parametrize("rate", [0.5, 1.0, 1.1, 1.5])
def test_generators_that_do_not_meet_still_give_the_numbers(
    rate: float, second: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normal_numbers, "RATE", rate)
    require_equal(1, 2 * LEAST, before=0, second=second)


def test_the_generators_meet(second: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one thread draws all; the rate of the stream's numbers is a property of NumPy."""
    met = []
    find = normal_numbers._find
    monkeypatch.setattr(normal_numbers, "_find", lambda *each: met.append(find(*each)) or met[-1])
    for seed in range(20):
        draw_normal(np.random.default_rng(seed), np.empty(5 * LEAST, np.float32), second)
    assert None not in met
