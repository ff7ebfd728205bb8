"""The steps that are left to do until a folder is published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .folder import PublishedFile
from .target import Step, Target


def plan_upload(target: Target, folder: Path, files: Sequence[PublishedFile]) -> list[Step]:
    """What is left to do until every file is published there; reads there, and changes nothing.

    Raises:
        UploadError: a file there differs from ours, or the place cannot be asked.
        MissingDependencyError: the program or the library for it is not installed.
    """
    if target.kind == "github":
        from .github import plan_github

        return plan_github(target, folder, files)
    from .huggingface import plan_hub

    return plan_hub(target, folder, files)
