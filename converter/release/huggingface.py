"""Release in a repository on the Hugging Face Hub: all missing files in one commit."""

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
    """Plan the remaining steps: create the repository, commit the missing files.

    A commit is complete or absent. Files that an interrupted one had already sent stay on the Hub,
    which asks only for the rest.

    Raises:
        UploadError: a published file differs from ours, or the Hub refuses the request or cannot be
            reached.
        MissingDependencyError: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import RepositoryNotFoundError
    except ImportError as error:
        raise MissingDependencyError(
            "publishing on the Hub needs huggingface_hub, which is not installed: "
            "`pip install huggingface_hub`"
        ) from error
    api = HfApi(library_name="gluon2torch")
    remote: dict[str, Any] = {}
    head, exists = None, True
    with _upload_errors(target):
        try:
            info = api.model_info(target.repository, files_metadata=True)
            head, remote = info.sha, {file.rfilename: file for file in info.siblings or ()}
        except RepositoryNotFoundError:
            exists = False
    missing = [file for file in files if file.name not in remote]
    refuse_differing(
        target,
        [
            file.name
            for file in files
            if file.name in remote and not _same(remote[file.name], folder, file)
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


def _same(remote: Any, folder: Path, file: PublishedFile) -> bool:
    """Compare a file on the Hub with ours.

    The Hub lists the SHA-256 of a large file, and git's hash of a small one.
    """
    if remote.size != file.bytes:
        return False
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == file.sha256)
    content = (folder / file.name).read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return bool(remote.blob_id == git.hexdigest())


def _create(api: HfApi, target: Target) -> None:
    with _upload_errors(target):
        api.create_repo(target.repository, exist_ok=True)


def _commit(
    api: HfApi, target: Target, folder: Path, files: Sequence[PublishedFile], head: str | None
) -> None:
    from huggingface_hub import CommitOperationAdd

    with _upload_errors(target):
        api.create_commit(
            target.repository,
            [CommitOperationAdd(file.name, folder / file.name) for file in files],
            commit_message="Networks of MXNet Gluon, converted by gluon2torch",
            parent_commit=head,  # refused if somebody committed since
        )


@contextmanager
def _upload_errors(target: Target) -> Iterator[None]:
    """Convert the library's errors to an UploadError; a failed file upload is a RuntimeError."""
    from huggingface_hub.errors import HfHubHTTPError

    # the base class of HTTP errors, connection errors among them, in whichever HTTP library this
    # version uses
    http_error: Any = HfHubHTTPError.__mro__[1]
    try:
        yield
    except (http_error, OSError, ValueError, RuntimeError) as error:
        reason = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
        raise UploadError(f"{target.text}: the Hub refused or is unreachable ({reason})") from error
