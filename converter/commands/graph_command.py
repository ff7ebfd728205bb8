"""The `graph` command: what a -symbol.json computes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConversionError
from .input_option import parse_inputs
from .option_types import STDOUT, InputPath, OutputFile
from .shared_options import CONTEXT, JSON, PLUGIN, shortened, write_json

if TYPE_CHECKING:
    from ..graph.summary import Summary
    from ..graph.symbols.symbol import Graph
    from ..mappings.zoo import ZooEntry


@click.command("graph", context_settings=CONTEXT)
@click.argument("symbol", type=InputPath(), metavar="FILE")
@click.option(
    "--dot",
    type=OutputFile(stdout=True),
    metavar="FILE|-",
    help="Write it in Graphviz's DOT language; - for stdout.",
)
@click.option(
    "--svg", type=OutputFile(), metavar="FILE", help="Draw it as SVG with Graphviz's `dot`."
)
@click.option(
    "--html", type=OutputFile(), metavar="FILE", help="Draw it as a page, its blocks folded."
)
@click.option(
    "--params",
    type=InputPath(dir_okay=False),
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

    FILE can also be GluonCV's name of a network, such as resnet50_v1d.
    """
    from ..files.atomic_file import write_bytes, write_text
    from ..graph.drawing.picture import to_dot, to_svg
    from ..graph.summary import summarize

    if html is None and (params is not None or inputs):
        raise click.UsageError("--params and --input give the shapes in the page of --html.")
    if dot == STDOUT and json_file == str(STDOUT):
        raise click.UsageError("--dot and --json cannot both be written to stdout.")
    given = parse_inputs(inputs, None)
    try:
        graph, entry, arrays = _opened(symbol)
        if html is not None:
            from ..pipeline.graph_drawing import draw_page

            wanted = {name: shape for name, (shape, _) in given.items()}
            write_text(draw_page(graph, entry, params, wanted), html)
        summary = summarize(graph, arrays)
        if dot == STDOUT:
            click.echo(to_dot(graph), nl=False)
        elif dot is not None:
            write_text(to_dot(graph), dot)
        if svg is not None:
            write_bytes(to_svg(graph), svg)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    if json_file is not None:
        write_json([summary.as_dict()], json_file)
    if STDOUT not in (dot, Path(json_file or "")):
        click.echo(_text(summary))


def _opened(symbol: Path) -> tuple[Graph, ZooEntry | None, Collection[str]]:
    """A file's graph, or the stored one of a network.

    Returns:
        The graph; the network, if it is one that is converted as a graph; and its arrays, as far
        as they are stored.

    Raises:
        GraphError: If the file cannot be read, or the network has no stored graph.
        UnknownModelError: If there is neither such a file nor such a network.
    """
    from ..graph.symbols.symbol import read_symbol
    from ..graph.zoo.stored_graph import load_graph
    from ..graph.zoo.zoo_graph import load_zoo_graph
    from ..mappings.catalog import Entry
    from ..mappings.zoo import find_network

    # names have version numbers, as in mobilenet0.25
    of_file = symbol.suffix.removeprefix(".").isalpha() or symbol.name != str(symbol)
    if of_file or symbol.is_file():
        return read_symbol(symbol), None, ()
    entry = find_network(str(symbol))
    if isinstance(entry, Entry):
        stored = load_graph(entry.name)
        return stored.of_stages(list(stored.stages[-1:])), None, ()
    found = load_zoo_graph(entry)
    return found.graph, entry, found.shapes


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
    from ..graph.symbols.symbol import SHOWN_NAMES

    if op not in summary.unsupported:
        return ""
    names = summary.unsupported[op]
    more = ", …" if len(names) > SHOWN_NAMES else ""
    reason = reason_of(op)
    return f"  not supported ({', '.join(names[:SHOWN_NAMES])}{more})" + (
        f": {reason}" if reason else ""
    )
