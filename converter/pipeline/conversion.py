"""Conversion of a network of the catalogue, of the zoo, or of a file's graph."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..checkpoints.record import GraphRecord, Record
from ..errors import CheckpointError, ConversionError, GraphError
from ..files.download import Progress
from ..files.path_text import path_text
from ..mappings.catalog import Size
from ..mappings.choices import FORMATS, OURS, as_tuple
from ..mappings.zoo import find_network
from ..sources.arrays import Arrays
from .request import PathLike, Request


def convert(
    model: str | None = None,
    *,
    params: PathLike | None = None,
    init: str | None = None,
    seed: int = 0,
    out: PathLike = "weights",
    reference: PathLike = "auto",
    save_reference: PathLike | None = None,
    sizes: Sequence[Size] | None = None,
    prove: Sequence[str] = (),
    dtype: str = "keep",
    allow_nonfinite: bool = False,
    backbone: bool = False,
    formats: Sequence[str] | None = None,
    layout: str = OURS,
    labels: PathLike | None = None,
    report: PathLike | None = None,
    progress: Progress | None = None,
) -> Record:
    """Convert one network, prove it equal to Gluon's and write it.

    Args:
        model: GluonCV's name or the published name; None detects a network of the catalogue from
            `params`. `convert_zoo` converts networks of mappings/zoo/.
        params: Path of your own `.params` file, used instead of `init`; with any number of classes.
        init: `pretrained` (the default) for the published weights, `random` for random ones.
        seed: Seed of random weights, and of the images that parity is measured with.
        out: Folder to write to.
        reference: What parity is measured against: `gluon`, which needs MXNet; `graph`, which does
            not; `none`; `auto` for gluon if MXNet is installed and graph otherwise; or the path of
            a saved reference.
        save_reference: A `.npz` to save the reference's outputs to.
        sizes: Heights and widths to measure at, in pixels; by default the catalogue's two.
        prove: `training` also compares gradients, running statistics and three steps of SGD with
            Gluon's, which needs MXNet.
        dtype: `float32` widens half-precision weights, `keep` does not change them.
        allow_nonfinite: Whether to convert arrays that contain NaN or Inf.
        backbone: Whether `params` belongs to a segmentation, detection or pose network, of which
            only the classification trunk is converted.
        formats: Formats of the files: `pth` (the default), `safetensors`, `onnx`, `py`.
        layout: Library whose keys the files use: `timm`, whose keys are ours, `torchvision` or
            `mmpretrain`; or `timm-folder`, which is a format of its own.
        labels: A file with the class names (mappings/class_labels.py).
        report: Folder for an HTML report of the measured parity, written even if parity fails.
        progress: Called during the download with the bytes so far and in total.

    Raises:
        ConversionError: One of its subclasses (errors.py); no file is written then.
        ValueError: If an argument has an unknown value, or two arguments conflict.
    """
    request = Request(
        model=None if model is None else find_network(model).name,
        params=params,
        init=init,
        seed=seed,
        out=out,
        reference=reference,
        save_reference=save_reference,
        sizes=as_tuple("sizes", sizes or ()),
        prove=as_tuple("prove", prove),
        dtype=dtype,
        allow_nonfinite=allow_nonfinite,
        backbone=backbone,
        formats=None if formats is None else as_tuple("formats", formats),
        layout=layout,
        labels=labels,
        report=report,
    )
    if request.is_graph:
        raise ValueError(f"{request.model} is converted as a graph: use convert_zoo")
    from .catalog_conversion import run_request

    return run_request(request, progress)


def run(
    request: Request,
    progress: Progress | None = None,
    load: Callable[[], Arrays] | None = None,
) -> Record | GraphRecord:
    """Run the requested conversion.

    Args:
        progress: As in `convert`.
        load: Returns the arrays of a catalogue network, if they are loaded elsewhere.

    Raises:
        ConversionError: One of its subclasses (errors.py); no file is written then.
    """
    if request.symbol is not None:
        from .graph_conversion import run_graph_request

        return run_graph_request(request)
    request = _of_detected_network(request)
    if request.is_graph:
        from .zoo_conversion import run_zoo_request

        return run_zoo_request(request, progress)
    if others := [each for each in request.formats or () if each not in FORMATS]:
        where = "" if request.params is None else f"{path_text(request.params)}: "
        raise CheckpointError(
            f"{where}the format {others[0]} is for networks that are converted as graphs; choose "
            f"from {', '.join(FORMATS)}"
        )
    from .catalog_conversion import run_request

    return run_request(request, progress, load)


def _of_detected_network(request: Request) -> Request:
    """The request with the name of the network, if it names none and its file is one of the zoo's.

    Networks of the catalogue are detected when the arrays have been read.

    Raises:
        GraphError: If an option does not apply to the network.
    """
    from ..graph.zoo.zoo_detection import detect_zoo
    from ..mapping.assignment import array_specs
    from ..sources.params import read_params

    if request.model is not None or request.params is None or request.backbone:
        return request
    try:
        specs = array_specs(read_params(request.params))
    except ConversionError:  # to be reported with the facts of the conversion
        return request
    found = detect_zoo({name: spec.shape for name, spec in specs.items()})
    if found is None or len(found.entries) != 1:
        return request
    name = found.entries[0].name
    try:
        return replace(request, model=name)
    except ValueError as error:
        raise GraphError(f"{os.fspath(request.params)}: is a file of {name}: {error}") from error
