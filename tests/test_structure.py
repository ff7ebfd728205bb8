"""The folders: few files at the top, no two of one name, and imports in one direction."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from .package_copy import copy_package

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("converter", "models", "mappings")


def modules() -> list[Path]:
    return [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]


def test_few_files_stand_at_the_top() -> None:
    files = [path for path in (ROOT / "converter").iterdir() if path.is_file()]
    assert len(files) <= 8, files


def test_no_folder_has_too_many_files() -> None:
    counts = Counter(path.parent.relative_to(ROOT) for path in modules())
    assert {folder: count for folder, count in counts.items() if count > 32} == {}


def test_no_two_files_have_one_name() -> None:
    names = Counter(path.name for path in modules() if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_every_folder_says_what_it_contains() -> None:
    for path in modules():
        if path.name == "__init__.py":
            assert path.read_text().startswith('"""'), path


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package as it is installed."""
    return copy_package(tmp_path_factory.mktemp("package") / "gluon2torch")


def lint(package: Path) -> tuple[int, str]:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [command, ROOT / "pyproject.toml", "--no-cache"],
        cwd=package.parent,
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, " ".join(done.stdout.split())


@pytest.mark.linters
def test_imports_run_one_way(package: Path) -> None:
    status, shown = lint(package)
    assert status == 0, shown
    assert "0 broken" in shown


@pytest.mark.linters
@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        (
            "mappings/catalog.py",
            "from ..weights import soundness",
            "gluon2torch.mappings is not allowed to import gluon2torch.weights",
        ),
        (
            "release/target.py",
            "from .upload import plan_upload",
            "are allowed in gluon2torch.release. It could be made acyclic",
        ),
        (
            "sources/cursor.py",
            "import torch",
            "gluon2torch.sources.params is not allowed to import torch",
        ),
        (
            "mappings/schema.py",
            "import numpy",
            "gluon2torch.mappings is not allowed to import numpy",
        ),
    ],
)
def test_a_planted_import_breaks_a_contract(
    module: str, line: str, broken: str, package: Path
) -> None:
    path = package / module
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    try:
        status, shown = lint(package)
    finally:
        path.write_text(before)
    assert status == 1
    assert broken in shown
    assert "1 broken" in shown or "2 broken" in shown
