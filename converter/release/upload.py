"""Plan of an upload."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UploadError
from ..files.atomic_file import temporary_folder
from .audit import require_sound
from .contents import MANIFEST, read_manifest
from .huggingface import plan_collection, plan_hub
from .target import Step, Target


def plan_upload(target: Target, folder: Path, collection: str) -> Generator[list[Step]]:
    """Plan the steps that remain until a release is published; planning only reads the target.

    For a repository per model, the files of a model are made from the folder when its steps are
    planned, and are gone when the next model's are: each list of steps has to be done before the
    next one is asked for.

    Args:
        target: Where to.
        folder: The release folder.
        collection: Title of the collection, if each model has a repository.

    Raises:
        ReleaseError: The folder's files are not right.
        UploadError: A published file differs from ours, or the target cannot be read.
        MissingDependencyError: The program or the library that it needs is not installed.
    """
    files = require_sound(folder)
    if target.kind == "github":
        from .github import plan_github

        yield plan_github(target, folder, files)
    elif not target.each_model:
        yield plan_hub(target, folder, files)
    else:
        yield from _plan_models(target, folder, collection)


def _plan_models(target: Target, folder: Path, collection: str) -> Iterator[list[Step]]:
    """Plan a repository for each model of a release, and then the collection of all of them."""
    from .model_repository import write_repository

    _, records = read_manifest((folder / MANIFEST).read_text(encoding="utf-8"))
    targets = [target.of_model(record.name) for record in records]
    for record, own in zip(records, targets, strict=True):
        with _beside(folder) as made:
            files = write_repository(made, folder, record, own.repository)
            yield plan_hub(own, made, files)
    yield plan_collection(target, collection, [own.repository for own in targets])


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside a release, which has room for the files of one model.

    Raises:
        UploadError: It cannot be made.
    """
    try:
        with temporary_folder(folder.parent) as made:
            yield made
    except OSError as error:
        raise UploadError(
            f"{folder.parent}: cannot be written ({error.strerror}); the files of each model are "
            "made there before they are sent"
        ) from error
