"""Resumable download of one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DownloadError

if TYPE_CHECKING:
    from http.client import HTTPResponse

BLOCK = 1 << 20
TIMEOUT = 30.0  # seconds without a byte

Progress = Callable[[int, int | None], None]
"""Called with the bytes received and the total, or None if the server does not send the total."""


@contextmanager
def sole_download(part: Path) -> Iterator[None]:
    """Wait until no other process downloads to a partial file, and keep others from doing so.

    The processes of torchrun fetch the same weights at the same time. The lock is a file in a
    folder `.locks` beside the part.

    Raises:
        OSError: The folder cannot be written.
    """
    from filelock import FileLock

    folder = part.parent / ".locks"
    folder.mkdir(exist_ok=True)
    lock = FileLock(folder / f"{part.name}.lock")
    with suppress(NotImplementedError):  # a file system without locks
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def download(
    url: str,
    part: Path,
    advice: str,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
) -> None:
    """Download a file, or the missing rest of it.

    Args:
        part: Path to write to; a partial file there is resumed.
        advice: What to do if the server cannot be reached, for the error message.
        timeout: Seconds without a byte before the download is abandoned.

    Raises:
        DownloadError: No network, no such file, or the download was interrupted.
        OSError: The partial file cannot be written.
    """
    # most conversions download nothing
    import ssl
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    done = part.stat().st_size if part.exists() else 0
    try:
        request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
        with urllib.request.urlopen(request, timeout=timeout) as response:
            if response.status != 206:
                done = 0  # the server sends the whole file again
            total = _total(response, done)
            with part.open("ab" if done else "wb") as file:
                while block := response.read(BLOCK):
                    file.write(block)
                    done += len(block)
                    if progress is not None:
                        progress(done, total)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the file is complete, or the part belongs to another file
            return
        raise DownloadError(f"{url}: the server returned {error.code} {error.reason}") from error
    except (
        urllib.error.URLError,
        TimeoutError,
        HTTPException,
        ConnectionError,
        ssl.SSLError,
        ValueError,  # invalid URL
    ) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(f"{url}: cannot be reached ({reason}); {advice}") from error
    if total is not None and done < total:
        raise DownloadError(
            f"{url}: interrupted after {done} of {total} bytes; run it again to resume"
        )


def _total(response: HTTPResponse, done: int) -> int | None:
    length = response.headers.get("Content-Length")
    return done + int(length) if length and length.isdigit() else None
