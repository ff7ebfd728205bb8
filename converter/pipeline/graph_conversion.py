"""Conversion of any exported network: graph and arrays → module → parity proof → program."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import fx

from ..checkpoints.clock import Clock
from ..checkpoints.formats.pt2 import write_program
from ..checkpoints.record import Failure, GraphRecord, RecordedInput, WrittenFile, to_json
from ..checkpoints.record_draft import versions
from ..errors import CheckpointError, ConversionError, ParityError
from ..files.atomic_file import check_writable, record_path, staging, write_text
from ..files.hashes import file_sha1
from ..graph.array_names import match_names
from ..graph.dequantization import dequantized
from ..graph.fusion import unfused
from ..graph.importer import read_arrays
from ..graph.input_spec import Specs
from ..graph.labels import without_labels
from ..graph.precision import limits
from ..graph.symbol import VARIABLE, Graph, read_symbol
from ..graph.symbol_writer import symbol_json
from ..mapping.assignment import refuse
from ..mapping.dialects import plain_name
from ..mappings.catalog import Size
from ..parity.head_measurement import measure_heads
from ..parity.requirement import require
from ..parity.result import Parity
from ..sources.arrays import Arrays
from ..sources.mxnet_compat import has_mxnet
from ..sources.source import Source
from ..weights.content_hash import content_sha256
from ..weights.soundness import unsound
from .graph_inputs import BuiltGraph, build_with_inputs
from .request import InputShape, Request, input_shapes


def convert_graph(
    symbol: str | os.PathLike[str],
    params: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] = "weights",
    reference: str = "auto",
    sizes: Sequence[Size] | None = None,
    inputs: Mapping[str, InputShape] | None = None,
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
        inputs: Shape of each of the graph's inputs, with the batch, or the shape and a data type
            (`float32`, `int32`, `int64`, `uint8`); instead of `sizes`. If all have the same batch,
            the program accepts any other, where the network does.
        seed: Seed of the inputs that parity is measured with.
        dequantize: Convert the float network that a quantized graph stands for; MXNet computes that
            network, too.

    Raises:
        ConversionError: One of its subclasses (errors.py); no file is written then.
        ValueError: If the reference or an input's data type or shape is invalid.
    """
    request = Request(
        symbol=symbol,
        params=params,
        out=out,
        reference=reference,
        sizes=tuple(sizes or ()),
        inputs=input_shapes(inputs),
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
    reference = os.fspath(request.reference)
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
            named, text = match_names(graph, arrays), None
            graph, arrays = unfused(graph), named.arrays
            if request.dequantize:
                graph, arrays = dequantized(graph, arrays)
                text = symbol_json(graph)
            built = build_with_inputs(graph, arrays, request)
        with clock("parity"):
            parity = prove_graph(
                built.module, graph, arrays, reference, built.examples, request.seed, text
            )
        built.module.float()
        with staging(Path(out)) as staged:
            with clock("write"):
                written, specs = write_graph(built, staged, name, fixed=request.inputs is not None)
            record = GraphRecord(
                model=model,
                name=name,
                family="graph",
                format=written.format,
                file=str(Path(out) / Path(written.file).name),
                sha256=written.sha256,
                bytes=written.bytes,
                content_sha256=content_sha256(built.module.state_dict()),
                parameters=sum(p.numel() for p in built.module.parameters() if p.requires_grad),
                num_classes=built.heads[0].shape[1] if built.heads[0].ndim == 2 else None,
                symbol=os.fsencode(symbol).decode("utf-8", "replace"),
                mxnet_version=graph.version,
                operators=dict(
                    Counter(n.op for n in graph.nodes if n.op != VARIABLE).most_common()
                ),
                input=specs[0].name if len(specs) == 1 else None,
                input_shape=tuple(built.examples[0][specs[0].name].shape[1:])
                if len(specs) == 1
                else None,
                inputs=specs,
                notes=named.notes + built.notes + constant_heads(parity),
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


def write_graph(
    built: BuiltGraph, folder: Path, name: str, *, fixed: bool
) -> tuple[WrittenFile, tuple[RecordedInput, ...]]:
    """Write a module's program, for any batch size if it has one.

    Args:
        built: The module and its inputs.
        folder: Folder to write to.
        name: Start of the file name.
        fixed: Whether the program may be written for the given shapes only, if torch cannot export
            it for any batch size.

    Raises:
        CheckpointError: As `write_program`.
    """
    specs, any_batch = built.examples[0], built.any_batch
    try:
        written = write_program(built.module, specs, folder, name, any_batch=any_batch)
    except CheckpointError:
        if not (any_batch and fixed):
            raise
        any_batch = False
        written = write_program(built.module, specs, folder, name, any_batch=any_batch)
    recorded = []
    for key, spec in specs.items():
        shape: list[int | None] = list(spec.shape)
        if any_batch:
            shape[spec.batch_axis] = None
        recorded.append(RecordedInput(key, tuple(shape), spec.dtype))
    return written, tuple(recorded)


def constant_heads(parity: Parity) -> tuple[str, ...]:
    """A note on each output that is the same for all inputs, beside others that are not."""
    return tuple(
        f"{head} does not depend on the values of the inputs, and is proved for one value alone"
        for head in parity.constant_heads
    )


def prove_graph(
    module: fx.GraphModule,
    graph: Graph,
    arrays: Arrays,
    reference: str,
    examples: Sequence[Specs],
    seed: int = 0,
    text: str | None = None,
) -> Parity:
    """Measure parity with MXNet and raise an error unless it holds.

    Args:
        module: The imported module.
        graph: Its graph.
        arrays: The graph's arrays, by name.
        reference: `gluon` or `none`.
        examples: Inputs to measure.
        seed: Seed of the inputs.
        text: The graph in MXNet's format, where it is not that of its file.

    Raises:
        ParityError: If parity does not hold.
        MissingDependencyError: If MXNet is not installed.
    """
    if reference == "none":
        return Parity("none", None)
    from ..parity.exported_reference import ExportedReference

    allowed = limits(without_labels(graph))
    original = ExportedReference(graph.where, arrays, tuple(allowed), text=text)
    parity = measure_heads(module, original, examples, allowed, seed=seed)
    require(parity, Path(graph.where).name)
    return parity
