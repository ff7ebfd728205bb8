"""Random cases of each operator are equal to MXNet, or refused; another seed each day."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .fuzz.generators import load_generators
from .fuzz.operator_case import Oracle
from .fuzz.operator_fuzz import BAD, fuzz, today

pytestmark = [pytest.mark.mxnet, pytest.mark.posix]
COUNT = 25
HALF_COUNT, HALF_SEED = 4, 0  # in float16, where values near a step can fall on its other side
# MXNet's resizing of images in float16 does not end, and its thresholds of matches vanish
NOT_IN_HALF = frozenset({"_image_resize", "_contrib_bipartite_matching"})


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as started:
        yield started


@pytest.mark.costly
@pytest.mark.parametrize("op", load_generators())
def test_an_operator_is_equal_or_refused(op: str, oracle: Oracle) -> None:
    seed = today()
    counts, lines = fuzz(op, COUNT, seed, oracle)
    print(f"seed {seed}:", dict(counts))
    assert not any(counts[kind] for kind in BAD), f"seed {seed}:\n" + "\n".join(lines)
    assert counts["equal"] > 0, f"seed {seed}: nothing was compared: {dict(counts)}"


@pytest.mark.costly
@pytest.mark.parametrize("op", sorted(load_generators().keys() - NOT_IN_HALF))
def test_an_operator_in_float16_is_equal_within_four_units(op: str, oracle: Oracle) -> None:
    counts, lines = fuzz(op, HALF_COUNT, HALF_SEED, oracle, half=True)
    assert not any(counts[kind] for kind in BAD), "\n".join(lines)
