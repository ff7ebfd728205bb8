"""Which options of `predict` and `validate` belong to which task of a `.pt2`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .shared_options import given

if TYPE_CHECKING:
    from ..checkpoints.program import Program

TASKS = {
    "out": ("detection", "segmentation", "pose", "depth", "tracking"),
    "threshold": ("detection", "pose"),
    "topk": ("classification", "action"),
    "preset": ("classification",),
    "segments": ("action",),
    "metric": ("detection",),
    "detector": ("pose",),
    "scales": ("segmentation",),
    "box": ("tracking",),
}


def listed(tasks: Sequence[str]) -> str:
    """Tasks as a part of a sentence: `detection, pose and depth`."""
    *others, last = tasks
    return f"{', '.join(others)} and {last}" if others else last


def check_options(program: Program, detector: Path | None) -> None:
    """Refuse options that would have no effect on a program's network.

    A network that GluonCV's list does not have classifies.

    Raises:
        click.UsageError: An option is for another task.
    """
    from ..mappings.zoo import load_zoo

    entry = load_zoo().get(program.record.model or "")
    if entry is None:
        for name, tasks in TASKS.items():
            if given(name) and "classification" not in tasks:
                raise click.UsageError(
                    f"--{name} is for {listed(tasks)}, with a network of GluonCV's list."
                )
        return
    for name, tasks in TASKS.items():
        if given(name) and entry.task not in tasks:
            raise click.UsageError(
                f"--{name} is for {listed(tasks)}; {entry.name} is for {entry.task}."
            )
    if entry.task == "tracking" and not given("box"):
        raise click.UsageError(f"{entry.name} needs --box, of the object in the first frame.")
    if entry.task == "pose" and given("threshold") and detector is None:
        raise click.UsageError("--threshold is for the people that a --detector finds.")
