"""Targets of an upload, and its steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import UploadError

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_TARGETS = (
    re.compile(rf"(?P<kind>github):(?P<repository>{_NAME}/{_NAME})@(?P<tag>{_NAME}(/{_NAME})*)"),
    re.compile(rf"(?P<kind>hf):(?P<repository>{_NAME}(/{_NAME})?)"),
)


@dataclass(frozen=True)
class Target:
    """Target of an upload: `github:OWNER/REPO@TAG`, `hf:OWNER/NAME` or `hf:OWNER`.

    Attributes:
        text: The target as it was given.
        kind: `github` or `hf`.
        repository: `OWNER/REPO` or `OWNER/NAME`; `OWNER` alone, if each model has a repository.
        tag: Tag of the release on GitHub; None on the Hub, where a repository is the release.
    """

    text: str
    kind: str
    repository: str
    tag: str | None

    @property
    def each_model(self) -> bool:
        """Whether each model has a repository of its own."""
        return "/" not in self.repository

    def of_model(self, name: str) -> Target:
        """The repository of one model, on the Hub."""
        return parse_target(f"{self.text}/{name}")


@dataclass(frozen=True)
class Step:
    """One remaining step of an upload.

    Attributes:
        text: What it does, such as "send manifest.json".
        do: Performs the step.
    """

    text: str
    do: Callable[[], None]


def parse_target(text: str) -> Target:
    """Parse a target as it is written on the command line.

    Raises:
        UploadError: The text is not a target.
    """
    for pattern in _TARGETS:
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            return Target(text, parts["kind"], parts["repository"], parts.get("tag"))
    raise UploadError(
        f"{text!r} is not an upload target; write github:OWNER/REPO@TAG, hf:OWNER/NAME, or "
        "hf:OWNER for a repository per model"
    )


def refuse_differing(target: Target, names: Sequence[str]) -> None:
    """Refuse to overwrite published files.

    Args:
        target: The target of the upload.
        names: The files that are there with different content.

    Raises:
        UploadError: There are such files.
    """
    if names:
        raise UploadError(
            f"{target.text}: has {', '.join(names)} with different content, and files there "
            "are not overwritten; choose another target, or remove the files there"
        )


def megabytes(size: int) -> str:
    """Format a size in bytes as megabytes."""
    return f"{size / 1e6:.1f} MB"
