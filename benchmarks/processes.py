"""Time, processor time and peak memory of whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Usage:
    """What a process used: wall and processor seconds, and the peak of its memory in bytes."""

    wall: float
    cpu: float
    peak: int

    def __str__(self) -> str:
        return f"{self.wall:6.2f} s, {self.cpu:6.2f} s of processor, {self.peak / 1e6:5.0f} MB"


def measure(*command: str, status: int = 0) -> Usage:
    """Run a command and measure it.

    A process counts the memory of the one that started it: this one should be small.

    Args:
        status: The exit status that is expected.
    """
    start = time.perf_counter()
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=quiet, stderr=None if not status else quiet
    )
    _, ended, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(ended) != status:
        raise SystemExit(f"{' '.join(command)} ended with {ended}")
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def least(rounds: int, commands: dict[str, tuple[str, ...]], status: int = 0) -> dict[str, Usage]:
    """Measure commands in turns: the least of each, as other work on the machine only adds."""
    found: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(measure(*command, status=status))
    return {
        name: Usage(
            min(each.wall for each in usages),
            min(each.cpu for each in usages),
            min(each.peak for each in usages),
        )
        for name, usages in found.items()
    }


def python(module: str, call: str) -> tuple[str, ...]:
    """The command that calls a function of one of the benchmarks."""
    code = f"import sys; sys.path[:0] = ['benchmarks', '.']; import {module}; {module}.{call}"
    return sys.executable, "-c", code


def busy() -> str:
    """How busy the machine is, which the ratios of one run should be read with."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return f"{os.cpu_count()} cores, load {load:.1f} (processes that wanted to run, last minute)"
