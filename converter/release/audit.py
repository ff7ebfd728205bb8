"""Check of a release folder: every byte of it, and the parity of its checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .. import __version__
from ..checkpoints.metadata import facts_sha256
from ..checkpoints.record import Record
from ..checkpoints.recorded_facts import RecordedFacts
from ..checkpoints.verification import Verification, verify
from ..errors import ReleaseError
from ..files.hashes import file_sha256
from ..mappings.catalog import Size
from ..parity.proof import choose_reference
from .contents import MANIFEST, SUMS, generate, read_manifest, read_sums
from .folder import PublishedFile

Problems = dict[str, str]
"""File name → the first problem found in the file."""


@dataclass(frozen=True)
class Report:
    """Result of checking a release folder.

    Attributes:
        folder: Path of the folder.
        files: The files in it.
        models: The verification of each checkpoint whose bytes are right.
        problems: The problem of each file that has one.
        note: What could not be checked.
    """

    folder: str
    files: tuple[PublishedFile, ...]
    models: tuple[Verification, ...]
    problems: Problems
    note: str | None = None

    @property
    def passed(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """The report, in the form that `--json` writes."""
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
    """Check a folder's bytes, texts and weights.

    Args:
        folder: The folder to check.
        reference, sizes: As in `gluon2torch.convert`.
        verified: Called with the result of each checkpoint.

    Raises:
        ReleaseError: It is not a folder, or cannot be read.
        MissingDependencyError: No reference for parity is available.
    """
    reference = choose_reference(reference)
    report, records = check_bytes(folder)
    problems, models = dict(report.problems), []
    for record in records:
        if record.file in problems:
            continue
        file = record.files[0]
        if record.facts_sha256 != facts_sha256(record):
            problems[file.file] = f"has facts in {MANIFEST} that do not have the hash it gives"
            continue
        expected = RecordedFacts(
            **{
                each.name: getattr(record, each.name)
                for each in fields(RecordedFacts)
                if each.name not in ("sha256", "parity", "graph", "inputs")
            },
            sha256=file.sha256,
        )
        verification = verify(
            folder / file.file, record.model, expected=expected, reference=reference, sizes=sizes
        )
        if verification.problems:
            problems[file.file] = "; ".join(verification.problems)
        models.append(verification)
        verified(verification)
    return Report(report.folder, report.files, tuple(models), problems, report.note)


def check_bytes(folder: Path) -> tuple[Report, list[Record]]:
    """Check a folder's bytes and texts, without torch.

    Returns:
        The report, and the records of the folder's manifest.

    Raises:
        ReleaseError: It is not a folder, or cannot be read.
    """
    files, problems = _list(folder)
    _compare_with_sums(folder, files, problems)
    records: list[Record] = []
    note = None
    # texts are generated from the manifest: a wrong manifest says nothing about them
    if not {MANIFEST, SUMS} & problems.keys():
        try:
            version, records = read_manifest(_read(folder / MANIFEST))
        except ReleaseError as error:
            problems[MANIFEST] = _without_name(MANIFEST, error)
        else:
            _compare_with_manifest(records, files, problems)
            if version == __version__:
                _compare_with_generated(folder, records, files, problems)
            else:
                note = (
                    f"written by gluon2torch {version}, this is {__version__}: the texts were "
                    f"compared with {SUMS} only"
                )
    return Report(str(folder), tuple(files.values()), (), problems, note), records


def require_sound(folder: Path) -> tuple[PublishedFile, ...]:
    """Require that a folder's bytes and texts are right, and return its files.

    Raises:
        ReleaseError: Some are not; all problems are reported together.
    """
    report, _ = check_bytes(folder)
    if report.problems:
        raise ReleaseError(
            f"{folder}: cannot be uploaded until these problems are fixed",
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
    return files, {path.name: "is not a regular file" for path in paths if path.name not in files}


def _compare_with_sums(folder: Path, files: dict[str, PublishedFile], problems: Problems) -> None:
    for name in (SUMS, MANIFEST):
        if name not in files:
            problems[name] = "is missing"
    if SUMS not in files:
        return
    try:
        sums = read_sums(_read(folder / SUMS))
    except ReleaseError as error:
        problems[SUMS] = _without_name(SUMS, error)
        return
    for name, sha256 in sums.items():
        if name not in files:
            problems.setdefault(name, f"is missing, but listed in {SUMS}")
        elif files[name].sha256 != sha256:
            problems.setdefault(name, f"has the SHA-256 {files[name].sha256}; {SUMS} says {sha256}")
    for name in sorted(files.keys() - sums - {SUMS}):
        problems.setdefault(name, f"is not listed in {SUMS}")


def _compare_with_manifest(
    records: Sequence[Record], files: dict[str, PublishedFile], problems: Problems
) -> None:
    for record in records:
        file = record.files[0]
        if PublishedFile(file.file, file.bytes, file.sha256) != files.get(file.file):
            problems.setdefault(file.file, f"differs from the file of {record.name} in {MANIFEST}")


def _compare_with_generated(
    folder: Path, records: Sequence[Record], files: dict[str, PublishedFile], problems: Problems
) -> None:
    texts = generate(records)
    sums = texts.pop(SUMS)
    for name, text in texts.items():
        if name not in files:
            problems.setdefault(name, f"is missing, but its model is listed in {MANIFEST}")
        elif name not in problems and (folder / name).read_bytes() != text.encode():
            problems[name] = f"differs from the text generated from {MANIFEST}"
    for name in sorted(files.keys() - texts - {SUMS, *(record.file for record in records)}):
        problems.setdefault(name, f"belongs to no model in {MANIFEST}")
    # the hash of a wrong file differs here too; its own problem is enough
    if not problems and (folder / SUMS).read_bytes() != sums.encode():
        problems[SUMS] = "lists the files in another order"


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ReleaseError(f"{path.name}: is not UTF-8 text (at byte {error.start})", []) from error


def _without_name(name: str, error: ReleaseError) -> str:
    return str(error).removeprefix(name).lstrip(":, ")
