"""GluonCV's published `.params` files: their URLs, the local cache and the download."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from pathlib import Path

from ..errors import DownloadError
from ..files.download import BLOCK, TIMEOUT, Progress, download, sole_download
from ..files.hashes import file_sha1

# GluonCV's own address (gluoncv/model_zoo/model_store.py)
REPOSITORY = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"
ADVICE = (
    "pass a local file with `--params FILE`, set MXNET_GLUON_REPO to a mirror, or try the "
    "conversion without published weights with `--init random`"
)


def cache_folder() -> Path:
    """The cache folder, shared with GluonCV: ~/.mxnet/models, or MXNET_HOME/models if set."""
    home = os.environ.get("MXNET_HOME")
    return Path(home) / "models" if home else Path.home() / ".mxnet" / "models"


def cached_path(name: str, sha1: str) -> Path:
    """The path of a published file in the cache."""
    return cache_folder() / f"{name}-{sha1[:8]}.params"


def published_url(name: str, sha1: str) -> str:
    """The URL of a published file's zip archive, on GluonCV's server or MXNET_GLUON_REPO."""
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

    An interrupted download is resumed if the server supports it; the part already downloaded is
    kept for that until the file is complete.

    Args:
        name: GluonCV's name of the network.
        sha1: SHA-1 of the `.params`; a cached file with another one is downloaded again.
        timeout: Seconds without data after which the download fails.

    Raises:
        DownloadError: If there is no connection or no such file, or the file is incomplete or has
            another SHA-1.
    """
    target = cached_path(name, sha1)
    folder = target.parent
    if _has_sha1(target, sha1):
        return target
    url = published_url(name, sha1)
    part = folder / f"{name}-{sha1[:8]}.zip.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with sole_download(part):
            if not _has_sha1(target, sha1):  # another process may have fetched it
                download(url, part, ADVICE, progress, timeout)
                _take_out(part, target, sha1, url)
    except OSError as error:
        raise DownloadError(
            f"{folder}: cannot be written ({error.strerror or error}); "
            "set MXNET_HOME to a writable folder"
        ) from error
    return target


def _has_sha1(path: Path, sha1: str) -> bool:
    return path.is_file() and file_sha1(path) == sha1


def _take_out(part: Path, target: Path, sha1: str, url: str) -> None:
    """Take the file out of a complete download, which is removed."""
    unpacked = part.with_suffix(".unpacked")
    try:
        _unpack(part, unpacked, url, target.name)
        _check_sha1(unpacked, sha1, url)
        unpacked.replace(target)
    finally:  # a complete but wrong download must not be resumed
        unpacked.unlink(missing_ok=True)
        part.unlink()


def _unpack(archive: Path, unpacked: Path, url: str, member: str) -> None:
    """Extract the one member that is the network's; the rest of the archive is ignored."""
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
            f"{url}: not a zip that contains {member} ({error}); the download was discarded: "
            "try again, or set MXNET_GLUON_REPO to a mirror"
        ) from error


def _check_sha1(path: Path, sha1: str, url: str) -> None:
    found = file_sha1(path)
    if found != sha1:
        raise DownloadError(
            f"{url}: not the published file (SHA-1 {found}, expected {sha1}); "
            "the download was discarded: try again, or set MXNET_GLUON_REPO to a mirror"
        )
