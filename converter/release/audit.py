"""Is a folder to publish what it should be? Every byte of it, and parity from its checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..checkpoints.record import Record, RecordedFacts
from ..checkpoints.verification import Verification, verify
from ..errors import ReleaseError
from ..files.hashes import file_sha256
from ..mappings.catalog import Size
from ..parity.proof import choose_reference
from .contents import MANIFEST, SUMS, generate, read_manifest, read_sums
from .folder import PublishedFile

Problems = dict[str, str]
"""What is wrong, by file: the first thing that was found."""


@dataclass(frozen=True)
class Report:
    """What was found in a folder.

    Attributes:
        files: those there are.
        models: what was found out about each checkpoint whose bytes are right.
        problems: what is wrong, by file.
        note: what could not be looked at.
    """

    folder: str
    files: tuple[PublishedFile, ...]
    models: tuple[Verification, ...]
    problems: Problems
    note: str | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "folder": self.folder,
            "passed": self.passed,
            "files": [vars(file) for file in self.files],
            "models": [model.as_dict() for model in self.models],
            "problems": [{"file": file, "error": text} for file, text in self.problems.items()],
            "note": self.note,
        }


def check(
    folder: Path,
    *,
    reference: str = "auto",
    sizes: Sequence[Size] | None = None,
    verified: Callable[[Verification], None] = lambda _: None,
) -> Report:
    """Look through a folder: its bytes, its texts, its weights.

    Args:
        reference, sizes: as in `gluon2torch.convert`.
        verified: called with each checkpoint when it is done.

    Raises:
        ReleaseError: it is no folder, or cannot be read.
        MissingDependencyError: there is no reference to measure against.
    """
    reference = choose_reference(reference)
    report, records = check_bytes(folder)
    problems, models = dict(report.problems), []
    for record in records:
        if record.file in problems:
            continue
        file = record.files[0]
        expected = RecordedFacts(sha256=file.sha256, content_sha256=record.content_sha256)
        verification = verify(
            folder / file.file, record.model, expected=expected, reference=reference, sizes=sizes
        )
        if verification.problems:
            problems[file.file] = "; ".join(verification.problems)
        models.append(verification)
        verified(verification)
    return Report(report.folder, report.files, tuple(models), problems, report.note)


def check_bytes(folder: Path) -> tuple[Report, list[Record]]:
    """Look through a folder's bytes and texts, without torch; with the records of its manifest.

    Raises:
        ReleaseError: it is no folder, or cannot be read.
    """
    files, problems = _list(folder)
    _hold_against_sums(folder, files, problems)
    records: list[Record] = []
    note = None
    # a text is generated from the manifest: where that is wrong, it says nothing of the text
    if not {MANIFEST, SUMS} & problems.keys():
        try:
            version, records = read_manifest(_read(folder / MANIFEST))
        except ReleaseError as error:
            problems[MANIFEST] = _without(MANIFEST, error)
        else:
            _hold_against_manifest(records, files, problems)
            if version == __version__:
                _hold_against_generated(folder, records, files, problems)
            else:
                note = (
                    f"written by gluon2torch {version}, this is {__version__}: the texts were held "
                    f"against {SUMS} alone"
                )
    return Report(str(folder), tuple(files.values()), (), problems, note), records


def require_sound(folder: Path) -> tuple[PublishedFile, ...]:
    """The files of a folder whose bytes are right.

    Raises:
        ReleaseError: some are not; all of them are told.
    """
    report, _ = check_bytes(folder)
    if report.problems:
        raise ReleaseError(
            f"{folder}: is not sent as it is",
            [f"{name} {problem}" for name, problem in report.problems.items()],
        )
    return report.files


def _list(folder: Path) -> tuple[dict[str, PublishedFile], Problems]:
    try:
        paths = sorted(folder.iterdir())
        plain = [path for path in paths if path.is_file() and not path.is_symlink()]
        files = {
            path.name: PublishedFile(path.name, path.stat().st_size, file_sha256(path))
            for path in plain
        }
    except OSError as error:
        raise ReleaseError(f"{folder}: cannot be read ({error.strerror})", []) from error
    return files, {path.name: "is no plain file" for path in paths if path.name not in files}


def _hold_against_sums(folder: Path, files: dict[str, PublishedFile], problems: Problems) -> None:
    for name in (SUMS, MANIFEST):
        if name not in files:
            problems[name] = "is missing"
    if SUMS not in files:
        return
    try:
        sums = read_sums(_read(folder / SUMS))
    except ReleaseError as error:
        problems[SUMS] = _without(SUMS, error)
        return
    for name, sha256 in sums.items():
        if name not in files:
            problems.setdefault(name, f"is missing; {SUMS} has it")
        elif files[name].sha256 != sha256:
            problems.setdefault(name, f"has the SHA-256 {files[name].sha256}; {SUMS} has {sha256}")
    for name in sorted(files.keys() - sums - {SUMS}):
        problems.setdefault(name, f"is not in {SUMS}")


def _hold_against_manifest(
    records: Sequence[Record], files: dict[str, PublishedFile], problems: Problems
) -> None:
    for record in records:
        file = record.files[0]
        if PublishedFile(file.file, file.bytes, file.sha256) != files.get(file.file):
            problems.setdefault(file.file, f"is not the file of {record.name} in {MANIFEST}")


def _hold_against_generated(
    folder: Path, records: Sequence[Record], files: dict[str, PublishedFile], problems: Problems
) -> None:
    texts = generate(records)
    sums = texts.pop(SUMS)
    for name, text in texts.items():
        if name not in files:
            problems.setdefault(name, f"is missing; {MANIFEST} has its model")
        elif name not in problems and (folder / name).read_bytes() != text.encode():
            problems[name] = f"is not what its model's facts in {MANIFEST} make"
    for name in sorted(files.keys() - texts - {SUMS, *(record.file for record in records)}):
        problems.setdefault(name, f"is of no model in {MANIFEST}")
    # where another file is wrong, the hashes cannot be those of what should be there
    if not problems and (folder / SUMS).read_bytes() != sums.encode():
        problems[SUMS] = "has its lines in another order"


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ReleaseError(f"{path.name}: is no text (at byte {error.start})", []) from error


def _without(name: str, error: ReleaseError) -> str:
    return str(error).removeprefix(name).lstrip(":, ")
