"""A network and its reference run at the same time, each on half of the cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
import torch

from gluon2torch.parity.cores import run_both
from gluon2torch.sources.mxnet_compat import _default_threads


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_both_run_at_the_same_time_on_half_of_the_cores_each() -> None:
    torch.set_num_threads(4)
    barrier = threading.Barrier(2)

    def run() -> tuple[bool, int]:
        barrier.wait(timeout=10)  # fails unless the other function runs, too
        return threading.current_thread() is threading.main_thread(), torch.get_num_threads()

    assert run_both(run, run) == ((False, 2), (True, 2))
    assert torch.get_num_threads() == 4


def test_one_after_the_other_with_one_thread() -> None:
    torch.set_num_threads(1)
    order: list[str] = []
    run_both(lambda: order.append("first"), lambda: order.append("second"))
    assert order == ["first", "second"]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_of_either_is_raised_and_the_threads_are_given_back(failing: int) -> None:
    torch.set_num_threads(2)

    def fail() -> None:
        raise ValueError("cannot run")

    functions = [fail if number == failing else str for number in range(2)]
    with pytest.raises(ValueError, match="cannot run"):
        run_both(functions[0], functions[1])
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("3", 3), ("8,4", 8), ("", os.cpu_count()), ("many", os.cpu_count()), ("0", os.cpu_count())],
)
def test_the_number_of_threads_that_the_environment_gives(
    variable: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert _default_threads() == expected
