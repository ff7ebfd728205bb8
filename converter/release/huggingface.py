"""Release on the Hugging Face Hub: a repository's missing files in one commit; a collection."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UploadError
from ..files.hugging_face import hub_errors, require_hub
from .folder import PublishedFile
from .target import Step, Target, megabytes, refuse_differing

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_ABOUT = "Networks of MXNet Gluon, converted to PyTorch by gluon2torch, and proved equal."
_LISTED = 3  # names in the text of a step


def plan_hub(target: Target, folder: Path, files: Sequence[PublishedFile]) -> list[Step]:
    """Plan the remaining steps: create the repository, commit the missing files.

    A commit is complete or absent. Files that an interrupted one had already sent stay on the Hub,
    which asks only for the rest.

    Raises:
        UploadError: A published file differs from ours, or the Hub refuses the request or cannot be
            reached.
        MissingDependencyError: huggingface_hub is not installed.
    """
    api = _api()
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    remote: dict[str, Any] = {}
    head, exists = None, True
    with _upload_errors(target):
        try:
            info = api.model_info(target.repository, files_metadata=True)
            head, remote = info.sha, {file.rfilename: file for file in info.siblings or ()}
        except GatedRepoError:  # a subclass of the next
            raise
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
        names = ", ".join(file.name for file in missing)
        text = f"commit {len(missing)} files ({size}) to {target.repository}: {names}"
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
        api.create_repo(target.repository)  # an error if somebody created it since


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


def plan_collection(target: Target, title: str, repositories: Sequence[str]) -> list[Step]:
    """Plan the step that remains until the owner's collection of this title has the repositories.

    Raises:
        UploadError: The Hub refuses the request or cannot be reached.
        MissingDependencyError: huggingface_hub is not installed.
    """
    api, owner = _api(), target.repository
    slug, there = None, set()
    with _upload_errors(target):
        for collection in api.list_collections(owner=owner):
            if collection.title == title:
                slug = collection.slug
                items = api.get_collection(slug).items  # the list has only the first of them
                there = {item.item_id for item in items}
    missing = [repository for repository in repositories if repository not in there]
    if not missing:
        return []
    names = ", ".join([*missing[:_LISTED], *(["…"] if len(missing) > _LISTED else [])])
    new = "new " if slug is None else ""
    text = f"add to the {new}collection {title!r}: {names}"
    return [Step(text, lambda: _collect(api, target, title, slug, missing))]


def _collect(
    api: HfApi, target: Target, title: str, slug: str | None, repositories: Sequence[str]
) -> None:
    """Add repositories to a collection; without a slug it is created."""
    with _upload_errors(target):
        if slug is None:
            owner = target.repository
            made = api.create_collection(title, namespace=owner, description=_ABOUT, exists_ok=True)
            slug = made.slug
        for repository in repositories:
            api.add_collection_item(slug, repository, "model", exists_ok=True)


def _api() -> HfApi:
    require_hub()
    from huggingface_hub import HfApi

    return HfApi(library_name="gluon2torch")


def _upload_errors(target: Target) -> AbstractContextManager[None]:
    """Replace the library's errors by an UploadError that names the target."""
    return hub_errors(
        lambda reason: UploadError(
            f"{target.text}: the Hub refused or is unreachable ({reason}); check the connection, "
            "and that your token (`hf auth login`, or HF_TOKEN) may write there; the same command "
            "sends what is missing"
        )
    )
