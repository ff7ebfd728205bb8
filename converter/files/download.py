"""A file from a server, gone on with where it broke off."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from ..errors import DownloadError

BLOCK = 1 << 20
TIMEOUT = 30.0  # seconds without a byte

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far and the bytes in all, where the server tells."""


def download(
    url: str,
    part: Path,
    advice: str,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
) -> None:
    """Load a file, or what is missing of it.

    Args:
        part: where to; what stands there is gone on with.
        advice: what errors tell the user to do.
        timeout: seconds without a byte after which the server is given up.

    Raises:
        DownloadError: no network, no such file, or it broke off.
        OSError: the part cannot be written.
    """
    done = part.stat().st_size if part.exists() else 0
    try:
        request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
        with urllib.request.urlopen(request, timeout=timeout) as response:
            if response.status != 206:
                done = 0  # the server sends it all again
            total = _total(response, done)
            with part.open("ab" if done else "wb") as file:
                while block := response.read(BLOCK):
                    file.write(block)
                    done += len(block)
                    if progress is not None:
                        progress(done, total)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to load, or the part is none of this file
            return
        raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (
        urllib.error.URLError,
        TimeoutError,
        HTTPException,
        ConnectionError,
        ssl.SSLError,
        ValueError,  # no address at all
    ) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(f"{url}: cannot be reached ({reason}); {advice}") from error
    if total is not None and done < total:
        raise DownloadError(
            f"{url}: broke off after {done} of {total} bytes; run it again to go on"
        )


def _total(response: HTTPResponse, done: int) -> int | None:
    length = response.headers.get("Content-Length")
    return done + int(length) if length and length.isdigit() else None
