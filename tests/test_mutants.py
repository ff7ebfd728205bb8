"""Changes of constants and of single conditions, each of which a named fast test must notice.

tests/mutation.py makes small changes of all functions; it leaves out what stands outside functions,
and properties. Each mutant here is made in a copy of the package.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .package_copy import copy_package

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 300  # seconds; a mutant takes 5 on a machine with nothing else to do


@dataclass(frozen=True)
class Mutant:
    """A change of one place in converter/, and the tests that must fail with it."""

    name: str
    file: str
    old: str
    new: str
    test: str

    def __str__(self) -> str:
        return self.name


MEASUREMENT, COMPARISON = "parity/measurement.py", "parity/output_comparison.py"
MUTANTS = [
    Mutant(
        "the limit in float64",
        *(MEASUREMENT, '"float64": 1e-12', '"float64": 1e-9'),
        "test_measurement.py::test_the_limits",
    ),
    Mutant(
        "the limit in float32",
        *(MEASUREMENT, '"float32": 1e-5', '"float32": 1e-3'),
        "test_measurement.py::test_the_limits",
    ),
    Mutant(
        "stages are not compared",
        *(COMPARISON, "and all(stage.holds(limits[first]) for stage in differing)", ""),
        "test_measurement.py::test_a_stage_that_differs_is_enough",
    ),
    Mutant(
        "logits are not compared",
        *(COMPARISON, "and all(check.passed for check in checks)", ""),
        "test_measurement.py::test_logits_of_every_input_and_dtype_count",
    ),
    Mutant(
        "constant outputs pass",
        *(COMPARISON, "passed=constant_from is None\n        and ", "passed="),
        "test_measurement.py::test_outputs_that_are_constant_prove_nothing",
    ),
    Mutant(
        "outputs of different shapes are compared",
        *("parity/output_bounds.py", "if actual.shape != expected.shape:", "if False:"),
        "test_measurement.py::test_outputs_of_different_shapes_never_pass",
    ),
    Mutant(
        "the rounding that is allowed",
        *("parity/output_bounds.py", "ROUNDING = 256", "ROUNDING = 256**2"),
        "test_measurement.py::test_a_channel_may_round_256_times",
    ),
    Mutant(
        "a check passes by one of its two figures",
        *(
            "parity/result.py",
            "self.limit and self.max_own <= 1",
            "self.limit or self.max_own <= 1",
        ),
        "test_measurement.py::test_a_check_has_two_figures",
    ),
    Mutant(
        "a check of training always passes",
        *("parity/result.py", "return self.max_rel <= self.limit  #", "return True  #"),
        "test_measurement.py::test_what_does_not_train_alike_never_passes",
    ),
    Mutant(
        "the last bytes are not compared",
        *("checkpoints/read_back.py", "(written[whole:], expected", "(expected[whole:], expected"),
        "test_checkpoint.py::test_every_byte_is_compared[16-7]",
    ),
    Mutant(
        "diff takes -0.0 for 0.0",
        *(
            "checkpoints/comparison.py",
            "one.tobytes() == other.tobytes()",
            "bool((one == other).all())",
        ),
        "test_commands.py::test_diff_tells_minus_zero_from_zero",
    ),
]


def result(package: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests with a copy of the package."""
    arguments = ["-q", "-x", "-n0", "-p", "no:cacheprovider", f"tests/{tests}"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(package.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return copy_package(tmp_path / "gluon2torch")


# those of the limits, of what is compared and of rounding; `make proof` runs all
QUICK = ("the limit in float64", "logits are not compared", "the rounding that is allowed")


@pytest.mark.costly
@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(each, id=each.name, marks=() if each.name in QUICK else pytest.mark.slow)
        for each in MUTANTS
    ],
)
def test_a_mutant_is_noticed(mutant: Mutant, package: Path) -> None:
    path = package / mutant.file
    text = path.read_text()
    assert text.count(mutant.old) == 1, "the code has changed: change the mutant with it"
    path.write_text(text.replace(mutant.old, mutant.new))
    done = result(package, mutant.test)
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout


@pytest.mark.costly
def test_a_copy_of_the_package_passes(package: Path) -> None:
    """So the mutants' tests fail by the mutants alone."""
    done = result(package, "test_measurement.py")
    assert done.returncode == 0, done.stdout
    where = "import gluon2torch; print(gluon2torch.__file__)"
    shown = subprocess.run(
        [sys.executable, "-c", where],
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(shown.stdout.strip()) == package / "__init__.py"
