"""The Hugging Face Hub, by its library huggingface_hub: repositories to read, and its errors."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ConversionError, DownloadError, MissingDependencyError

PREFIX = "hf:"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
REPOSITORY = rf"{_NAME}/{_NAME}"
_ADDRESS = re.compile(rf"{PREFIX}(?P<repository>{REPOSITORY})(@(?P<revision>.+))?")


def require_hub() -> None:
    """Require huggingface_hub.

    Raises:
        MissingDependencyError: It is not installed.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingDependencyError(
            "the Hugging Face Hub needs huggingface_hub, which is not installed: "
            "`pip install huggingface_hub`"
        )


@contextmanager
def hub_errors(error_of: Callable[[str], ConversionError]) -> Iterator[None]:
    """Replace the library's errors by ours.

    Args:
        error_of: Makes the error from the library's reason, in one line.
    """
    from huggingface_hub.errors import HfHubHTTPError

    # the base class of HTTP errors, connection errors among them, in whichever HTTP library this
    # version uses; a failed file upload is a RuntimeError, whose cause has the reason
    http_error: Any = HfHubHTTPError.__mro__[1]
    try:
        yield
    except (http_error, OSError, ValueError, RuntimeError) as error:
        texts = [str(error), *([str(error.__cause__)] if type(error) is RuntimeError else [])]
        lines = [line.strip() for text in texts for line in text.splitlines()]
        reason = "; ".join(line for line in lines if line)
        raise error_of(reason) from error


def is_hub_address(path: str) -> bool:
    """Whether a path is the address of a repository on the Hub: `hf:OWNER/NAME`."""
    return path.startswith(PREFIX)


def download_repository(address: str, names: Sequence[str]) -> Path:
    """Download files of a repository to the library's cache, all of the same commit.

    Args:
        address: `hf:OWNER/NAME`, or `hf:OWNER/NAME@REVISION` with a branch, a tag or a commit.
        names: The files; those that the repository does not have are left out.

    Returns:
        The folder with the files.

    Raises:
        DownloadError: The address is invalid, there is no such repository, or the Hub cannot be
            reached and the files are not in the cache.
        MissingDependencyError: huggingface_hub is not installed.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise DownloadError(f"{address}: is not a repository on the Hub; write hf:OWNER/NAME")
    require_hub()
    from huggingface_hub import snapshot_download

    def error_of(reason: str) -> DownloadError:
        return DownloadError(
            f"{address}: cannot be downloaded from the Hub ({reason}); check the name and the "
            "connection, and for a private repository run `hf auth login` or set HF_TOKEN"
        )

    with hub_errors(error_of):
        folder = snapshot_download(
            match["repository"], revision=match["revision"], allow_patterns=list(names)
        )
    return Path(folder)
