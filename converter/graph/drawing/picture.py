"""Drawing of a graph in the DOT language, or as SVG by Graphviz's `dot`."""

from __future__ import annotations

import shutil
import subprocess

from ...errors import GraphError, MissingDependencyError
from ..symbols.labels import without_labels
from ..symbols.roles import roles
from ..symbols.symbol import VARIABLE, Graph, Node

# attributes shown in a drawing
_SHOWN = (
    *("kernel", "stride", "pad", "num_filter", "num_group", "num_hidden", "act_type"),
    *("pool_type", "shape", "axis", "dim", "scalar", "scale"),
)
_SECONDS = 120


def to_dot(graph: Graph) -> str:
    """Draw a graph's operators and inputs in the DOT language, without arrays and labels."""
    hidden = set(roles(graph).arrays)
    graph = without_labels(graph)
    shown = [n for n, node in enumerate(graph.nodes) if not _is_hidden(node, hidden)]
    kept, heads = set(shown), {number for number, _ in graph.heads}
    lines = ["digraph {", "  rankdir=BT; node [shape=box, fontname=Helvetica, fontsize=10];"]
    for number in shown:
        node = graph.nodes[number]
        style = ", style=rounded" if node.op == VARIABLE else ""
        style += ", penwidth=2" if number in heads else ""
        lines.append(f"  n{number} [label={_quoted(_label(node))}{style}];")
        lines += [f"  n{source} -> n{number};" for source, _ in node.inputs if source in kept]
    return "\n".join([*lines, "}", ""])


def to_svg(graph: Graph) -> bytes:
    """Draw a graph as SVG with Graphviz's `dot`.

    Raises:
        MissingDependencyError: If Graphviz is not installed.
        GraphError: If `dot` fails, or takes more than 120 seconds.
    """
    program = shutil.which("dot")
    if program is None:
        raise MissingDependencyError(
            "--svg needs Graphviz's program `dot`, which is not installed; install it with "
            "`apt install graphviz` or `brew install graphviz`, or use --dot"
        )
    try:
        done = subprocess.run(
            [program, "-Tsvg"],
            input=to_dot(graph).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise GraphError(f"{graph.where}: `dot` failed ({error}); try --dot") from error
    return done.stdout


def _is_hidden(node: Node, hidden: set[str]) -> bool:
    return node.op == VARIABLE and node.name in hidden


def _label(node: Node) -> str:
    if node.op == VARIABLE:
        return node.name
    return "\n".join(filter(None, (node.written_op, node.name, attribute_text(node))))


def attribute_text(node: Node) -> str:
    """The attributes of a node that drawings show."""
    return ", ".join(f"{key} {node.attributes[key]}" for key in _SHOWN if key in node.attributes)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
