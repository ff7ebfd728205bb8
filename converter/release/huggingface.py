"""A repository on the Hugging Face Hub: all that is missing there in one commit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependencyError, UploadError
from .folder import PublishedFile
from .target import Step, Target, megabytes, refuse_differing

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def plan_hub(target: Target, folder: Path, files: Sequence[PublishedFile]) -> list[Step]:
    """The steps that are left: create the repository, commit what is missing.

    A commit is whole or not there. What an interrupted one had already sent stays on the Hub,
    which asks for the rest alone.

    Raises:
        UploadError: a file there differs from ours, or the Hub refuses.
        MissingDependencyError: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import RepositoryNotFoundError
    except ImportError as error:
        raise MissingDependencyError(
            "publishing on the Hub needs huggingface_hub: `pip install 'gluon2torch[hub]'`"
        ) from error
    api = HfApi(library_name="gluon2torch")
    there: dict[str, Any] = {}
    head, exists = None, True
    with _told(target):
        try:
            info = api.model_info(target.repository, files_metadata=True)
            head, there = info.sha, {file.rfilename: file for file in info.siblings or ()}
        except RepositoryNotFoundError:
            exists = False
    missing = [file for file in files if file.name not in there]
    refuse_differing(
        target,
        [
            file.name
            for file in files
            if file.name in there and not _same(there[file.name], folder, file)
        ],
    )
    steps = []
    if not exists:
        steps.append(Step(f"create {target.repository}", lambda: _create(api, target)))
    if missing:
        size = megabytes(sum(file.bytes for file in missing))
        text = f"commit {len(missing)} files ({size}): {', '.join(file.name for file in missing)}"
        steps.append(Step(text, lambda: _commit(api, target, folder, missing, head)))
    return steps


def _same(there: Any, folder: Path, file: PublishedFile) -> bool:
    """The Hub tells the SHA-256 of a large file, and git's hash of a small one."""
    if there.size != file.bytes:
        return False
    if there.lfs is not None:
        return bool(there.lfs.sha256 == file.sha256)
    content = (folder / file.name).read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return bool(there.blob_id == git.hexdigest())


def _create(api: HfApi, target: Target) -> None:
    with _told(target):
        api.create_repo(target.repository, exist_ok=True)


def _commit(
    api: HfApi, target: Target, folder: Path, files: Sequence[PublishedFile], head: str | None
) -> None:
    from huggingface_hub import CommitOperationAdd

    with _told(target):
        api.create_commit(
            target.repository,
            [CommitOperationAdd(file.name, folder / file.name) for file in files],
            commit_message="Networks of MXNet Gluon, converted by gluon2torch",
            parent_commit=head,  # another's commit in between is refused
        )


@contextmanager
def _told(target: Target) -> Iterator[None]:
    """The library's errors as one line of ours; a file that does not arrive is a RuntimeError."""
    from huggingface_hub.errors import HfHubHTTPError

    # of whichever HTTP library this version uses; what does not come through has it as its root
    http_error: Any = HfHubHTTPError.__mro__[1]
    try:
        yield
    except (http_error, OSError, ValueError, RuntimeError) as error:
        said = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
        raise UploadError(f"{target.text}: the Hub refuses, or is not reached ({said})") from error
