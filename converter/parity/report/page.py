"""The pages of the report: self-contained HTML that loads nothing from the network."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import numpy as np
from markupsafe import Markup

from ...errors import CheckpointError
from ...files.atomic_file import write_text
from ...files.output_path import output_file
from ...mappings.schema import Row, structure
from ...weights.converted import Converted
from ..measurement import LIMITS
from ..node_differences import NodeDifference
from ..result import Parity
from ..wrong_node import WrongNode
from .layer_differences import LayerDifference
from .svg_plot import Plot, draw

SHOWN_WORST = 12  # rows of the "Worst channels" table
_GENERATOR = '<meta name="generator" content="gluon2torch">'  # by which our index is known
_SUMMARY = re.compile(r'<script type="application/json" id="summary">(.*?)</script>', re.DOTALL)


class Summary(Row, frozen=True):
    """The index's row for a network; every page contains its own, as JSON."""

    model: str | None
    source: str | None
    reference: str | None
    passed: bool | None
    worst: dict[str, str]


def write_pages(
    folder: Path,
    facts: Mapping[str, Any],
    parity: Parity | None,
    layers: Sequence[LayerDifference | NodeDifference],
    *,
    converted: Converted | None = None,
    limits: Mapping[str, float] = LIMITS,
    wrong: WrongNode | None = None,
    alone: Sequence[Path] = (),
) -> Path:
    """Write a network's page, and the index of all pages in the folder.

    Args:
        folder: Folder of the report.
        facts: The record of the conversion, or of its failure, as `--json` prints it.
        parity: The measured parity; None if it was not measured.
        layers: Differences by layer, or of a graph's nodes; empty if they are not known.
        converted: The converted network of the catalogue; None for graphs.
        limits: Largest allowed differences by data type.
        wrong: The first node of a graph that differs from MXNet's; None if there is none.
        alone: The files of the graph of that node alone, in the folder.

    Returns:
        Path of the network's page.

    Raises:
        CheckpointError: If the folder is not writable, or see `check_index`.
    """
    page = _template("page.html").render(
        generator=Markup(_GENERATOR),
        style=Markup(_text("style.css")),
        result=facts,
        parity=parity,
        plot=_plot(parity, layers, limits),
        points="Stage by stage"
        if not layers
        else "Layer by layer"
        if converted
        else "Node by node",
        worst=_worst(layers),
        nodes=_largest(layers),
        wrong=wrong,
        alone=[path.name for path in alone],
        facts=_facts(facts),
        keys=_keys(converted) if converted is not None else [],
        summary=_embedded(_summary(facts, parity)),
    )
    path = folder / f"{facts['name']}.html"
    write_text(page, path)
    write_index(folder)
    return path


def write_index(folder: Path) -> None:
    """Write index.html for all pages in a folder, including those of earlier runs.

    Raises:
        CheckpointError: If the folder is not writable, or see `check_index`.
    """
    path = check_index(folder)
    rows = []
    for page in sorted(folder.glob("*.html")):
        if (row := _row(page)) is not None:
            rows.append({**msgspec.structs.asdict(row), "page": page.name})
    dtypes = [dtype for dtype in LIMITS if any(dtype in row["worst"] for row in rows)]
    values = {dtype: [float(row["worst"].get(dtype, "nan")) for row in rows] for dtype in dtypes}
    names = [row["model"] or row["page"] for row in rows]
    links = [row["page"] for row in rows]
    plot = draw(names, values, _lines(dtypes), links) if dtypes else None
    text = _template("index.html").render(
        generator=Markup(_GENERATOR),
        style=Markup(_text("style.css")),
        rows=rows,
        dtypes=dtypes,
        plot=plot,
    )
    write_text(text, path)


def check_index(folder: Path) -> Path:
    """Return the path of a folder's index.html, which is missing or was written by this project.

    Raises:
        CheckpointError: It is another file.
    """
    path = folder / "index.html"
    output_file(path)
    try:
        ours = _GENERATOR.encode() in path.read_bytes()
    except FileNotFoundError:
        return path
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not ours:
        raise CheckpointError(
            f"{path}: is there already, and is no report of gluon2torch; choose another folder "
            "for the report, or move the file away"
        )
    return path


def _row(path: Path) -> Summary | None:
    """Read the summary in a page; None for a file that is not one of our pages."""
    try:
        found = _SUMMARY.search(path.read_text(encoding="utf-8"))
        return structure(json.loads(found[1]), Summary) if found is not None else None
    except (OSError, ValueError):
        return None


def _lines(
    dtypes: Sequence[str], limits: Mapping[str, float] = LIMITS
) -> dict[str, dict[str, float]]:
    return {
        dtype: {"limit": limits[dtype], "epsilon": float(np.finfo(dtype).eps)} for dtype in dtypes
    }


def _plot(
    parity: Parity | None,
    layers: Sequence[LayerDifference | NodeDifference],
    limits: Mapping[str, float],
) -> Plot | None:
    if layers:
        dtypes = list(layers[0].relative)
        values = {dtype: [layer.relative[dtype] for layer in layers] for dtype in dtypes}
        return draw([layer.name for layer in layers], values, _lines(dtypes, limits))
    if parity is None or not parity.stages:
        return None
    dtype = parity.checks[0].dtype
    values = {dtype: [stage.max_rel for stage in parity.stages]}
    return draw([stage.name for stage in parity.stages], values, _lines([dtype], limits))


def _worst(
    layers: Sequence[LayerDifference | NodeDifference],
) -> list[tuple[float, int, LayerDifference]]:
    """The channels with the largest differences."""
    found = [layer for layer in layers if isinstance(layer, LayerDifference)]
    rows = [(relative, channel, layer) for layer in found for channel, relative in layer.worst]
    return sorted(rows, key=lambda row: -row[0])[:SHOWN_WORST]


def _largest(layers: Sequence[LayerDifference | NodeDifference]) -> list[NodeDifference]:
    """The nodes with the largest differences in the first data type."""
    found = [node for node in layers if isinstance(node, NodeDifference)]
    return sorted(found, key=lambda node: -next(iter(node.relative.values())))[:SHOWN_WORST]


def _facts(plain: Mapping[str, Any]) -> list[tuple[str, str]]:
    source = plain.get("source") or {}
    rows = {
        "Source": source.get("path") or source.get("kind"),
        "Published at": source.get("url"),
        "SHA-1 of the source": source.get("sha1"),
        "Seed": source.get("seed"),
        "File": plain.get("file"),
        "SHA-256": plain.get("sha256"),
        "Content SHA-256": plain.get("content_sha256"),
        "Versions": ", ".join(f"{k} {v}" for k, v in (plain.get("versions") or {}).items()),
        "Seconds": ", ".join(f"{k} {v}" for k, v in plain["seconds"].items()),
    }
    return [(name, str(value)) for name, value in rows.items() if value not in (None, "")]


def _keys(converted: Converted) -> list[dict[str, str]]:
    return [
        {
            "source": assignment.source,
            "target": assignment.target,
            "shape": "×".join(map(str, converted.arrays[assignment.source].shape)),
            "rule": assignment.rule,
        }
        for assignment in converted.fit.assignments
    ]


def _summary(facts: Mapping[str, Any], parity: Parity | None) -> Summary:
    """Make the index's row for a network."""
    worst: dict[str, float] = {}
    for check in parity.checks if parity else ():
        largest = np.maximum(worst.get(check.dtype, 0.0), check.max_rel)  # keeps NaN
        worst[check.dtype] = float(largest)
    return Summary(
        model=facts["model"],
        source=(facts.get("source") or {}).get("kind"),
        reference=parity.reference if parity else None,
        passed=parity.passed if parity else None,
        worst={dtype: str(value) for dtype, value in worst.items()},
    )


def _embedded(summary: Summary) -> Markup:
    """Encode a summary as JSON that is safe inside a script element."""
    return Markup(
        json.dumps(msgspec.to_builtins(summary), ensure_ascii=True).replace("<", "\\u003c")
    )


@functools.cache
def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)
