"""Conversion of a catalogue network: arrays → names → tensors → parity proof → files."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ..checkpoints.clock import Clock
from ..checkpoints.file_detection import detect_file, next_step, other_networks
from ..checkpoints.output import write
from ..checkpoints.record import Record
from ..errors import KeyMapError, LabelsError, ParityError
from ..files.download import Progress
from ..files.hashes import file_sha1
from ..files.path_text import path_text
from ..files.stages import announce_step
from ..mapping.assignment import array_specs, refuse
from ..mapping.detection import require_one
from ..mapping.fit import Fit, Specs, fit
from ..mapping.trunk import Trunk, take_trunk
from ..mappings.catalog import Entry, load_catalog
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
from ..sources.arrays import Arrays
from ..sources.source import describe_source, load_arrays
from ..weights.content_hash import content_sha256
from ..weights.converted import Converted, assemble
from .attempt import Attempt
from .output_check import check_outputs
from .request import Request


def run_request(
    request: Request,
    progress: Progress | None = None,
    load: Callable[[], Arrays] | None = None,
) -> Record:
    """Run the requested conversion: arrays → names → tensors → parity proof → files.

    Args:
        progress: As in `convert`.
        load: Returns the arrays of the source, if they are loaded elsewhere.

    Raises:
        ConversionError: As `convert`.
    """
    from ..checkpoints.formats import require_libraries
    from ..checkpoints.record_draft import draft_record

    params, seed, clock = request.params, request.seed, Clock()
    entry = load_catalog().find(request.model) if request.model is not None else None
    formats = (FOLDER,) if request.layout == FOLDER else tuple(request.formats or ("pth",))
    attempt = Attempt(clock=clock)
    _note(attempt, entry)
    with attempt.failures():
        source = attempt.source = describe_source(entry, params, request.init or INITS[0], seed)
        reference = choose_reference(request.reference)
        check_outputs(request)
        labels = read_labels(request.labels) if request.labels is not None else None
        # one thread each for the hashes, which two would only slow, and for the import of torch
        with ThreadPoolExecutor(1) as hashing, ThreadPoolExecutor(1) as importing:
            with clock("source"):
                if load is not None:
                    arrays = load()
                else:
                    arrays = load_arrays(entry, source, params, progress)
            sha1 = hashing.submit(file_sha1, Path(params)) if params is not None else None
            with clock("map"):
                fitted, arrays, trunk = _fit(entry, arrays, request)
                _note(attempt, fitted.entry)
                check_output(fitted, request.layout, labels, _prefix(request))
                require_libraries(formats)
                if reference == "none":  # it takes longer than all steps before the writing
                    importing.submit(importlib.import_module, "torch")
                converted = assemble(
                    fitted, arrays, request.dtype, request.allow_nonfinite, _prefix(request)
                )
                content = hashing.submit(content_sha256, converted.values)
            try:
                parity = _prove(converted, reference, request, clock)
            except ParityError as error:
                if request.report is not None:
                    announce_step("report")
                    facts = attempt.failure(error).as_dict()
                    write_report(Path(request.report), facts, error.parity, converted)
                raise

            def draft() -> Record:
                """The record, when its hashes are ready: they are computed during the writing."""
                hashed = replace(source, sha1=sha1.result()) if sha1 is not None else source
                return draft_record(
                    converted,
                    parity,
                    hashed,
                    content.result(),
                    layout=request.layout,
                    labels=labels,
                    trunk=trunk,
                )

            layout = OURS if request.layout == FOLDER else request.layout
            name = fitted.entry.published + ("" if trunk is None else "_backbone")
            record = write(converted, draft, layout, Path(request.out), name, formats, clock)
            if request.report is not None:
                announce_step("report")
                write_report(Path(request.report), record.as_dict(), parity, converted)
            return record


def _fit(entry: Entry | None, arrays: Arrays, request: Request) -> tuple[Fit, Arrays, Trunk | None]:
    """Find the network of the arrays, if none is given, and how they fit it.

    Returns:
        The fit; the arrays of the network, and the trunk that they are, if they were extracted.

    Raises:
        ConversionError: If the arrays are not those of the network, or of no known one.
    """
    trunk = _take_trunk(arrays, _prefix(request)) if request.backbone else None
    if trunk is not None:
        arrays = {name: arrays[original] for original, name in trunk.names.items()}
    specs = array_specs(arrays)
    if entry is None:
        found = detect_file(specs, headless=request.backbone)
        entry = require_one(found, request.params, next_step(specs, request.params))
    fitted = fit(entry, specs, headless=request.backbone)
    _require_fit(fitted, specs, request)
    return fitted, arrays, trunk


def _prefix(request: Request) -> str:
    """The start of an error about the arrays: the path of the file, if they are from one."""
    return f"{path_text(request.params)}: " if request.params is not None else ""


def _take_trunk(arrays: Arrays, prefix: str) -> Trunk:
    """Find the trunk; an error names the networks that the whole file fits, if there are any."""
    try:
        return take_trunk(arrays)
    except KeyMapError as error:
        if not (models := detect_file(array_specs(arrays)).models):
            raise
        raise KeyMapError(
            f"{prefix}has no network with a backbone, but fits {' and '.join(models)}: omit "
            "`--backbone`"
        ) from error


def _require_fit(fitted: Fit, specs: Specs, request: Request) -> None:
    """Require that the arrays are those of a network; an error says how to convert them instead.

    Raises:
        KeyMapError: If they are not.
    """
    if not fitted.problems:
        return
    name = fitted.entry.name
    summary = f"{_prefix(request)}the arrays are not those of {name}"
    others = other_networks(specs, name, headless=request.backbone)
    step = f"; convert them as {others}" if others else next_step(specs, request.params, name)
    refuse(f"{summary}{step}", fitted.problems)


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


def check_output(fitted: Fit, layout: str, labels: Labels | None, prefix: str = "") -> None:
    """Check, before the proof, that the network can be written as requested.

    Args:
        prefix: Start of an error about the number of labels: the path of the file.

    Raises:
        UnknownModelError: If the layout's library does not have the network.
        LabelsError: If the number of labels differs from the number of classes.
    """
    if layout != OURS:
        load_layout(OURS if layout == FOLDER else layout).row(fitted.entry)
    if labels is not None and len(labels.ids) != fitted.num_classes:
        raise LabelsError(
            f"{prefix}{len(labels.ids)} class names were given; the file has "
            f"{fitted.num_classes} classes"
        )


def _note(attempt: Attempt, entry: Entry | None) -> None:
    """Note the network, if it is known."""
    if entry is not None:
        attempt.model, attempt.name, attempt.family = entry.name, entry.published, entry.family
