"""The whole road, spelled once: arrays → names → tensors → proof → file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from .assembly import Converted, assemble, describe_arrays
from .backbones import Trunk, take_trunk
from .catalog import Entry, Size, load_catalog
from .choices import DTYPES, INITS, REFERENCES, check_choice
from .compat import has_mxnet
from .detect import detect, require_one
from .errors import ConversionError, MissingDependencyError, ParityError
from .files import write_text
from .fit import fit
from .record import Failure, Parity, Record, Source, to_json
from .sources import store
from .sources.load import describe_source, load_arrays


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
    progress: store.Progress | None = None,
) -> Record:
    """Convert one network, prove it equal to Gluon's, write it.

    Args:
        model: GluonCV's or the published name; None finds the network that `params` is of.
        params: a `.params` file of your own in place of `init`; any class count.
        init: `pretrained` for the published weights, `random` for random ones.
        seed: of random weights, and of the images that parity is measured with.
        out: the folder to write to.
        reference: what parity is measured against: `gluon`, `none`, or `auto` for `gluon`.
        sizes: heights and widths to measure at; the catalogue's two by default.
        dtype: `float32` widens half-precision weights, `keep` leaves them.
        allow_nonfinite: convert arrays that hold NaN or Inf.
        backbone: `params` is of a segmentation, detection or pose network: convert its
            classification trunk, and leave the rest out.
        progress: called while the published file is loaded.

    Raises:
        ConversionError: one of its children (errors.py); then no file is written.
        ValueError: an argument is none of its choices.
    """
    check_choice("init", init, INITS)
    check_choice("reference", reference, REFERENCES)
    check_choice("dtype", dtype, DTYPES)
    attempt = _Attempt(load_catalog().find(model) if model is not None else None)
    try:
        attempt.source = describe_source(attempt.entry, params, init, seed)
        reference = choose_reference(reference)
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
                converted = assemble(fitted, arrays, dtype, allow_nonfinite)
            parity = prove(converted, reference, sizes, seed, attempt.clock)
            if params is not None:
                attempt.source = replace(attempt.source, sha1=sha1.result())
            return write(converted, parity, attempt.source, Path(out), attempt.clock, trunk)
    except ConversionError as error:
        error.failure = attempt.failure(error)
        raise


def choose_reference(reference: str) -> str:
    """`auto` → the best reference that is installed.

    Raises:
        MissingDependencyError: there is none.
    """
    if reference == "auto" and not has_mxnet():
        raise MissingDependencyError(
            "parity needs MXNet and GluonCV, which are not installed: "
            "`pip install 'gluon2torch[gluon]'`, or `--reference none` to go without the proof"
        )
    return "gluon" if reference == "auto" else reference


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
    from .sources.gluon import GluonReference

    clock = clock or Clock()
    entry, stages = converted.fit.entry, converted.fit.keymap.stages
    with clock("reference"):
        gluon = GluonReference(
            entry.name,
            converted.reference_arrays(),
            stages,
            converted.fit.num_classes or 1,
            imperative=converted.fit.keymap.imperative,
        )
    with clock("parity"):
        try:
            parity = measure(
                converted.network(),
                gluon,
                stages,
                sizes or [entry.dataset.input_size, entry.dataset.odd_size],
                in_chans=converted.fit.in_chans,
                seed=seed,
            )
        finally:
            gluon.close()
    require(parity, entry.name)
    return parity


def write(
    converted: Converted,
    parity: Parity,
    source: Source,
    out: Path,
    clock: Clock,
    trunk: Trunk | None = None,
) -> Record:
    """Write the checkpoint, and the record beside it."""
    from .checkpoint import content_sha256, write_pth

    entry = converted.fit.entry
    with clock("write"):
        content = content_sha256(converted.tensors)
        name = entry.published if trunk is None else f"{entry.published}_backbone"
        written = write_pth(converted.tensors, out, name)
    record = Record(
        model=entry.name,
        name=entry.published,
        family=entry.family,
        file=str(written.path),
        sha256=written.sha256,
        content_sha256=content,
        bytes=written.bytes,
        parameters=converted.fit.parameters,
        num_classes=converted.fit.num_classes,
        source=source,
        parity=parity,
        seconds=clock.seconds(),
        backbone_of=trunk.kind if trunk else None,
        left_out=trunk.left_out if trunk else None,
    )
    try:
        write_text(to_json(record.as_dict()), written.path.with_suffix(".json"))
    except BaseException:  # what failed leaves no file
        written.path.unlink(missing_ok=True)
        raise
    return record


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
