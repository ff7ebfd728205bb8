"""A copy of the package, for tests that change it."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def copy_package(target: Path) -> Path:
    """Copy the three folders that the package is made of, as they are installed.

    Args:
        target: The folder to make, which must be called `gluon2torch`.

    Returns:
        The same folder.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "converter", target, ignore=ignored)
    for name in ("models", "mappings"):
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    return target
