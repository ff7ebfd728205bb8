"""Pages of GluonCV's networks outside the catalogue: one for each task."""

from __future__ import annotations

import math

import msgspec

from gluon2torch.graph.symbols.precision import EXACT
from gluon2torch.graph.zoo.zoo_graph import ZooGraph, load_zoo_graph
from gluon2torch.mappings.preprocessing import TaskPreprocessing
from gluon2torch.mappings.zoo import ZooEntry, load_zoo

from .catalogue_pages import FOLDER
from .cost_columns import HEADINGS, amount, cost_cells
from .markdown_text import code, sentence, table

TASKS = {
    "classification": "Classification",
    "detection": "Detection",
    "segmentation": "Segmentation",
    "pose": "Poses",
    "action": "Action recognition",
    "depth": "Depth",
    "tracking": "Tracking",
}
METRICS = {
    "top1": "Top-1",
    "top5": "Top-5",
    "pixAcc": "Pixel accuracy",
    "abs_rel": "Relative error",
    "delta1": "δ < 1.25",
}
_STATISTICS = ("running_mean", "running_var", "moving_mean", "moving_var")


def task_page(task: str) -> str:
    """The path of a task's page."""
    return f"{FOLDER}{task}.md"


def zoo_pages() -> dict[str, str]:
    """The text of each page, by its path in the site."""
    return {
        task_page(task): _task(title, [each for each in load_zoo().values() if each.task == task])
        for task, title in TASKS.items()
    }


def _task(title: str, entries: list[ZooEntry]) -> str:
    families: dict[str, list[ZooEntry]] = {}
    for entry in entries:
        families.setdefault(entry.family, []).append(entry)
    return (
        f"# {title}\n\n"
        f"{len(entries)} names of GluonCV outside the [catalogue](index.md), which are "
        "[converted as graphs](../zoo.md). Parameters are those that are trained; figures are "
        "those that GluonCV published. In float64 the proof allows a difference from MXNet of "
        f"{EXACT:g} of the largest output.\n\n"
        + "\n".join(_family(name, group) for name, group in families.items())
    )


def _family(family: str, entries: list[ZooEntry]) -> str:
    floats = [entry for entry in entries if entry.float_name is None]
    quantized = [
        f"`{entry.name}` is converted as `{entry.float_name}`, whose weights GluonCV loads for it."
        for entry in entries
        if entry.float_name is not None
    ]
    parts = [f"## {family}\n"]
    if floats:
        parts += [_inputs(floats), _networks(floats)]
    return "\n".join([*parts, *(f"{line}\n" for line in quantized)])


def _inputs(entries: list[ZooEntry]) -> str:
    prepared = {
        text: None for entry in entries if (text := _prepared(entry.preprocessing)) is not None
    }
    return "\n".join(f"{text}\n" for text in prepared)


def _prepared(preprocessing: TaskPreprocessing | None) -> str | None:
    if preprocessing is None:
        return None
    rule = preprocessing.rule
    facts = ", ".join(
        f"{name.replace('_', ' ')} {_value(value)}"
        for name, value in msgspec.structs.asdict(rule).items()
        if value is not None
    )
    described = sentence(type(rule).__doc__ or "").rstrip(".")
    return f"Preparation: {described}{f' ({facts})' * bool(facts)}."


def _value(value: object) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _networks(entries: list[ZooEntry]) -> str:
    metrics = list(dict.fromkeys(name for entry in entries for name in entry.metrics))
    headings = ["Network", "Classes", "Input", "Parameters"]
    headings += [METRICS.get(name, name.replace("_", " ")) for name in metrics]
    headings += [*HEADINGS, "Weights"]
    rows = []
    for entry in entries:
        stored = load_zoo_graph(entry)
        rows.append(
            [
                code(entry.name),
                str(entry.classes or ""),
                ", ".join("×".join(map(str, shape)) for shape in entry.inputs.values()),
                amount(_parameters(stored)),
                *(f"{entry.metrics[name]:g}" if name in entry.metrics else "" for name in metrics),
                *cost_cells(entry),
                "published" if entry.sha1 else "",
            ]
        )
    return table(headings, rows, right=headings[3:-1])


def _parameters(stored: ZooGraph) -> int:
    """The number of trained parameters."""
    return sum(
        math.prod(shape)
        for name, shape in stored.shapes.items()
        if name not in stored.constants and not name.endswith(_STATISTICS)
    )
