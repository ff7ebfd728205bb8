"""The published `.params` files: where they lie, and a local copy of one."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from pathlib import Path

from ..errors import DownloadError
from ..files.download import BLOCK, TIMEOUT, Progress, download
from ..files.hashes import file_sha1

# GluonCV's own address (gluoncv/model_zoo/model_store.py)
REPOSITORY = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"
ADVICE = (
    "give a file you have with `--params FILE`, name a mirror in MXNET_GLUON_REPO, or try the road "
    "without weights with `--init random`"
)


def cache_folder() -> Path:
    """The folder of published files, shared with GluonCV: ~/.mxnet/models, or under MXNET_HOME."""
    home = os.environ.get("MXNET_HOME")
    return Path(home) / "models" if home else Path.home() / ".mxnet" / "models"


def cached_path(name: str, sha1: str) -> Path:
    """Where a published file lies once it is loaded."""
    return cache_folder() / f"{name}-{sha1[:8]}.params"


def published_url(name: str, sha1: str) -> str:
    """Where a published file lies, as a zip around it; MXNET_GLUON_REPO names another server."""
    base = os.environ.get("MXNET_GLUON_REPO") or REPOSITORY
    return f"{base.rstrip('/')}/gluon/models/{name}-{sha1[:8]}.zip"


def fetch(
    name: str,
    sha1: str,
    *,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
) -> Path:
    """The published `.params` of a network, from the cache or else from the server.

    A download that broke off goes on where it stopped, if the server can; what was loaded is kept
    for that until the file is whole.

    Args:
        name: GluonCV's.
        sha1: of the `.params`; a file in the cache that has another is loaded anew.
        timeout: seconds without a byte after which the server is given up.

    Raises:
        DownloadError: no network, no such file, a file that stays incomplete or is another.
    """
    target = cached_path(name, sha1)
    folder = target.parent
    if target.is_file() and file_sha1(target) == sha1:
        return target
    url = published_url(name, sha1)
    part = folder / f"{name}-{sha1[:8]}.zip.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        download(url, part, ADVICE, progress, timeout)
        unpacked = part.with_suffix(".unpacked")
        try:
            _unpack(part, unpacked, url, target.name)
            _check_sha1(unpacked, sha1, url)
            unpacked.replace(target)
        finally:  # a whole download that is wrong must not be gone on with
            unpacked.unlink(missing_ok=True)
            part.unlink()
    except OSError as error:
        raise DownloadError(
            f"{folder}: cannot be written ({error.strerror or error}); "
            "set MXNET_HOME to a folder that can"
        ) from error
    return target


def _unpack(archive: Path, unpacked: Path, url: str, member: str) -> None:
    """Take the one member out that is the network's; nothing else in the archive is touched."""
    try:
        with (
            zipfile.ZipFile(archive) as packed,
            packed.open(member) as source,
            unpacked.open("wb") as file,
        ):
            shutil.copyfileobj(source, file, BLOCK)
    except (
        zipfile.BadZipFile,
        KeyError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        zlib.error,
    ) as error:
        raise DownloadError(
            f"{url}: is no zip with {member} in it ({error}); it was not used: "
            "run it again, or name a mirror in MXNET_GLUON_REPO"
        ) from error


def _check_sha1(path: Path, sha1: str, url: str) -> None:
    found = file_sha1(path)
    if found != sha1:
        raise DownloadError(
            f"{url}: holds another file than was published (SHA-1 {found}, {sha1} is expected); "
            "it was not used: run it again, or name a mirror in MXNET_GLUON_REPO"
        )
