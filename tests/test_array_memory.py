"""Parts of one block of memory for the arrays of networks, taken and given back in turn."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from gluon2torch.sources.array_memory import ArrayMemory
from gluon2torch.sources.arrays import Array
from gluon2torch.sources.random_arrays import draw_arrays

SIZE = 100


@pytest.mark.parametrize("seed", range(50))
def test_parts_do_not_overlap_and_free_places_are_used(seed: int) -> None:
    rng = np.random.default_rng(seed)
    memory, taken = ArrayMemory(SIZE), deque[tuple[int, Array]]()
    refused = 0
    for mark in range(200):
        count = int(rng.integers(1, SIZE // 2))
        part = memory.take(count)
        if part is None:
            refused += 1
            assert sum(values.size for _, values in taken) + count > SIZE / 2
            number, values = taken.popleft()
            assert np.all(values == number)  # nothing else was written there
            memory.give_back()
            continue
        assert part.size == count
        part[:] = mark
        taken.append((mark, part))
    assert 0 < refused < 200


def test_the_whole_memory_can_be_taken_when_all_was_given_back() -> None:
    memory = ArrayMemory(SIZE)
    assert memory.take(60) is not None
    assert memory.take(60) is None
    assert memory.take(40) is not None
    assert memory.take(1) is None  # it is full
    memory.give_back()
    memory.give_back()
    whole = memory.take(SIZE)
    assert whole is not None
    assert whole.size == SIZE


def test_random_arrays_in_given_memory_are_those_in_new_memory() -> None:
    shapes = {"a.weight": (50, 30, 3, 3), "a.gamma": (7,), "b.bias": (), "b.weight": (300, 700)}
    memory = np.full(250_000, 5, np.float32)
    for uniform in (False, True):
        expected = draw_arrays(shapes, "a.gamma", 1, uniform=uniform)
        found = draw_arrays(shapes, "a.gamma", 1, uniform=uniform, memory=memory)
        for name, array in expected.items():
            assert np.array_equal(found[name], array)
            assert found[name].shape == array.shape == shapes[name]
            assert np.shares_memory(found[name], memory)
    assert np.all(memory[224_000:] == 5)
