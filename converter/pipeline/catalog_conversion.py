"""The conversion of a network of the catalogue: arrays → names → tensors → proof → file."""

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
from ..parity.proof import choose_reference, open_reference, prove_against, write_report
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
    dtype: str = "keep",
    allow_nonfinite: bool = False,
    backbone: bool = False,
    formats: Sequence[str] | None = None,
    layout: str = OURS,
    labels: PathLike | None = None,
    report: PathLike | None = None,
    progress: Progress | None = None,
) -> Record:
    """Convert one network, prove it equal to Gluon's, write it.

    Args:
        model: GluonCV's or the published name; None detects the network from `params`.
        params: a `.params` file of your own in place of `init`; any class count.
        init: `pretrained`, the default, for the published weights, `random` for random ones.
        seed: of random weights, and of the images that parity is measured with.
        out: the folder to write to.
        reference: what parity is measured against: `gluon`, which needs MXNet, `graph`, which does
            not, `none`, `auto` for gluon where MXNet is installed and graph elsewhere, or a saved
            reference's path.
        save_reference: a `.npz` to keep the reference's outputs in.
        sizes: heights and widths to measure at, in pixels; the catalogue's two by default.
        dtype: `float32` widens half-precision weights, `keep` leaves them.
        allow_nonfinite: convert arrays that hold NaN or Inf.
        backbone: `params` is of a segmentation, detection or pose network: convert its
            classification trunk, and leave the rest out.
        formats: of the files to write, `pth` by default: `pth`, `safetensors`, `onnx`.
        layout: whose keys they have: `timm`, which are ours, `torchvision` or `mmpretrain`; or
            `timm-folder`, which is a format of its own.
        labels: a file with the names of the classes (mappings/class_labels.py).
        report: a folder for an HTML page of what parity measured, also where it does not hold.
        progress: called during the download with the bytes so far and in all.

    Raises:
        ConversionError: one of its children (errors.py); then no file is written.
        ValueError: an argument is none of its choices, or two do not go together.
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
    """Convert what is asked for: arrays → names → tensors → proof → file.

    Raises:
        ConversionError: as `convert`.
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
        return prove_against(converted, original, request.sizes, request.seed, save)


def check_output(fitted: Fit, layout: str, labels: Labels | None) -> None:
    """Refuse before the proof what could not be written after it.

    Raises:
        UnknownModelError: the layout's library has no such network.
        LabelsError: there are more or fewer names than classes.
    """
    if layout != OURS:
        load_layout(OURS if layout == FOLDER else layout).row(fitted.entry)
    if labels is not None and len(labels.ids) != fitted.num_classes:
        raise LabelsError(
            f"{len(labels.ids)} names of classes were given; the file has {fitted.num_classes}"
        )


@dataclass
class _Attempt:
    """What is known of a conversion under way, for the record of its failure."""

    entry: Entry | None
    clock: Clock
    source: Source | None = None

    def failure(self, error: ConversionError) -> Failure:
        """The record of a conversion that this error ended."""
        return Failure(
            model=self.entry.name if self.entry else None,
            name=self.entry.published if self.entry else None,
            family=self.entry.family if self.entry else None,
            error=str(error),
            source=self.source,
            parity=error.parity if isinstance(error, ParityError) else None,
            seconds=self.clock.seconds(),
        )
