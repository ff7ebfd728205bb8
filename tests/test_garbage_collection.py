"""Whole programs collect garbage rarely, since they import much and end soon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# prints the number of objects that collections visited, and of those that the last ones will
WATCH = """
import atexit, gc, runpy, sys
visits = 0
def count(phase, info):
    global visits
    if phase == "start":
        visits += sum(len(gc.get_objects(each)) for each in range(info["generation"] + 1))
gc.callbacks.append(count)
atexit.register(lambda: print(visits, len(gc.get_objects())))
"""
CONVERT = ["--init", "random", "--reference", "none", "-q", "cifar_resnet20_v1"]
PROGRAMS = {
    "convert.py": f"runpy.run_path({str(ROOT / 'convert.py')!r}, run_name='__main__')",
    "gluon2torch": "sys.argv.insert(1, 'convert'); from gluon2torch.cli import main; main()",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_objects_of_imports_are_seldom_visited(program: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WATCH + PROGRAMS[program], *CONVERT]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=True
    )
    visits, left = map(int, done.stdout.split()[-2:])
    assert visits < 400_000
    assert left < 10_000
