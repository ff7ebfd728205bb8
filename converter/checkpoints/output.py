"""Writing a network's files and their records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..files.atomic_file import record_path, staging, write_text
from ..mapping.layout_keys import to_layout
from ..weights.converted import Converted
from .clock import Clock
from .earlier_record import was_proved
from .loading_snippet import snippet
from .metadata import facts_sha256
from .record import Record, WrittenFile, to_json

if TYPE_CHECKING:
    from ..models import ResNet
    from ..weights.state_dict import Tensors


def write(
    converted: Converted,
    draft: Callable[[], Record],
    layout: str,
    out: Path,
    name: str,
    formats: Sequence[str],
    clock: Clock,
) -> Record:
    """Write a converted network under the keys of a layout; see `write_files`."""
    tensors = to_layout(layout, converted.fit.entry, converted.tensors)
    return write_files(draft, tensors, converted.network, out, name, formats, clock)


def write_files(
    draft: Callable[[], Record],
    tensors: Tensors,
    network: Callable[[], ResNet],
    out: Path,
    name: str,
    formats: Sequence[str] = ("pth",),
    clock: Clock | None = None,
) -> Record:
    """Write a network in each format, with a record for each file.

    All files appear in the folder together, after the last is written. A failure leaves no new
    file and keeps the existing ones. If parity was not run, a record of the same file that an
    earlier run has proved is kept.

    Args:
        draft: Makes the record, without its files; called when it is needed, so that its hashes
            can be computed while the first file is written.
        tensors: The state_dict, under the keys of the record's layout.
        network: Builds the network, for formats that contain more than its state_dict.
        out: Folder of the files.
        name: Start of the file names; a hash is appended.
        formats: Formats to write.
        clock: Clock of the whole conversion; its times go into the record.

    Returns:
        The record of the first file.

    Raises:
        CheckpointError: If a file cannot be written, or is not as expected.
    """
    from .formats import write_file
    from .formats.job import Job

    clock = clock or Clock()

    def with_hash() -> Record:
        record = draft()
        return replace(record, facts_sha256=facts_sha256(record))

    with staging(out) as staged:
        with clock("write"):
            job = Job(tensors, staged, name, with_hash, network)
            written = [write_file(format_, job) for format_ in formats]
        files = [replace(file, file=str(out / Path(file.file).name)) for file in written]
        records = [_record_of(file, files, job.record, clock) for file in files]
        for file, about in zip(written, records, strict=True):
            if not was_proved(out / Path(file.file).name, about.as_dict()):
                write_text(to_json(about.as_dict()), record_path(Path(file.file)))
    return records[0]


def _record_of(
    file: WrittenFile, files: Sequence[WrittenFile], record: Record, clock: Clock
) -> Record:
    """Return the record of one of the files, which it lists first."""
    others = tuple(each for each in files if each is not file)
    load = snippet(record.layout, record, file.file)
    return replace(record, files=(file, *others), load=load, seconds=clock.seconds())
