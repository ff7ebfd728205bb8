"""The whole road, spelled once: arrays → names → tensors → proof → file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from .assembly import assemble, describe_arrays
from .backbones import take_trunk
from .catalog import Entry, Size, load_catalog
from .choices import DTYPES, FOLDER, FORMATS, INITS, LAYOUTS, OURS, check_choice
from .clock import Clock
from .detect import detect, require_one
from .errors import ConversionError, LabelsError, ParityError
from .files import check_writable
from .fit import Fit, fit
from .labels import Labels, read_labels
from .layouts import load_layout
from .proving import check_reference, choose_reference, prove, write_report
from .record import Failure, Record, Source
from .sources import store
from .sources.download import Progress
from .sources.load import describe_source, load_arrays
from .writing import write


def convert(
    model: str | None = None,
    *,
    params: str | os.PathLike[str] | None = None,
    init: str = "pretrained",
    seed: int = 0,
    out: str | os.PathLike[str] = "weights",
    reference: str | os.PathLike[str] = "auto",
    save_reference: str | os.PathLike[str] | None = None,
    sizes: Sequence[Size] | None = None,
    dtype: str = "keep",
    allow_nonfinite: bool = False,
    backbone: bool = False,
    formats: Sequence[str] = ("pth",),
    layout: str = OURS,
    labels: str | os.PathLike[str] | None = None,
    report: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Record:
    """Convert one network, prove it equal to Gluon's, write it.

    Args:
        model: GluonCV's or the published name; None finds the network that `params` is of.
        params: a `.params` file of your own in place of `init`; any class count.
        init: `pretrained` for the published weights, `random` for random ones.
        seed: of random weights, and of the images that parity is measured with.
        out: the folder to write to.
        reference: what parity is measured against: `gluon`, which needs MXNet, `graph`, which does
            not, `none`, or `auto` for the first that is at hand.
        save_reference: a `.npz` to keep the reference's outputs in.
        sizes: heights and widths to measure at; the catalogue's two by default.
        dtype: `float32` widens half-precision weights, `keep` leaves them.
        allow_nonfinite: convert arrays that hold NaN or Inf.
        backbone: `params` is of a segmentation, detection or pose network: convert its
            classification trunk, and leave the rest out.
        formats: of the files to write: `pth`, `safetensors`, `onnx`.
        layout: whose keys they have: `timm`, which are ours, `torchvision` or `mmpretrain`; or
            `timm-folder`, which is a format of its own.
        labels: a file with the names of the classes (converter/labels.py).
        report: a folder for an HTML page of what parity measured, also where it does not hold.
        progress: called while the published file is loaded.

    Raises:
        ConversionError: one of its children (errors.py); then no file is written.
        ValueError: an argument is none of its choices.
    """
    check_choice("init", init, INITS)
    check_reference(reference)
    check_choice("dtype", dtype, DTYPES)
    check_choice("layout", layout, (*LAYOUTS, FOLDER))
    if not formats:
        raise ValueError(f"formats is empty; it can be {', '.join(FORMATS)}")
    for each in formats:
        check_choice("formats", each, FORMATS)
    from .describing import describe
    from .formats import require_libraries

    attempt = _Attempt(load_catalog().find(model) if model is not None else None)
    try:
        attempt.source = describe_source(attempt.entry, params, init, seed)
        chosen = choose_reference(reference)
        for folder in _folders(out, report, save_reference):
            check_writable(folder)
        names = read_labels(labels) if labels is not None else None
        with ThreadPoolExecutor(1) as background:
            with attempt.clock("source"):
                arrays = load_arrays(attempt.entry, attempt.source, params, progress)
            if params is not None:
                sha1 = background.submit(store.file_sha1, Path(params))
            with attempt.clock("map"):
                trunk = take_trunk(arrays) if backbone else None
                if trunk is not None:
                    arrays = {name: arrays[original] for original, name in trunk.names.items()}
                specs = describe_arrays(arrays)
                if attempt.entry is None:
                    attempt.entry = require_one(detect(specs, headless=backbone), params)
                fitted = fit(attempt.entry, specs, headless=backbone).require()
                check_wishes(fitted, layout, names)
                require_libraries(formats)
                converted = assemble(fitted, arrays, dtype, allow_nonfinite)
            try:
                parity = prove(converted, chosen, sizes, seed, attempt.clock, save_reference)
            except ParityError as error:
                if report is not None:
                    write_report(Path(report), attempt.failure(error), converted)
                raise
            if params is not None:
                attempt.source = replace(attempt.source, sha1=sha1.result())
            record = describe(
                converted, parity, attempt.source, layout=layout, labels=names, trunk=trunk
            )
            formats = (FOLDER,) if layout == FOLDER else formats
            record = write(converted, record, Path(out), formats, attempt.clock)
            if report is not None:
                write_report(Path(report), record, converted)
            return record
    except ConversionError as error:
        error.failure = attempt.failure(error)
        raise


def _folders(
    out: str | os.PathLike[str],
    report: str | os.PathLike[str] | None,
    save_reference: str | os.PathLike[str] | None,
) -> list[Path]:
    """Where will be written to."""
    folders = [Path(out)]
    folders += [Path(report)] if report is not None else []
    folders += [Path(save_reference).parent] if save_reference is not None else []
    return folders


def check_wishes(fitted: Fit, layout: str, labels: Labels | None) -> None:
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
    source: Source | None = None
    clock: Clock = field(default_factory=Clock)

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
