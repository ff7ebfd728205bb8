"""Conversion of a catalogue network: arrays → names → tensors → parity proof → files."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from ..checkpoints.clock import Clock
from ..checkpoints.output import write
from ..checkpoints.record import Failure, Record
from ..errors import ConversionError, LabelsError, ParityError
from ..files.atomic_file import check_writable
from ..files.download import Progress
from ..files.hashes import file_sha1
from ..mapping.assignment import array_specs
from ..mapping.detection import detect, require_one
from ..mapping.fit import Fit, fit
from ..mapping.trunk import take_trunk
from ..mappings.catalog import Entry, Size, load_catalog
from ..mappings.choices import FOLDER, INITS, OURS
from ..mappings.class_labels import Labels, read_labels
from ..mappings.layout import load_layout
from ..parity.proof import (
    choose_reference,
    open_reference,
    prove_against,
    prove_training,
    write_report,
)
from ..parity.result import Parity
from ..sources.source import Source, describe_source, load_arrays
from ..weights.converted import Converted, assemble
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
        model: GluonCV's name or the published name; None detects the network from `params`.
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
        model=model,
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
    return run_request(request, progress)


def run_request(request: Request, progress: Progress | None = None) -> Record:
    """Run the requested conversion: arrays → names → tensors → parity proof → files.

    Raises:
        ConversionError: As `convert`.
    """
    from ..checkpoints.formats import require_libraries
    from ..checkpoints.record_draft import draft_record

    params, seed, clock = request.params, request.seed, Clock()
    entry = load_catalog().find(request.model) if request.model is not None else None
    formats = (FOLDER,) if request.layout == FOLDER else tuple(request.formats or ("pth",))
    attempt = _Attempt(entry, clock)
    try:
        attempt.source = describe_source(entry, params, request.init or INITS[0], seed)
        reference = choose_reference(request.reference)
        for folder in request.folders():
            check_writable(folder)
        labels = read_labels(request.labels) if request.labels is not None else None
        with ThreadPoolExecutor(1) as background:
            with clock("source"):
                arrays = load_arrays(entry, attempt.source, params, progress)
            if params is not None:
                sha1 = background.submit(file_sha1, Path(params))
            with clock("map"):
                trunk = take_trunk(arrays) if request.backbone else None
                if trunk is not None:
                    arrays = {name: arrays[original] for original, name in trunk.names.items()}
                specs = array_specs(arrays)
                if entry is None:
                    entry = require_one(detect(specs, headless=request.backbone), params)
                    attempt.entry = entry
                fitted = fit(entry, specs, headless=request.backbone).require()
                check_output(fitted, request.layout, labels)
                require_libraries(formats)
                converted = assemble(fitted, arrays, request.dtype, request.allow_nonfinite)
            try:
                parity = _prove(converted, reference, request, clock)
            except ParityError as error:
                if request.report is not None:
                    facts = attempt.failure(error).as_dict()
                    write_report(Path(request.report), facts, error.parity, converted)
                raise
            if params is not None:
                attempt.source = replace(attempt.source, sha1=sha1.result())
            record = draft_record(
                converted, parity, attempt.source, layout=request.layout, labels=labels, trunk=trunk
            )
            record = write(converted, record, Path(request.out), formats, clock)
            if request.report is not None:
                write_report(Path(request.report), record.as_dict(), parity, converted)
            return record
    except ConversionError as error:
        error.failure = attempt.failure(error)
        raise


def _prove(converted: Converted, reference: str, request: Request, clock: Clock) -> Parity:
    if reference == "none":
        return Parity("none", None)
    save = Path(request.save_reference) if request.save_reference is not None else None
    with clock("reference"):
        original = open_reference(converted, reference, converted.fit.keymap.stages)
    with clock("parity"):
        parity = prove_against(converted, original, request.sizes, request.seed, save)
    if "training" in request.prove:
        with clock("training"):
            parity = prove_training(converted, parity)
    return parity


def check_output(fitted: Fit, layout: str, labels: Labels | None) -> None:
    """Check, before the proof, that the network can be written as requested.

    Raises:
        UnknownModelError: If the layout's library does not have the network.
        LabelsError: If the number of labels differs from the number of classes.
    """
    if layout != OURS:
        load_layout(OURS if layout == FOLDER else layout).row(fitted.entry)
    if labels is not None and len(labels.ids) != fitted.num_classes:
        raise LabelsError(
            f"{len(labels.ids)} class names were given; the file has {fitted.num_classes} classes"
        )


@dataclass
class _Attempt:
    """The facts known during a conversion, for the record of a failure."""

    entry: Entry | None
    clock: Clock
    source: Source | None = None

    def failure(self, error: ConversionError) -> Failure:
        """Make the record of a conversion that failed with this error."""
        return Failure(
            model=self.entry.name if self.entry else None,
            name=self.entry.published if self.entry else None,
            family=self.entry.family if self.entry else None,
            error=str(error),
            source=self.source,
            parity=error.parity if isinstance(error, ParityError) else None,
            seconds=self.clock.seconds(),
        )
