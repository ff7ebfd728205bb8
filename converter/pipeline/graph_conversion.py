"""Conversion of any exported network: graph and arrays → module → parity proof → program."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..checkpoints.earlier_record import was_proved
from ..checkpoints.formats import GRAPH_WRITERS, require_libraries
from ..checkpoints.record import GraphRecord, to_json
from ..errors import ParityError
from ..files.atomic_file import record_path, staging, write_text
from ..files.hashes import file_sha1
from ..files.path_text import path_text
from ..files.stages import announce_step
from ..graph.importer import read_arrays, refuse_unknown_operators
from ..graph.inputs.free_dimensions import image_input
from ..graph.registry import arrays_of_registered
from ..graph.symbols.graph_cut import cut
from ..graph.symbols.symbol import Graph, read_symbol
from ..mapping.assignment import refuse
from ..mapping.dialects import plain_names
from ..mappings.catalog import Size
from ..mappings.choices import GRAPH_FORMATS, as_tuple
from ..parity.result import Parity
from ..sources.arrays import Arrays
from ..sources.mxnet_compat import has_mxnet
from ..sources.source import Source
from ..weights.soundness import unsound
from .graph_inputs import BuiltGraph, build_with_inputs
from .graph_output import write_graph
from .graph_proof import Network, network_of, prove_sizes, reference_notes
from .graph_record import GraphAttempt, draft_graph_record, record_of_file
from .graph_report import explained, write_graph_report
from .input_shapes import InputShape, input_shapes
from .output_check import check_outputs
from .request import PathLike, Request


def convert_graph(
    symbol: PathLike,
    params: PathLike,
    *,
    out: PathLike = "weights",
    reference: PathLike = "auto",
    save_reference: PathLike | None = None,
    sizes: Sequence[Size] | None = None,
    inputs: Mapping[str, InputShape] | None = None,
    outputs: Sequence[str] = (),
    seed: int = 0,
    dequantize: bool = False,
    allow_nonfinite: bool = False,
    formats: Sequence[str] | None = None,
    report: PathLike | None = None,
) -> GraphRecord:
    """Convert an exported network, prove it equal to MXNet and write it.

    Args:
        symbol: Path of the `-symbol.json`.
        params: Path of the `.params` exported with it.
        out: Folder to write `gluon_<stem>-<hash>.pt2` to, or the files of other formats.
        reference: `gluon` for MXNet itself, `none`, `auto` for MXNet if it is installed, or the
            path of a saved reference.
        save_reference: A `.npz` to save MXNet's outputs to, as a reference where MXNet is not
            installed.
        sizes: Heights and widths of the images, in pixels; the program uses the first. By default
            224×224, or another size at which the graph runs. Not used if the input is a vector.
        inputs: Shape of each of the graph's inputs, with the batch, or the shape and a data type
            (`float32`, `int32`, `int64`, `uint8`); instead of `sizes`. If all have the same batch,
            the program accepts any other, where the network does.
        outputs: Names of the nodes whose values are the outputs, in place of the graph's; `NODE:1`
            for a node's second output. Only what they depend on is converted, with its arrays.
        seed: Seed of the inputs that parity is measured with.
        dequantize: Convert the float network that a quantized graph stands for; MXNet computes that
            network, too.
        allow_nonfinite: Whether to convert arrays that contain NaN or Inf; needs `none` as the
            reference.
        formats: Formats of the files: `pt2` (the default), `pth`, `safetensors`, `onnx`,
            `py`.
        report: Folder for an HTML report of the differences at each node; if parity fails, also
            for the graph of the first wrong node alone, with its arrays and inputs.

    Raises:
        ConversionError: One of its subclasses (errors.py); no file is written then.
        ValueError: If the reference or an input's data type or shape is invalid.
    """
    request = Request(
        symbol=symbol,
        params=params,
        out=out,
        reference=reference,
        save_reference=save_reference,
        sizes=as_tuple("sizes", sizes or ()),
        inputs=input_shapes(inputs),
        outputs=as_tuple("outputs", outputs),
        seed=seed,
        dequantize=dequantize,
        allow_nonfinite=allow_nonfinite,
        formats=None if formats is None else as_tuple("formats", formats),
        report=report,
    )
    return run_graph_request(request)


def run_graph_request(request: Request) -> GraphRecord:
    """Run the requested conversion of an exported network: files → module → parity proof → program.

    Raises:
        ConversionError: As `convert_graph`.
    """
    assert request.symbol is not None, "requests without a symbol are for run_request"
    assert request.params is not None, "a request with a symbol also has params"
    model = Path(request.symbol).name.removesuffix(".json").removesuffix("-symbol")
    source = Source("params", path_text(request.params))
    attempt = GraphAttempt(model=model, source=source)
    with attempt.failures():
        check_outputs(request)
        require_libraries(request.formats or (), GRAPH_WRITERS)
        with attempt.clock("source"):
            graph, arrays = read_symbol(request.symbol), read_arrays(request.params)
            attempt.source = replace(source, sha1=file_sha1(Path(request.params)))
        with attempt.clock("map"):
            network = network_of(
                graph, arrays, dequantize=request.dequantize, outputs=request.outputs
            )
            graph = cut(graph, request.outputs)
            refuse_unknown_operators(network.graph)
            packed = arrays_of_registered(network.graph)
            check_sound(
                path_text(request.params),
                {n: each for n, each in network.arrays.items() if n not in packed},
                allow_nonfinite=request.allow_nonfinite,
            )
            built = build_with_inputs(network.graph, network.arrays, request)
        return prove_and_write(attempt, request, graph, network, built)


def check_sound(where: str, arrays: Arrays, *, allow_nonfinite: bool = False) -> None:
    """Require that arrays can be those of a network.

    Args:
        where: The file or the network, for errors.
        arrays: The arrays, by their names in the graph.
        allow_nonfinite: Accept NaN and Inf.

    Raises:
        ConversionError: If an array has NaN or infinite values, or a variance is negative.
    """
    plain = {short: arrays[name] for name, short in plain_names(arrays.keys()).items()}
    refuse(f"{where}: the weights are invalid", unsound(plain, allow_nonfinite=allow_nonfinite))


def prove_and_write(
    attempt: GraphAttempt,
    request: Request,
    graph: Graph,
    network: Network,
    built: BuiltGraph,
    proved: tuple[BuiltGraph, Network] | None = None,
) -> GraphRecord:
    """Prove a network that has been built equal to MXNet's, and write its files and records.

    Args:
        graph: The graph as it was read.
        proved: What is compared with MXNet, if it is another than what is written.

    Raises:
        ConversionError: As `convert_graph`.
    """
    reference = reference_of(request)
    compared = proved or (built, network)
    save = Path(request.save_reference) if request.save_reference is not None else None
    folder = Path(request.report) if request.report is not None else None
    try:
        with attempt.clock("parity"):
            parity, differs = prove_sizes(*compared, reference, request.seed, save)
    except ParityError as error:
        if folder is not None:
            facts = attempt.failure(error).as_dict()
            announce_step("report")
            write_graph_report(folder, facts, error.parity, *compared, request.seed, error.wrong)
        raise explained(error, folder) from error
    notes = network.notes + built.notes + constant_heads(parity)
    if differs is not None:
        what = "images" if image_input(built.specs) is not None else "inputs"
        built = replace(built, free=replace(built.free, dimensions=()))
        notes += (f"{what} of this size only are proved: {differs}",)
    if reference != "none":
        notes += reference_notes(network)
    built.module.float()
    with staging(Path(request.out)) as staged:
        with attempt.clock("write"):
            formats = request.formats or GRAPH_FORMATS[:1]
            written = write_graph(built, network, staged, attempt.name, formats, attempt.origin)
        record = draft_graph_record(attempt, graph, network, built, parity, notes)
        records = [
            record_of_file(record, written, place, request.out) for place in range(len(written))
        ]
        for each, about in zip(written, records, strict=True):
            beside = {"graph": each.graph} if each.graph is not None else {}
            facts = {**about.as_dict(), **beside}
            if not was_proved(Path(request.out) / Path(each.file.file).name, facts):
                write_text(to_json(facts), record_path(Path(each.file.file)))
    if folder is not None:
        announce_step("report")
        facts = records[0].as_dict()
        write_graph_report(folder, facts, parity, *compared, request.seed)
    return records[0]


def constant_heads(parity: Parity) -> tuple[str, ...]:
    """A note on each output that is the same for all inputs, beside others that are not."""
    return tuple(
        f"{head} does not depend on the values of the inputs, and is proved for one value alone"
        for head in parity.constant_heads
    )


def reference_of(request: Request) -> str:
    """`gluon`, `none`, or the path of a saved reference."""
    chosen = os.fspath(request.reference)
    if chosen == "auto":
        return "gluon" if has_mxnet() or request.save_reference is not None else "none"
    return chosen
