"""The `graph` command: what a -symbol.json computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConversionError
from .option_types import OutputFile
from .shared_options import CONTEXT, JSON, shortened, write_json

if TYPE_CHECKING:
    from ..graph.summary import Summary

SHOWN_NODES = 3


@click.command("graph", context_settings=CONTEXT)
@click.argument("symbol", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--dot", type=OutputFile(), metavar="FILE", help="Write it in Graphviz's DOT language."
)
@click.option(
    "--svg", type=OutputFile(), metavar="FILE", help="Draw it as SVG with Graphviz's `dot`."
)
@JSON
def graph_command(symbol: Path, dot: Path | None, svg: Path | None, json_file: str | None) -> None:
    """Show what a -symbol.json computes: operators, inputs, outputs, and what is not supported."""
    from ..files.atomic_file import write_bytes, write_text
    from ..graph.picture import to_dot, to_svg
    from ..graph.summary import summarize
    from ..graph.symbol import read_symbol

    try:
        graph = read_symbol(symbol)
        summary = summarize(graph)
        if dot is not None:
            write_text(to_dot(graph), dot)
        if svg is not None:
            write_bytes(to_svg(graph), svg)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        write_json([summary.as_dict()], json_file)
    if json_file != "-":
        click.echo(_text(summary))


def _text(summary: Summary) -> str:
    version = f"MXNet {summary.mxnet_version}" if summary.mxnet_version else "MXNet 0.8 or earlier"
    nodes = sum(summary.operators.values())
    width = max(map(len, summary.operators), default=0)
    lines = [
        f"{summary.file}: {version}, {nodes} operators, {len(summary.arrays)} arrays",
        f"inputs:  {', '.join(summary.inputs)}",
        *([f"states:  {', '.join(summary.states)} (zeros by default)"] if summary.states else []),
        *([f"labels:  {', '.join(summary.labels)} (only in training)"] if summary.labels else []),
        f"outputs: {', '.join(summary.outputs)}",
        *(
            f"  {op.ljust(width)}  {count}{_remark(summary, op)}"
            for op, count in summary.operators.items()
        ),
    ]
    if summary.unsupported:
        lines.append("cannot be imported: some operators are not supported")
    else:
        limits = ", ".join(f"{dtype} {limit:.0e}" for dtype, limit in summary.limits.items())
        lines.append(f"can be imported; parity limits: {limits}")
    return "\n".join(lines)


def _remark(summary: Summary, op: str) -> str:
    from ..graph.operators.unsupported import reason_of

    if op not in summary.unsupported:
        return ""
    names = summary.unsupported[op]
    more = ", …" if len(names) > SHOWN_NODES else ""
    reason = reason_of(op)
    return f"  not supported ({', '.join(names[:SHOWN_NODES])}{more})" + (
        f": {reason}" if reason else ""
    )
