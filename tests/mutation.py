"""Mutation tests of the folders that decide whether a conversion is right, with mutmut.

python -m tests.mutation [FOLDER …] [--sample 120] [--seed 0] [--jobs 1]

The package is copied to build/mutation/FOLDER in the layout that mutmut expects, and only the copy
is changed. mutmut makes every small change of the folder's functions that it knows. A random sample
of these mutants is tested, each in a fork of a process that has imported everything; a mutant that
no test of the folder's files notices has survived. Constants and tables outside functions, and
properties, are not mutated: tests/test_mutants.py has mutants of these.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .package_copy import copy_package

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = "timm or torchvision or mmpretrain or onnxruntime or huggingface_hub or linters"
# tests that take under a second and need no MXNet; for some folders the oracle is MXNet itself
QUICK = f"not (slow or costly or mxnet or {CLIENTS})"
WITH_MXNET = f"not (slow or costly or {CLIENTS})"
# these run while their module is imported, which is before a mutant is chosen
AT_IMPORT = re.compile(r"\.x__(binary|scalar|reversed|unary|reduction|plain)__mutmut_[0-9]+$")
# texts of errors are not mutated, only whether they are raised
CONFIGURATION = """\
[mutmut]
source_paths = src
only_mutate = src/gluon2torch/{folder}/*.py
do_not_mutate_patterns = ^\\s*raise\\b
pytest_add_cli_args =
    -n0
    -p
    no:cacheprovider
pytest_add_cli_args_test_selection =
    {selection}
use_git_change_detection = False
"""


@dataclass(frozen=True)
class Target:
    """A folder of the package, and the tests that are to notice its mutants."""

    folder: str
    tests: tuple[str, ...]
    marks: str = QUICK
    names: str = ""  # pytest's -k


# names in tests of networks that take seconds
LARGE = "senet or resnext or wideresnet or resnet18 or resnet50 or resnest14"
TARGETS = {
    "mapping": Target(
        "mapping",
        (
            *("keymap", "dialects", "detection", "backbones", "layouts", "tables", "opening"),
            "commands",
        ),
        names="not nearest_and and not unknown and not nan_is_json",
    ),
    "parity": Target(
        "parity",
        (
            *("measurement", "caught", "planted", "graph_reference", "saved_reference"),
            *("training_parity", "report", "graph_operators", "cores", "detection_rows"),
            *("exported_reference", "proof"),
        ),
        WITH_MXNET,
        f"not ({LARGE})",
    ),
    "operators": Target(
        "graph/operators", ("graph_operators", "graph_refusals", "graph_import"), WITH_MXNET
    ),
    "checkpoints": Target(
        "checkpoints",
        ("checkpoint", "opening", "formats", "verify", "model_card", "commands", "planted"),
    ),
}


@dataclass(frozen=True)
class Score:
    """How many mutants there are, and what became of those that were tested."""

    total: int
    killed: int
    survivors: tuple[str, ...]


def prepare(target: Target, folder: Path) -> None:
    """Copy the package and the tests to a folder, and write mutmut's configuration there."""
    shutil.rmtree(folder, ignore_errors=True)
    copy_package(folder / "src" / "gluon2torch")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    selection = [f"tests/test_{name}.py" for name in target.tests]
    selection += ["-m", target.marks, *(["-k", target.names] if target.names else [])]
    text = CONFIGURATION.format(folder=target.folder, selection="\n    ".join(selection))
    (folder / "setup.cfg").write_text(text)


def mutants(target: Target, folder: Path) -> list[str]:
    """The names of all mutants of a folder, in a fixed order."""
    from mutmut.configuration import reset_config
    from mutmut.mutation.file_mutation import mutate_file_contents

    os.chdir(folder)
    reset_config()  # it is read from the folder
    names: list[str] = []
    for path in sorted(Path("src/gluon2torch", target.folder).glob("*.py")):
        module = ".".join(path.with_suffix("").parts[1:])
        mutated = mutate_file_contents(str(path), path.read_text())
        names += [f"{module}.{name}" for name in mutated.mutant_names]
    return names


def run(target: Target, folder: Path, sample: int, seed: int, jobs: int) -> Score:
    """Test a sample of a folder's mutants."""
    prepare(target, folder)
    names = mutants(target, folder)
    drawn = random.Random(seed).sample(names, min(sample, len(names)))
    chosen = sorted(name for name in drawn if not AT_IMPORT.search(name))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    subprocess.run(
        [_mutmut(), "run", "--max-children", str(jobs), *chosen],
        cwd=folder,
        env=environment,
        check=True,
        stdout=sys.stderr,
    )
    listed = subprocess.run(
        [_mutmut(), "results", "--all", "true"],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    results = dict(re.findall(r"^ +(\S+): (.+)$", listed.stdout, re.MULTILINE))
    survivors = tuple(name for name in chosen if results[name] in ("survived", "no tests"))
    return Score(len(names), len(chosen) - len(survivors), survivors)


def _mutmut() -> str:
    return str(Path(sys.executable).with_name("mutmut"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print each folder's score and its survivors."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    known = f"{', '.join(TARGETS)}; default all"
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help=known)
    parser.add_argument("--sample", type=int, default=120, help="mutants of each folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args(arguments)
    if unknown := set(options.folders) - set(TARGETS):
        parser.error(f"no folder is named {', '.join(sorted(unknown))}")
    for name in options.folders or TARGETS:
        folder = ROOT / "build" / "mutation" / name
        score = run(TARGETS[name], folder, options.sample, options.seed, options.jobs)
        for survivor in score.survivors:
            print(f"survived: {survivor}")
        tested = score.killed + len(score.survivors)
        print(
            f"{name}: {score.total} mutants, {tested} tested, {score.killed} killed "
            f"({score.killed / tested:.0%}); `mutmut show NAME` in {folder.relative_to(ROOT)} "
            "shows a survivor"
        )


if __name__ == "__main__":
    main()
