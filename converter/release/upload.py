"""Plan of an upload."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .folder import PublishedFile
from .target import Step, Target


def plan_upload(target: Target, folder: Path, files: Sequence[PublishedFile]) -> list[Step]:
    """Plan the steps that remain until every file is published; only reads the target.

    Raises:
        UploadError: a published file differs from ours, or the target cannot be read.
        MissingDependencyError: the program or the library that it needs is not installed.
    """
    if target.kind == "github":
        from .github import plan_github

        return plan_github(target, folder, files)
    from .huggingface import plan_hub

    return plan_hub(target, folder, files)
