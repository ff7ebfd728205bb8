"""Conversion of a network of the catalogue, of the zoo, or of a file's graph."""

from __future__ import annotations

from collections.abc import Sequence

from ..checkpoints.record import GraphRecord, Record
from ..files.download import Progress
from ..mappings.catalog import Size
from ..mappings.choices import OURS
from ..mappings.zoo import find_network
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
        formats: Formats of the files: `pth` (the default), `safetensors`, `onnx`.
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
        sizes=tuple(sizes or ()),
        prove=tuple(prove),
        dtype=dtype,
        allow_nonfinite=allow_nonfinite,
        backbone=backbone,
        formats=formats,
        layout=layout,
        labels=labels,
        report=report,
    )
    if request.is_graph:
        raise ValueError(f"{request.model} is converted as a graph: use convert_zoo")
    from .catalog_conversion import run_request

    return run_request(request, progress)


def run(request: Request, progress: Progress | None = None) -> Record | GraphRecord:
    """Run the requested conversion.

    Raises:
        ConversionError: One of its subclasses (errors.py); no file is written then.
    """
    if request.symbol is not None:
        from .graph_conversion import run_graph_request

        return run_graph_request(request)
    if request.is_graph:
        from .zoo_conversion import run_zoo_request

        return run_zoo_request(request, progress)
    from .catalog_conversion import run_request

    return run_request(request, progress)
