"""A proved network → its files, and the record of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .assembly import Converted
from .clock import Clock
from .files import record_path, staging, write_text
from .layouts import snippet, to_layout
from .record import Record, WrittenFile, to_json


def write(
    converted: Converted, record: Record, out: Path, formats: Sequence[str], clock: Clock
) -> Record:
    """Write a network in each format, and for each file the record, which gets them.

    All of them appear in the folder when the last is written; what failed leaves no file, and what
    was there before stays.
    """
    from .formats import write_file
    from .formats.job import Job

    name = record.name if record.backbone_of is None else f"{record.name}_backbone"
    with staging(out) as staged:
        with clock("write"):
            tensors = to_layout(record.layout, converted.fit.entry, converted.tensors)
            job = Job(tensors, staged, name, record, converted.network)
            written = [write_file(format_, job) for format_ in formats]
        files = [replace(file, file=str(out / Path(file.file).name)) for file in written]
        records = [_record_of(file, files, record, clock) for file in files]
        for file, about in zip(written, records, strict=True):
            write_text(to_json(about.as_dict()), record_path(Path(file.file)))
    return records[0]


def _record_of(
    file: WrittenFile, files: Sequence[WrittenFile], record: Record, clock: Clock
) -> Record:
    """The record of one of the files, which it names first."""
    others = tuple(each for each in files if each is not file)
    load = snippet(record.layout, record, file.file)
    return replace(record, files=(file, *others), load=load, seconds=clock.seconds())
