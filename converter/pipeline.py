"""The whole road, spelled once: arrays → names → tensors → proof → file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .assembly import Converted, assemble, describe_arrays
from .backbones import take_trunk
from .catalog import Entry, Size, load_catalog
from .choices import DTYPES, FOLDER, FORMATS, INITS, LAYOUTS, OURS, REFERENCES, check_choice
from .compat import has_mxnet
from .detect import detect, require_one
from .errors import ConversionError, LabelsError, ParityError
from .files import check_writable, record_path, remove, write_text
from .fit import Fit, fit
from .labels import Labels, read_labels
from .layouts import load_layout, snippet, to_layout
from .record import Failure, Parity, Record, Source, WrittenFile, to_json
from .sources import store
from .sources.download import Progress
from .sources.load import describe_source, load_arrays

if TYPE_CHECKING:
    from .report.layers import LayerDifference
    from .graph.reference import GraphReference
    from .sources.gluon import GluonReference


def convert(
    model: str | None = None,
    *,
    params: str | os.PathLike[str] | None = None,
    init: str = "pretrained",
    seed: int = 0,
    out: str | os.PathLike[str] = "weights",
    reference: str = "auto",
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
    check_choice("reference", reference, REFERENCES)
    check_choice("dtype", dtype, DTYPES)
    check_choice("layout", layout, (*LAYOUTS, FOLDER))
    for each in formats:
        check_choice("formats", each, FORMATS)
    from .describing import describe

    attempt = _Attempt(load_catalog().find(model) if model is not None else None)
    try:
        attempt.source = describe_source(attempt.entry, params, init, seed)
        reference = choose_reference(reference)
        check_writable(Path(out))
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
                converted = assemble(fitted, arrays, dtype, allow_nonfinite)
            try:
                parity = prove(converted, reference, sizes, seed, attempt.clock)
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


def choose_reference(reference: str) -> str:
    """`auto` → MXNet where it is installed, else the network's stored graph."""
    if reference == "auto":
        return "gluon" if has_mxnet() else "graph"
    return reference


def open_reference(converted: Converted, reference: str) -> GluonReference | GraphReference:
    """The network that the converted one should equal.

    Raises:
        MissingDependencyError: it needs MXNet, which is not at hand.
        GraphError: it needs a graph, which the network does not have.
    """
    name, keymap = converted.fit.entry.name, converted.fit.keymap
    arrays = converted.reference_arrays()
    if reference == "graph":
        from .graph.reference import GraphReference

        return GraphReference(name, arrays, keymap.stages)
    from .sources.gluon import GluonReference

    classes = converted.fit.num_classes or 1
    return GluonReference(name, arrays, keymap.stages, classes, imperative=keymap.imperative)


def prove(
    converted: Converted,
    reference: str,
    sizes: Sequence[Size] | None = None,
    seed: int = 0,
    clock: Clock | None = None,
) -> Parity:
    """Measure parity and insist on it.

    Raises:
        ParityError: it does not hold.
    """
    if reference == "none":
        return Parity("none", None)
    from .parity import measure, require

    clock = clock or Clock()
    entry, stages = converted.fit.entry, converted.fit.keymap.stages
    with clock("reference"):
        original = open_reference(converted, reference)
    with clock("parity"):
        try:
            parity = measure(
                converted.network(),
                original,
                stages,
                sizes or [entry.dataset.input_size, entry.dataset.odd_size],
                in_chans=converted.fit.in_chans,
                seed=seed,
            )
        finally:
            original.close()
    require(parity, entry.name)
    return parity


def write(
    converted: Converted, record: Record, out: Path, formats: Sequence[str], clock: Clock
) -> Record:
    """Write a network in each format, and beside each file the record, which gets them."""
    from .formats import write_file
    from .formats.job import Job

    name = record.name if record.backbone_of is None else f"{record.name}_backbone"
    entry = converted.fit.entry
    files: list[WrittenFile] = []
    written: list[Path] = []
    try:
        with clock("write"):
            tensors = to_layout(record.layout, entry, converted.tensors)
            job = Job(tensors, out, name, record, converted.network)
            for format_ in formats:
                files.append(write_file(format_, job))
                written.append(Path(files[-1].file))
        record = replace(
            record,
            files=tuple(files),
            load=snippet(record.layout, record, files[0].file),
            seconds=clock.seconds(),
        )
        for file in files:
            others = tuple(each for each in files if each is not file)
            about = replace(record, files=(file, *others))
            write_text(to_json(about.as_dict()), record_path(Path(file.file)))
            written.append(record_path(Path(file.file)))
    except BaseException:  # what failed leaves no file
        for path in written:
            remove(path)
        raise
    return record


def write_report(folder: Path, result: Record | Failure, converted: Converted) -> None:
    """Compare the two networks layer by layer, and write the page that shows it.

    A reference that gives no more than the stages has its page without the layers.
    """
    from .report.layers import compare_layers, every_layer
    from .report.page import write_pages

    layers: list[LayerDifference] = []
    if result.parity is not None and result.parity.reference == "gluon":
        from .sources.gluon import GluonReference

        fit = converted.fit
        wanted = every_layer(converted)
        reference = GluonReference(
            fit.entry.name,
            converted.reference_arrays(),
            wanted,
            fit.num_classes or 1,
            imperative=fit.keymap.imperative,
        )
        try:
            layers = compare_layers(converted, reference, wanted, fit.entry.dataset.odd_size)
        finally:
            reference.close()
    write_pages(folder, result, converted, layers)


@dataclass
class _Attempt:
    """What is known of a conversion under way, for the record of its failure."""

    entry: Entry | None
    source: Source | None = None
    clock: Clock = field(default_factory=lambda: Clock())

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


class Clock:
    """Wall time by step."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._steps[step] = time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        total = time.perf_counter() - self._start
        return {step: round(value, 3) for step, value in (self._steps | {"total": total}).items()}
