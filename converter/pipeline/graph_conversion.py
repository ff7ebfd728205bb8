"""Conversion of any exported network: graph and arrays → module → parity proof → program."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import fx

from ..checkpoints.clock import Clock
from ..checkpoints.formats.pt2 import write_program
from ..checkpoints.record import Failure, GraphRecord, to_json
from ..checkpoints.record_draft import versions
from ..errors import ConversionError, ImageSizeError, ParityError
from ..files.atomic_file import check_writable, record_path, staging, write_text
from ..files.hashes import file_sha1
from ..graph.dequantization import dequantized
from ..graph.fusion import unfused
from ..graph.importer import build_module, read_arrays
from ..graph.precision import limits
from ..graph.shapes import example_shape, only_input
from ..graph.symbol import VARIABLE, Graph, read_symbol
from ..graph.symbol_writer import symbol_json
from ..mapping.assignment import refuse
from ..mapping.dialects import plain_name
from ..mappings.catalog import Size
from ..parity.head_measurement import measure_heads, run
from ..parity.measurement import require
from ..parity.result import Parity
from ..sources.arrays import Array, Arrays
from ..sources.mxnet_compat import has_mxnet
from ..sources.source import Source
from ..weights.content_hash import content_sha256
from ..weights.soundness import unsound
from .request import Request

# default image sizes: the first at which the graph runs is used
SIZES = ((224, 224), (299, 299), (112, 112), (32, 32), (28, 28))


def convert_graph(
    symbol: str | os.PathLike[str],
    params: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] = "weights",
    reference: str = "auto",
    sizes: Sequence[Size] | None = None,
    seed: int = 0,
    dequantize: bool = False,
) -> GraphRecord:
    """Convert an exported network, prove it equal to MXNet and write it.

    Args:
        symbol: Path of the `-symbol.json`.
        params: Path of the `.params` exported with it.
        out: Folder to write `gluon_<stem>-<hash>.pt2` to.
        reference: `gluon` for MXNet itself, `none`, or `auto` for MXNet if it is installed.
        sizes: Heights and widths of the images, in pixels; the program uses the first. By default
            224×224, or another size at which the graph runs. Not used if the input is a vector.
        seed: Seed of the inputs that parity is measured with.
        dequantize: Convert the float network that a quantized graph stands for; MXNet computes that
            network, too.

    Raises:
        ConversionError: One of its subclasses (errors.py); no file is written then.
        ValueError: If the reference has an unknown value.
    """
    request = Request(
        symbol=symbol,
        params=params,
        out=out,
        reference=reference,
        sizes=tuple(sizes or ()),
        seed=seed,
        dequantize=dequantize,
    )
    return run_graph_request(request)


def run_graph_request(request: Request) -> GraphRecord:
    """Run the requested conversion of an exported network.

    Raises:
        ConversionError: As `convert_graph`.
    """
    symbol, params, out = request.symbol, request.params, request.out
    assert symbol is not None, "requests without a symbol are for run_request"
    assert params is not None, "a request with a symbol also has params"
    reference, sizes, seed = os.fspath(request.reference), request.sizes, request.seed
    if reference == "auto":
        reference = "gluon" if has_mxnet() else "none"
    model = Path(symbol).name.removesuffix(".json").removesuffix("-symbol")
    name = "gluon_" + re.sub(r"[^A-Za-z0-9_.]", "_", model)
    clock, source = Clock(), Source("params", os.fsencode(params).decode("utf-8", "replace"))
    try:
        check_writable(Path(out))
        with clock("source"):
            graph, arrays = read_symbol(symbol), read_arrays(params)
            sha1 = file_sha1(Path(params))
            source = Source(source.kind, source.path, sha1=sha1)
            refuse(
                f"{model}: the weights are invalid",
                unsound({plain_name(key): array for key, array in arrays.items()}),
            )
        with clock("map"):
            graph, text = unfused(graph), None
            if request.dequantize:
                graph, arrays = dequantized(graph, arrays)
                text = symbol_json(graph)
            data = only_input(graph, arrays)
            shapes = [example_shape(graph, arrays, size) for size in sizes or SIZES]
            # built in float64, so that arrays wider than float32 keep their exact values
            inputs = {data: (1, *shapes[0])}
            module = build_module(graph, arrays, dtype="float64", inputs=inputs)
            if not sizes:
                shapes = [first_that_computes(module, shapes)]
            heads, *_ = [try_run(module, shape) for shape in shapes]
        with clock("parity"):
            parity = prove_graph(module, graph, arrays, reference, shapes, seed, text)
        module.float()
        with staging(Path(out)) as staged:
            with clock("write"):
                written = write_program(module, shapes[0], staged, name)
            record = GraphRecord(
                model=model,
                name=name,
                family="graph",
                format=written.format,
                file=str(Path(out) / Path(written.file).name),
                sha256=written.sha256,
                bytes=written.bytes,
                content_sha256=content_sha256(module.state_dict()),
                parameters=sum(p.numel() for p in module.parameters() if p.requires_grad),
                num_classes=heads[0].shape[1] if heads[0].ndim == 2 else None,
                symbol=os.fsencode(symbol).decode("utf-8", "replace"),
                mxnet_version=graph.version,
                operators=dict(
                    Counter(n.op for n in graph.nodes if n.op != VARIABLE).most_common()
                ),
                input=data,
                input_shape=shapes[0],
                source=source,
                parity=parity,
                versions=versions(parity.reference),
                seconds=clock.seconds(),
            )
            write_text(to_json(record.as_dict()), record_path(Path(written.file)))
    except ConversionError as error:
        error.failure = Failure(
            model=model,
            name=name,
            family="graph",
            error=str(error),
            source=source,
            parity=error.parity if isinstance(error, ParityError) else None,
            seconds=clock.seconds(),
        )
        raise
    return record


def first_that_computes(
    module: fx.GraphModule, shapes: Sequence[tuple[int, ...]]
) -> tuple[int, ...]:
    """Return the first of some input shapes on which a module runs.

    Raises:
        ImageSizeError: If it runs on none of them; the error is that of the first shape.
    """
    errors = []
    for shape in shapes:
        try:
            try_run(module, shape)
        except ImageSizeError as error:
            errors.append(error)
        else:
            return shape
    raise errors[0]


def try_run(module: fx.GraphModule, shape: tuple[int, ...]) -> list[Array]:
    """Run a module on one example of zeros and return its outputs.

    Args:
        module: The module.
        shape: Shape of the input, without the batch dimension.

    Raises:
        ImageSizeError: If the module cannot run on an input of that shape.
    """
    try:
        return run(module, np.zeros((1, *shape)))
    except (RuntimeError, IndexError, ValueError, ZeroDivisionError) as error:
        size = "x".join(map(str, shape))
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ImageSizeError(
            f"the graph cannot run on an input of shape {size} ({reason}); "
            "give the size of its images with `--size HxW`"
        ) from error


def prove_graph(
    module: fx.GraphModule,
    graph: Graph,
    arrays: Arrays,
    reference: str,
    shapes: Sequence[tuple[int, ...]],
    seed: int = 0,
    text: str | None = None,
) -> Parity:
    """Measure parity with MXNet and raise an error unless it holds.

    Args:
        module: The imported module.
        graph: Its graph.
        arrays: The graph's arrays, by name.
        reference: `gluon` or `none`.
        shapes: Input shapes to measure, without the batch dimension.
        seed: Seed of the inputs.
        text: The graph in MXNet's format, where it is not that of its file.

    Raises:
        ParityError: If parity does not hold.
        MissingDependencyError: If MXNet is not installed.
    """
    if reference == "none":
        return Parity("none", None)
    from ..parity.exported_reference import ExportedReference

    data = only_input(graph, arrays)
    allowed = limits(graph)
    original = ExportedReference(graph.where, arrays, tuple(allowed), data, text)
    parity = measure_heads(module, original, shapes, allowed, seed=seed)
    require(parity, Path(graph.where).name)
    return parity
