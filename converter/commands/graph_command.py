"""The `graph` command: what a -symbol.json computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConversionError
from .input_option import parse_inputs
from .option_types import OutputFile
from .shared_options import CONTEXT, JSON, PLUGIN, shortened, write_json

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
@click.option(
    "--html", type=OutputFile(), metavar="FILE", help="Draw it as a page, its blocks folded."
)
@click.option(
    "--params",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --html: the .params of the graph, for the shapes.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=SHAPE",
    help="With --html: shape of an input, with the batch, such as data=1,3,224,224; repeatable. "
    "Default: images of 224x224.",
)
@PLUGIN
@JSON
def graph_command(
    symbol: Path,
    dot: Path | None,
    svg: Path | None,
    html: Path | None,
    params: Path | None,
    inputs: tuple[str, ...],
    json_file: str | None,
) -> None:
    """Show what a -symbol.json computes: operators, inputs, outputs, and what is not supported.

    FILE can also be the name of a network of GluonCV's zoo that is converted as a graph.
    """
    from ..files.atomic_file import write_bytes, write_text
    from ..graph.picture import to_dot, to_svg
    from ..graph.summary import summarize
    from ..graph.symbol import read_symbol
    from ..graph.zoo_graph import load_zoo_graph
    from ..mappings.zoo import load_zoo

    if html is None and (params is not None or inputs):
        raise click.UsageError("--params and --input give the shapes in the page of --html.")
    given = parse_inputs(inputs, None)
    try:
        entry = load_zoo().get(str(symbol))
        graph = load_zoo_graph(entry).graph if entry is not None else read_symbol(symbol)
        if html is not None:
            from ..pipeline.graph_drawing import draw_page

            wanted = {name: shape for name, (shape, _) in given.items()}
            write_text(draw_page(graph, entry, params, wanted), html)
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
        if summary.last_outputs:
            lines.append(f"can be converted up to: {', '.join(summary.last_outputs)} (--output)")
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
