"""Conversion of a network of mappings/zoo/: stored graph and arrays → module → proof → program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..checkpoints.file_detection import other_networks
from ..checkpoints.formats import GRAPH_WRITERS, require_libraries
from ..checkpoints.record import GraphRecord
from ..errors import GraphError
from ..files.download import Progress
from ..files.hashes import file_sha1
from ..files.path_text import path_text
from ..graph.inputs.image_sizes import for_inputs, has_fixed_sizes
from ..graph.inputs.input_spec import InputSpec, random_inputs
from ..graph.inputs.shapes import input_specs
from ..graph.symbols.graph_cut import cut
from ..graph.symbols.symbol_writer import symbol_json
from ..graph.zoo.class_count import dependence, fitted
from ..graph.zoo.nms_settings import NmsSettings
from ..graph.zoo.prefixed_names import structural_names
from ..graph.zoo.zoo_detection import fits
from ..graph.zoo.zoo_graph import ZooGraph, load_zoo_graph
from ..graph.zoo.zoo_settings import check_settings, with_settings
from ..mapping.assignment import array_specs
from ..mappings.choices import INITS, as_tuple
from ..mappings.heads import Head, load_heads
from ..mappings.zoo import ZooEntry, find_network, load_zoo
from ..parity.head_measurement import run
from ..sources.arrays import Arrays
from ..sources.params import read_params
from ..sources.source import Source, describe_source
from ..sources.zoo_arrays import load_zoo_arrays
from .graph_conversion import (
    check_sound,
    prove_and_write,
    reference_of,
)
from .graph_inputs import BuiltGraph, build_for_shapes, build_with_inputs
from .graph_proof import Network, network_of
from .graph_record import GraphAttempt
from .input_shapes import InputShape, input_shapes
from .output_check import check_outputs
from .request import PathLike, Request

WITHOUT_THRESHOLD = (
    "the network finds nothing in the proof's random images, so that it was proved with a score "
    "threshold of 0; the program has the network's own"
)


def convert_zoo(
    model: str,
    *,
    params: PathLike | None = None,
    init: str | None = None,
    seed: int = 0,
    out: PathLike = "weights",
    reference: PathLike = "auto",
    save_reference: PathLike | None = None,
    inputs: Mapping[str, InputShape] | None = None,
    outputs: Sequence[str] = (),
    nms_thresh: float | None = None,
    score_thresh: float | None = None,
    nms_topk: int | None = None,
    post_nms: int | None = None,
    nms: bool = True,
    allow_nonfinite: bool = False,
    formats: Sequence[str] | None = None,
    report: PathLike | None = None,
    progress: Progress | None = None,
) -> GraphRecord:
    """Convert a network of mappings/zoo/, prove it equal to MXNet's and write it.

    Args:
        model: GluonCV's name.
        params: Path of your own `.params` file, used instead of `init`.
        init: `pretrained` (the default) for the published weights, `random` for random ones.
        seed: Seed of random weights, and of the inputs that parity is measured with.
        out: Folder to write to.
        reference: `gluon` for MXNet itself, `none`, `auto` for MXNet if it is installed, or the
            path of a saved reference.
        save_reference: A `.npz` to save MXNet's outputs to, as a reference where MXNet is not
            installed.
        inputs: Shapes of the inputs that the files are for, with the batch; by default the
            published ones.
        outputs: Names of the nodes of the stored graph whose values are the outputs, in place of
            the network's.
        nms_thresh: Overlap (intersection over union) above which a detector's NMS suppresses a box,
            instead of GluonCV's setting. Networks that do not have one of these settings refuse it.
        score_thresh: Lowest score of a detection.
        nms_topk: Number of boxes that NMS looks at, the best first; −1 for all. In CenterNet, the
            number of detections.
        post_nms: Number of detections that are returned, the best first; −1 for all.
        nms: Whether there is NMS; without it, a detector's outputs are all boxes with their classes
            and scores.
        allow_nonfinite: As in `convert_graph`.
        formats: Formats of the files: `pt2` (the default), `pth`, `safetensors`, `onnx`, `py`.
        report: Folder for an HTML report, as in `convert_graph`.
        progress: Called during the download with the bytes so far and in total.

    Raises:
        ConversionError: One of its subclasses (errors.py); no file is written then.
        ValueError: If an argument has an unknown value, or two arguments conflict.
    """
    request = Request(
        model=find_network(model).name,
        params=params,
        init=init,
        seed=seed,
        out=out,
        reference=reference,
        save_reference=save_reference,
        inputs=input_shapes(inputs),
        outputs=as_tuple("outputs", outputs),
        nms_thresh=nms_thresh,
        score_thresh=score_thresh,
        nms_topk=nms_topk,
        post_nms=post_nms,
        nms=nms,
        allow_nonfinite=allow_nonfinite,
        formats=None if formats is None else as_tuple("formats", formats),
        report=report,
    )
    if not request.is_graph:
        raise ValueError(f"{request.model} is a network of the catalogue: use convert")
    return run_zoo_request(request, progress)


def run_zoo_request(request: Request, progress: Progress | None = None) -> GraphRecord:
    """Run the requested conversion of a network of mappings/zoo/.

    Raises:
        ConversionError: One of its subclasses (errors.py); no file is written then.
    """
    assert request.model is not None, "requests without a model are for run_request"
    entry, params = load_zoo()[request.model], request.params
    init = request.init or INITS[0]
    # what is cut off elsewhere is not the network that predictions are known for
    name = f"{entry.name}-cut" if request.outputs else entry.name
    first = Source("params" if params is not None else init)
    attempt = GraphAttempt(model=name, source=first, family=entry.family)
    with attempt.failures():
        attempt.source = source = describe_source(entry, params, init, request.seed)
        check_outputs(request)
        require_libraries(request.formats or (), GRAPH_WRITERS)
        with attempt.clock("source"):
            stored = load_zoo_graph(entry)
            cut(stored.graph, request.outputs)  # names of other nodes are refused before all work
            head = load_heads()[entry.head] if entry.head is not None else None
            check_settings(entry.name, head, request.settings)
            names = check_network(entry, stored, params) if params is not None else None
            arrays = load_zoo_arrays(
                entry, stored.shapes, stored.constants, source, params, progress, names
            )
            if params is not None:
                attempt.source = replace(source, sha1=file_sha1(Path(params)))
            where = path_text(params) if params is not None else entry.name
            check_sound(where, arrays, allow_nonfinite=request.allow_nonfinite)
        with attempt.clock("map"):
            shapes = {name: array.shape for name, array in arrays.items()}
            fitting = fitted(stored, head, shapes)
            count = dependence(fitting, head).count if head is not None else None
            wanted = {name: shape for name, (shape, _) in (request.inputs or {}).items()}
            graph = for_inputs(fitting.graph, entry.inputs, wanted)
            graph = with_settings(graph, head, request.settings)
            whole = not request.outputs
            network = network_of(graph, arrays, dequantize=False, outputs=request.outputs)
            network = replace(
                network,
                text=symbol_json(network.graph),
                notes=(
                    *network.notes,
                    *_changes(stored, head, count, request.settings),
                    *other_constants(stored, network.arrays),
                    *_renamed(names),
                ),
                constants=tuple(name for name in stored.constants if name in network.arrays),
                detections=whole and entry.task == "detection",
                sorted_rows=request.nms,
                num_classes=count if whole else None,
                shapes={**entry.inputs, **wanted} if has_fixed_sizes(network.graph) else None,
            )
            built = _build(entry, network, request)
            proved = _with_detections(entry, network, head, built, request) if whole else None
            if proved is not None:
                network = replace(network, notes=(*network.notes, WITHOUT_THRESHOLD))
            if network.shapes is not None:
                proved = built, network.at(built.examples[0])
        return prove_and_write(attempt, request, graph, network, built, proved)


def _build(entry: ZooEntry, network: Network, request: Request) -> BuiltGraph:
    """Build a network's module for the requested inputs, or for the published ones."""
    following = network.shapes is not None
    if request.inputs is not None:
        return build_with_inputs(
            network.graph, network.arrays, request, network.constants, following=following
        )

    def specs(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, InputSpec]:
        given = {name: (shape, "float32") for name, shape in shapes.items()}
        return input_specs(network.graph, network.arrays, given)

    return build_for_shapes(
        network.graph,
        network.arrays,
        specs(entry.inputs),
        specs(entry.proof),
        network.constants,
        following=following,
    )


def _with_detections(
    entry: ZooEntry, network: Network, head: Head | None, built: BuiltGraph, request: Request
) -> tuple[BuiltGraph, Network] | None:
    """What is proved in place of a detector that finds nothing in random images."""
    if reference_of(request) == "none" or not request.settings.nms:
        return None
    lowered = without_threshold(network, head, built, request.seed)
    return (_build(entry, lowered, request), lowered) if lowered is not None else None


def without_threshold(
    network: Network, head: Head | None, built: BuiltGraph, seed: int
) -> Network | None:
    """The network without its score threshold, if random images have no detections with it.

    Their outputs would be the same for all inputs, which proves nothing: trained detectors seldom
    find something in noise.
    """
    if head is None or "score_thresh" not in head.settings:
        return None
    inputs = random_inputs(built.examples[0], np.random.default_rng(seed))
    ids, *_ = run(built.module, inputs)
    if (ids >= 0).any():
        return None
    graph = with_settings(network.graph, head, NmsSettings(score_thresh=0))
    return replace(network, graph=graph, text=symbol_json(graph))


def check_network(entry: ZooEntry, stored: ZooGraph, params: PathLike) -> dict[str, str] | None:
    """Name the networks that a file belongs to, if they are others than the given one.

    A file that has arrays beyond the graph's can be that of a larger network, too.

    Returns:
        The structural names of the file's arrays, if their names have Gluon's prefixes.

    Raises:
        ParamsFileError: If the file cannot be read.
        GraphError: If it belongs to others.
    """
    specs = array_specs(read_params(params))
    shapes = {name: spec.shape for name, spec in specs.items()}
    if len(specs) == len(stored.shapes) and fits(entry, stored, shapes):
        return None
    if (names := structural_names(stored, shapes)) is not None:
        return names
    if others := other_networks(specs, entry.name):
        where = path_text(params)
        raise GraphError(
            f"{where}: the arrays are not those of {entry.name}; convert them as {others}"
        )
    return None


def _changes(
    stored: ZooGraph, head: Head | None, count: int | None, settings: NmsSettings
) -> Iterator[str]:
    """What was changed in the stored graph, which now has this number of classes."""
    if head is not None and count != (old := dependence(stored, head).count):
        yield f"the graph was changed from {old} classes to the file's {count}"
    if note := settings.note():
        yield note


def _renamed(names: Mapping[str, str] | None) -> Iterator[str]:
    """What was read of a file whose names have Gluon's prefixes."""
    if names is not None:
        old, new = next(iter(names.items()))
        yield (f"names in the file have the prefixes of Gluon's blocks, such as {old} for {new}")


def other_constants(stored: ZooGraph, arrays: Arrays) -> Iterator[str]:
    """A note on the constants of a file, such as anchors of other sizes, that are not GluonCV's.

    Args:
        arrays: The file's arrays, by their names in the graph.
    """
    names = [
        name
        for name, constant in stored.constants.items()
        if name in arrays and not np.array_equal(arrays[name], constant)
    ]
    if names:
        yield f"anchors of the file differ from GluonCV's: {', '.join(names)}; the file's are used"
