"""Published weights: a release folder on a server or on disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DownloadError
from ..files.download import Progress, download, sole_download
from ..files.hashes import file_sha256
from ..mappings.catalog import Entry, load_catalog
from ..mappings.schema import structure

MANIFEST = "manifest.json"
_SHA256 = re.compile("[0-9a-f]{64}")
ADVICE = "set GLUON2TORCH_RELEASE to a mirror or a folder"


def release_address() -> str:
    """Address of the release: GLUON2TORCH_RELEASE, a URL or a folder, else the catalogue's.

    Raises:
        DownloadError: Nothing is published yet.
    """
    address = os.environ.get("GLUON2TORCH_RELEASE") or load_catalog().release
    if not address:
        raise DownloadError(
            "no converted weights are published yet: `release` in mappings/catalog.yaml is empty; "
            "convert them (`gluon2torch convert --all`), or set GLUON2TORCH_RELEASE to the URL or "
            "the folder of a release"
        )
    if "://" in address:
        return address.rstrip("/")
    return os.path.expanduser(address)


def fetch_weights(entry: Entry, progress: Progress | None = None) -> Path:
    """Fetch the published checkpoint of a network, with the SHA-256 of the release's manifest.

    A file from a server is cached where torch.hub caches its own. A file with another hash is not
    used.

    Raises:
        DownloadError: The server cannot be reached, or the file is missing or differs from the
            published one.
    """
    address = release_address()
    remote = "://" in address
    manifest = _remote_manifest(address) if remote else _local_manifest(Path(address))
    name, sha256 = _row(manifest, entry, address)
    if not remote:
        path = Path(address) / name
        _require_sha256(path, sha256, str(path))
        return path
    path = _cache() / name
    if _has_sha256(path, sha256):
        return path
    part = path.with_name(f"{name}.part")
    try:
        with sole_download(part):
            if not _has_sha256(path, sha256):  # another process may have fetched it
                _download(f"{address}/{name}", part, path, sha256, progress)
    except OSError as error:
        raise _no_cache(path.parent, error) from error
    return path


def _has_sha256(path: Path, sha256: str) -> bool:
    return path.is_file() and file_sha256(path) == sha256


def _download(url: str, part: Path, path: Path, sha256: str, progress: Progress | None) -> None:
    download(url, part, ADVICE, progress)
    try:
        _require_sha256(part, sha256, url)
        part.replace(path)
    finally:  # a complete but wrong download must not be resumed
        part.unlink(missing_ok=True)


def _cache() -> Path:
    import torch

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_cache(folder, error) from error
    return folder


def _no_cache(folder: Path, error: OSError) -> DownloadError:
    return DownloadError(
        f"{folder}: cannot be written ({error.strerror}); set TORCH_HOME to a writable folder"
    )


def _remote_manifest(address: str) -> str:
    """Download the manifest; if the server cannot be reached, use the one cached last."""
    cached = _cache() / f"gluon2torch-{hashlib.sha256(address.encode()).hexdigest()[:16]}.json"
    part = cached.with_suffix(f".{os.getpid()}.part")  # each process of torchrun has its own
    try:
        download(f"{address}/{MANIFEST}", part, ADVICE)
        text = part.read_text(encoding="utf-8", errors="replace")
        if text.lstrip().startswith("{"):  # anything else is an error page, which is not cached
            part.replace(cached)
    except (DownloadError, OSError) as error:
        if cached.is_file():
            return cached.read_text(encoding="utf-8")
        if isinstance(error, OSError):
            raise _no_cache(cached.parent, error) from error
        raise
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return text


def _local_manifest(folder: Path) -> str:
    try:
        return (folder / MANIFEST).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DownloadError(
            f"{folder / MANIFEST}: cannot be read ({reason}); is GLUON2TORCH_RELEASE a folder made "
            "by `gluon2torch release`?"
        ) from error


@dataclass(frozen=True)
class _Row:
    file: str
    sha256: str


@dataclass(frozen=True)
class _Manifest:
    models: dict[str, dict[str, Any]]


def _row(manifest: str, entry: Entry, address: str) -> tuple[str, str]:
    """File name and SHA-256 of a network's checkpoint."""
    where = f"{address}/{MANIFEST}"
    try:
        models = structure(json.loads(manifest), _Manifest).models
        row = models.get(entry.published)
        found = structure(row, _Row, entry.published) if row is not None else None
    except ValueError as error:
        raise DownloadError(f"{where}: is not a valid release manifest ({error})") from error
    if found is None:
        raise DownloadError(
            f"{address}: does not contain {entry.published}; it contains "
            f"{', '.join(models) or 'no models'}"
        )
    if "/" in found.file or not _SHA256.fullmatch(found.sha256):
        raise DownloadError(f"{where}: {entry.published} has no valid file name and SHA-256")
    return found.file, found.sha256


def _require_sha256(path: Path, sha256: str, where: str) -> None:
    try:
        found = file_sha256(path)
    except OSError as error:
        raise DownloadError(f"{where}: cannot be read ({error.strerror})") from error
    if found != sha256:
        raise DownloadError(
            f"{where}: differs from the published file (SHA-256 {found}, expected {sha256}) and "
            "was not used; try again, or " + ADVICE
        )
