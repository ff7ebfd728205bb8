"""Conversion of any exported network: graph and arrays → module → parity proof → program."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..checkpoints.clock import Clock
from ..checkpoints.record import Failure, GraphRecord, to_json
from ..checkpoints.record_draft import versions
from ..errors import ConversionError, ParityError
from ..files.atomic_file import check_writable, record_path, staging, write_text
from ..files.hashes import file_sha1
from ..graph.importer import read_arrays
from ..graph.summary import operator_counts
from ..graph.symbol import Graph, read_symbol
from ..mapping.assignment import refuse
from ..mapping.dialects import plain_name
from ..mappings.catalog import Size
from ..parity.result import Parity
from ..sources.arrays import Array, Arrays
from ..sources.mxnet_compat import has_mxnet
from ..sources.source import Source
from ..weights.content_hash import content_sha256
from ..weights.soundness import unsound
from .graph_inputs import BuiltGraph, build_with_inputs
from .graph_output import WrittenGraph, write_graph
from .graph_proof import Network, network_of, prove_graph, reference_notes
from .request import InputShape, PathLike, Request, input_shapes


def convert_graph(
    symbol: PathLike,
    params: PathLike,
    *,
    out: PathLike = "weights",
    reference: PathLike = "auto",
    save_reference: PathLike | None = None,
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
        reference: `gluon` for MXNet itself, `none`, `auto` for MXNet if it is installed, or the
            path of a saved reference.
        save_reference: A `.npz` to save MXNet's outputs to, as a reference where MXNet is not
            installed.
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
        save_reference=save_reference,
        sizes=tuple(sizes or ()),
        inputs=input_shapes(inputs),
        seed=seed,
        dequantize=dequantize,
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
    attempt = Attempt(model, Source("params", path_text(request.params)))
    with attempt.failures():
        for folder in request.folders():
            check_writable(folder)
        with attempt.clock("source"):
            graph, arrays = read_symbol(request.symbol), read_arrays(request.params)
            attempt.source = replace(attempt.source, sha1=file_sha1(Path(request.params)))
            check_sound(model, arrays)
        with attempt.clock("map"):
            network = network_of(graph, arrays, dequantize=request.dequantize)
            built = build_with_inputs(network.graph, network.arrays, request)
        return prove_and_write(attempt, request, graph, network, built)


def check_sound(model: str, arrays: Arrays) -> None:
    """Require that a file's arrays can be those of a network.

    Raises:
        ConversionError: If an array has NaN or infinite values, or a variance is negative.
    """
    refuse(
        f"{model}: the weights are invalid",
        unsound({plain_name(key): array for key, array in arrays.items()}),
    )


def prove_and_write(
    attempt: Attempt,
    request: Request,
    graph: Graph,
    network: Network,
    built: BuiltGraph,
    proved: tuple[BuiltGraph, Network] | None = None,
) -> GraphRecord:
    """Prove a network that has been built equal to MXNet's, and write its program and record.

    Args:
        graph: The graph as it was read.
        proved: What is compared with MXNet, if it is another than what is written.

    Raises:
        ConversionError: As `convert_graph`.
    """
    reference = reference_of(request)
    with attempt.clock("parity"):
        save = Path(request.save_reference) if request.save_reference is not None else None
        parity = prove_graph(*(proved or (built, network)), reference, request.seed, save)
    built.module.float()
    with staging(Path(request.out)) as staged:
        with attempt.clock("write"):
            program = write_graph(built, network, staged, attempt.name)
        notes = network.notes + built.notes + program.notes + constant_heads(parity)
        if reference != "none":
            notes += reference_notes(network)
        program = replace(program, notes=notes)
        record = _record(attempt, request, graph, network, built, program, parity)
        write_text(to_json(record.as_dict()), record_path(Path(program.file.file)))
    return record


def constant_heads(parity: Parity) -> tuple[str, ...]:
    """A note on each output that is the same for all inputs, beside others that are not."""
    return tuple(
        f"{head} does not depend on the values of the inputs, and is proved for one value alone"
        for head in parity.constant_heads
    )


@dataclass
class Attempt:
    """The facts known during a conversion, for its record or that of a failure.

    Attributes:
        model: Name of the network, or stem of the `-symbol.json`.
        source: The source of the arrays; a file's hash is added when it has been read.
        family: `graph`, or the name of the architecture.
        clock: Times of the steps.
    """

    model: str
    source: Source
    family: str = "graph"
    clock: Clock = field(default_factory=Clock)

    @property
    def name(self) -> str:
        """Start of the program's file name."""
        return "gluon_" + re.sub(r"[^A-Za-z0-9_.]", "_", self.model)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Give errors of the conversion their record."""
        try:
            yield
        except ConversionError as error:
            error.failure = Failure(
                model=self.model,
                name=self.name,
                family=self.family,
                error=str(error),
                source=self.source,
                parity=error.parity if isinstance(error, ParityError) else None,
                seconds=self.clock.seconds(),
            )
            raise


def path_text(path: str | os.PathLike[str]) -> str:
    """A path as text that JSON can store."""
    return os.fsencode(path).decode("utf-8", "replace")


def reference_of(request: Request) -> str:
    """`gluon`, `none`, or the path of a saved reference."""
    chosen = os.fspath(request.reference)
    if chosen == "auto":
        return "gluon" if has_mxnet() or request.save_reference is not None else "none"
    return chosen


def _classes(network: Network, heads: Sequence[Array]) -> int | None:
    """The number of classes of a network of the zoo, or the number of logits of a classifier."""
    if network.num_classes is not None:
        return network.num_classes
    return heads[0].shape[1] if heads[0].ndim == 2 and not network.detections else None


def _record(
    attempt: Attempt,
    request: Request,
    graph: Graph,
    network: Network,
    built: BuiltGraph,
    program: WrittenGraph,
    parity: Parity,
) -> GraphRecord:
    """Make the record of a program, which `request.out` will contain.

    Args:
        graph: The graph as it was read.
    """
    file, inputs = program.file, program.inputs
    only = inputs[0].name if len(inputs) == 1 else None
    return GraphRecord(
        model=attempt.model,
        name=attempt.name,
        family=attempt.family,
        format=file.format,
        file=str(Path(request.out) / Path(file.file).name),
        sha256=file.sha256,
        bytes=file.bytes,
        content_sha256=content_sha256(built.module.state_dict()),
        parameters=sum(p.numel() for p in built.module.parameters() if p.requires_grad),
        num_classes=_classes(network, built.heads),
        symbol=path_text(graph.where),
        mxnet_version=graph.version,
        operators=operator_counts(graph),
        input=only,
        input_shape=built.specs[only].shape[1:] if only is not None else None,
        inputs=inputs,
        notes=program.notes,
        source=attempt.source,
        parity=parity,
        versions=versions(parity.reference),
        seconds=attempt.clock.seconds(),
    )
