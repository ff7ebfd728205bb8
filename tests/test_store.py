from __future__ import annotations

import hashlib
import http.server
import io
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gluon2torch.errors import DownloadError
from gluon2torch.sources import store

PARAMS = b"not really parameters, but many bytes " * 5000
SHA1 = hashlib.sha1(PARAMS).hexdigest()
NAME = f"net-{SHA1[:8]}"


def zipped(member: str = f"{NAME}.params", content: bytes = PARAMS) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("../evil.txt", "outside")
        archive.writestr(member, content)
    return buffer.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves one file, well or badly."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = zipped()
        self.status = 200
        self.cut: int | None = None
        self.stall = False
        self.delay = 0.0  # seconds before the answer
        self.ranges = True
        self.seen: list[tuple[str, str | None]] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.seen.append((self.path, wanted))
        time.sleep(server.delay)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if server.cut is None else body[: server.cut])
        if server.stall:
            self.wfile.flush()
            time.sleep(1.0)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("MXNET_GLUON_REPO", f"http://127.0.0.1:{server.server_port}/")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def files() -> list[str]:
    return sorted(path.name for path in store.cache_folder().iterdir() if path.is_file())


def test_a_file_is_loaded_once_and_its_member_alone_unpacked(server: Server) -> None:
    told: list[tuple[int, int | None]] = []
    path = store.fetch("net", SHA1, progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == PARAMS
    assert path == store.cache_folder() / f"{NAME}.params"
    assert server.seen == [(f"/gluon/models/{NAME}.zip", None)]
    assert told[-1] == (len(server.content), len(server.content))
    assert files() == [path.name]  # neither the archive nor its other member
    assert not (store.cache_folder().parent / "evil.txt").exists()
    assert store.fetch("net", SHA1) == path
    assert len(server.seen) == 1


def test_of_two_processes_one_downloads(server: Server) -> None:
    """Threads stand for them: each has a lock of its own, as processes have."""
    server.delay = 0.2
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(store.fetch, "net", SHA1) for _ in range(2)]
        paths = [each.result() for each in both]
    assert paths[0] == paths[1]
    assert paths[0].read_bytes() == PARAMS
    assert len(server.seen) == 1


def test_a_spoiled_file_in_the_cache_is_loaded_anew(server: Server) -> None:
    path = store.fetch("net", SHA1)
    path.write_bytes(b"spoiled")
    assert store.fetch("net", SHA1).read_bytes() == PARAMS


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_or_starts_again(server: Server, ranges: bool) -> None:
    server.cut, server.ranges = 1000, ranges
    with pytest.raises(DownloadError, match="interrupted after 1000 of .* run it again"):
        store.fetch("net", SHA1)
    assert files() == [f"{NAME}.zip.part"]
    server.cut = None
    assert store.fetch("net", SHA1).read_bytes() == PARAMS
    assert server.seen[1][1] == "bytes=1000-"
    assert files() == [f"{NAME}.params"]


def test_a_whole_part_is_used(server: Server) -> None:
    store.cache_folder().mkdir(parents=True)
    (store.cache_folder() / f"{NAME}.zip.part").write_bytes(server.content)
    assert store.fetch("net", SHA1).read_bytes() == PARAMS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(content=PARAMS + b"x"), f"not the published file.*expected {SHA1}"),
        (zipped(member="other.params"), f"not a zip that contains {NAME}.params"),
        (b"<html>sorry</html>", "not a zip"),
        (zipped()[:-4000], "not a zip"),
    ],
)
def test_a_wrong_file_is_not_used_and_not_kept(
    server: Server, content: bytes, message: str
) -> None:
    right, server.content = server.content, content
    with pytest.raises(DownloadError, match=message):
        store.fetch("net", SHA1)
    assert files() == []
    server.content = right
    assert store.fetch("net", SHA1).read_bytes() == PARAMS


def test_a_server_that_falls_silent_is_given_up(server: Server) -> None:
    server.cut, server.stall = 1000, True
    with pytest.raises(DownloadError, match="timed out"):
        store.fetch("net", SHA1, timeout=0.2)
    assert files() == [f"{NAME}.zip.part"]


def test_a_file_that_is_not_there(server: Server) -> None:
    server.status = 404
    with pytest.raises(DownloadError, match="the server returned 404"):
        store.fetch("net", SHA1)


def test_without_network_the_error_says_what_to_do_instead() -> None:
    with pytest.raises(DownloadError, match="--params FILE.*MXNET_GLUON_REPO.*--init random"):
        store.fetch("net", SHA1)


def test_a_mirror_that_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXNET_GLUON_REPO", "foo")
    with pytest.raises(DownloadError, match="cannot be reached .unknown url type"):
        store.fetch("net", SHA1)


def test_a_folder_that_cannot_be_written(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match="cannot be written.*MXNET_HOME"):
        store.fetch("net", SHA1)


@pytest.mark.mxnet
def test_the_cache_is_gluoncvs(server: Server) -> None:
    from gluon2torch.sources.mxnet_compat import import_mxnet

    import_mxnet()
    from gluoncv.model_zoo import model_store

    theirs = model_store._model_sha1 | {"net": SHA1}
    path = store.fetch("net", SHA1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_store, "_model_sha1", theirs)
        assert model_store.get_model_file("net") == str(path)
    assert len(server.seen) == 1
