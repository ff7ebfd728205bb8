"""Building of a release folder, which is written completely or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ..errors import ReleaseError
from ..files.atomic_file import new_file, write_text
from ..files.hashes import BLOCK
from .choice import Choice
from .contents import generate


@dataclass(frozen=True)
class PublishedFile:
    """A file of a release: its name, size in bytes and SHA-256."""

    name: str
    bytes: int
    sha256: str


def build(folder: Path, choices: Sequence[Choice]) -> None:
    """Write the checkpoints and the files generated from them to a new folder.

    Raises:
        ReleaseError: The folder is not empty, or cannot be written.
    """
    check_empty(folder)
    temporary = None
    try:
        target = Path(os.path.realpath(folder))  # what a link points at
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".writing-"))
        for choice in choices:
            _copy(choice.path, temporary / choice.path.name)
        for name, text in texts(choices).items():
            write_text(text, temporary / name)
        temporary.chmod(0o755)
        if target.is_dir():
            target.rmdir()  # it is empty; Windows renames no folder to one that exists
        temporary.replace(target)
    except OSError as error:
        raise ReleaseError(f"{folder}: cannot be written ({error.strerror})", []) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _copy(path: Path, target: Path) -> None:
    with path.open("rb") as source, new_file(target) as file:
        shutil.copyfileobj(source, file, BLOCK)


def check_empty(folder: Path) -> None:
    """Require that a folder does not exist or is empty.

    Raises:
        ReleaseError: It exists and is not empty, or is a file.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ReleaseError(
            f"{folder}: already exists; remove it, choose another folder, or check it with "
            "`--check`",
            [],
        )


def texts(choices: Sequence[Choice]) -> Mapping[str, str]:
    """The generated files: file name → text."""
    return generate([choice.record for choice in choices])


def contents(choices: Sequence[Choice]) -> list[PublishedFile]:
    """List the files that `build` writes."""
    checkpoints = [choice.record.files[0] for choice in choices]
    files = [PublishedFile(each.file, each.bytes, each.sha256) for each in checkpoints]
    for name, text in texts(choices).items():
        content = text.encode()
        files.append(PublishedFile(name, len(content), sha256(content).hexdigest()))
    return files
