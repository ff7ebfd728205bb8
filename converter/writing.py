"""A proved network → its files, and beside each the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .assembly import Converted
from .clock import Clock
from .files import record_path, remove, write_text
from .layouts import snippet, to_layout
from .record import Record, WrittenFile, to_json


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
