"""Sending a folder to where it is published: which place, and the steps that are left to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import UploadError

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_TARGETS = (
    re.compile(rf"(?P<kind>github):(?P<repository>{_NAME}/{_NAME})@(?P<tag>{_NAME}(/{_NAME})*)"),
    re.compile(rf"(?P<kind>hf):(?P<repository>{_NAME}/{_NAME})"),
)


@dataclass(frozen=True)
class Target:
    """Where a release goes: `github:OWNER/REPO@TAG` or `hf:OWNER/NAME`.

    Attributes:
        kind: `github` or `hf`.
        tag: of the release on GitHub; None on the Hub, where a repository is the release.
    """

    text: str
    kind: str
    repository: str
    tag: str | None


@dataclass(frozen=True)
class Step:
    """One thing that is left to do.

    Attributes:
        text: what, as in "send manifest.json".
        do: does it.
    """

    text: str
    do: Callable[[], None]


def parse_target(text: str) -> Target:
    """A target as it is written on the command line.

    Raises:
        UploadError: it is none.
    """
    for pattern in _TARGETS:
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            return Target(text, parts["kind"], parts["repository"], parts.get("tag"))
    raise UploadError(
        f"{text!r} is no place to publish at; write github:OWNER/REPO@TAG or hf:OWNER/NAME"
    )


def refuse_differing(target: Target, names: Sequence[str]) -> None:
    """Nothing that is published is written over.

    Raises:
        UploadError: there are such files.
    """
    if names:
        raise UploadError(
            f"{target.text}: has {', '.join(names)} with other content, and nothing is written "
            "over; publish elsewhere, or take what is there away"
        )


def megabytes(size: int) -> str:
    """A length for people."""
    return f"{size / 1e6:.1f} MB"
