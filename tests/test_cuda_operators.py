"""Random cases of each operator on a GPU, against the CPU."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from gluon2torch.errors import GraphError

from .fuzz.generators import load_generators
from .fuzz.operator_case import difference, imported
from .on_device import find_test_device, tf32

pytestmark = [pytest.mark.cuda, pytest.mark.posix]
COUNT, SEED = 6, 0


@pytest.mark.parametrize("op", load_generators())
def test_an_operator_is_equal(op: str) -> None:
    device = find_test_device()
    assert device is not None
    generate = load_generators()[op]
    rng = np.random.default_rng((SEED, zlib.crc32(op.encode())))
    compared = 0
    for _ in range(COUNT):
        case = generate(rng)
        try:
            expected = imported(case)
        except (GraphError, RuntimeError, ValueError, IndexError):
            continue  # an input without a result, such as a matrix that has no inverse
        with tf32(False):
            actual = imported(case, device)
        assert not (problem := difference(actual, expected, case)), f"{case}: {problem}"
        compared += 1
    assert compared > 0
