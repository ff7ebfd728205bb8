"""The report of a graph's parity, node by node, and the graph of the first node that is wrong."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConversionError, ParityError
from ..files.atomic_file import write_bytes, write_text
from ..graph.symbols.labels import without_labels
from ..graph.symbols.precision import limits
from ..graph.symbols.roles import auxiliary_names
from ..graph.symbols.symbol_writer import symbol_json
from ..parity.node_differences import Measured, NodeDifference, compare_nodes
from ..parity.report.page import write_pages
from ..parity.result import Parity
from ..parity.wrong_node import WrongNode
from ..sources.arrays import Arrays
from ..sources.params_writer import write_params
from .graph_inputs import BuiltGraph
from .graph_proof import Network

HINT = "`--report DIR` shows each node, and writes the graph of the first wrong one alone"


def write_graph_report(
    folder: Path,
    facts: Mapping[str, Any],
    parity: Parity,
    built: BuiltGraph,
    network: Network,
    seed: int,
    wrong: WrongNode | None = None,
) -> None:
    """Compare all nodes of a graph with MXNet's, and write the page of the report.

    The graph of the first wrong node, its arrays and its inputs are written beside the page.

    Args:
        folder: Folder of the report.
        facts: The record of the conversion, or of its failure, as `--json` prints it.
        parity: The measured parity.
        built: The inputs of the proof.
        network: The graph and its arrays.
        seed: Seed of the inputs' values.
        wrong: The first wrong node, if there is one.

    Raises:
        CheckpointError: If the folder is not writable.
    """
    allowed = limits(without_labels(network.graph))
    nodes, files = list[NodeDifference](), list[Path]()
    measured = Measured(network.graph, network.arrays, network.constants)
    if parity.reference != "none":
        # MXNet or torch may be unable to compute a value that is no output
        with suppress(ConversionError):
            nodes = compare_nodes(measured, built.examples[0], list(allowed), seed)
    if wrong is not None and wrong.alone is not None:
        files = _write_alone(folder, f"{facts['name']}-{wrong.name}", wrong.alone, wrong.inputs)
    write_pages(folder, facts, parity, nodes, limits=allowed, wrong=wrong, alone=files)


def explained(error: ParityError, folder: Path | None) -> ParityError:
    """The error with what the report in this folder shows, or with how to get one."""
    if folder is None:
        return ParityError(f"{error}; {HINT}", error.parity, error.wrong)
    alone = "" if error.wrong is not None else "; given MXNet's inputs, no operator differs"
    return ParityError(f"{error}{alone}: see {folder}", error.parity, error.wrong)


def _write_alone(folder: Path, name: str, alone: Measured, inputs: Arrays) -> list[Path]:
    """Write the graph of one node, its arrays, and the inputs with which it differs."""
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    states = auxiliary_names(alone.graph)
    paths = [folder / f"{stem}{end}" for end in ("-symbol.json", "-0000.params", "-inputs.npz")]
    write_text(symbol_json(alone.graph), paths[0])
    arrays = alone.arrays
    write_params(paths[1], {f"{'aux' if n in states else 'arg'}:{n}": arrays[n] for n in arrays})
    content = io.BytesIO()
    np.savez(content, **inputs)
    write_bytes(content.getvalue(), paths[2])
    return paths
