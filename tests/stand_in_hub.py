"""A stand-in for the Hugging Face Hub on loopback: what huggingface_hub asks of it to commit."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGE = 100_000  # bytes from which a file goes to the store of large files


class Hub(ThreadingHTTPServer):
    """One repository, `somebody/networks`.

    Attributes:
        files: what is committed, by name; None while the repository is not there.
        store: the large files that arrived, by SHA-256.
        calls: method and path of every request.
        broken: whether the second file to arrive there fails, once.
        denied: whether nothing may be written.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] | None = None
        self.store: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.commits = 0
        self.broken = False
        self.lock = threading.Lock()
        self.denied = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving() -> Iterator[Hub]:
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def handle_one(self) -> None:
        hub, path = self.server, self.path.partition("?")[0]
        hub.calls.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if hub.denied and self.command != "GET":
            self.answer({"error": "You don't have the rights"}, 403)
        elif path == "/api/repos/create":
            hub.files = {}
            self.answer({"url": f"{hub.url}/somebody/networks"})
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif hub.files is None and not path.startswith("/store/"):
            self.answer({"error": "Repository not found"}, 404, "RepoNotFound")
        elif path.endswith("/preupload/main"):
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["size"] > LARGE else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self.answer({"files": modes})
        elif path.endswith("/info/lfs/objects/batch"):
            self.answer(
                {"transfer": "basic", "objects": [*map(self.batch, json.loads(body)["objects"])]}
            )
        elif path.startswith("/store/"):
            with hub.lock:  # files arrive side by side
                if hub.broken and hub.store:
                    hub.broken = False
                    self.answer({"error": "the store is closed"}, 403)
                    return
                hub.store[path.removeprefix("/store/")] = body
            self.answer({})
        elif path == "/api/models/somebody/networks/commit/main":
            self.commit([json.loads(line) for line in body.splitlines()])
        elif path.startswith("/api/models/somebody/networks"):
            self.answer(self.info())
        else:
            self.answer({"error": f"nobody asks for {path}"}, 404)

    do_GET = do_POST = do_PUT = handle_one

    def batch(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted["oid"] in self.server.store:
            return wanted
        href = f"{self.server.url}/store/{wanted['oid']}"
        return {**wanted, "actions": {"upload": {"href": href}}}

    def commit(self, rows: list[dict[str, Any]]) -> None:
        hub = self.server
        header, *files = rows
        parent = header["value"].get("parentCommit")
        if parent is not None and parent != self.head:
            self.answer({"error": "A commit has happened since"}, 412)
            return
        assert hub.files is not None
        for row in files:
            value = row["value"]
            large = row["key"] == "lfsFile"
            content = hub.store[value["oid"]] if large else base64.b64decode(value["content"])
            hub.files[value["path"]] = content
        hub.commits += 1
        url = f"{hub.url}/somebody/networks/commit/{self.head}"
        self.answer({"success": True, "commitOid": self.head, "commitUrl": url})

    @property
    def head(self) -> str:
        return f"{self.server.commits:040x}"

    def info(self) -> dict[str, Any]:
        assert self.server.files is not None
        rows = []
        for name, content in self.server.files.items():
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            row: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git}
            if len(content) > LARGE:
                sha256 = hashlib.sha256(content).hexdigest()
                row["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            rows.append(row)
        return {"id": "somebody/networks", "sha": self.head, "siblings": rows}

    def answer(self, content: Any, status: int = 200, code: str | None = None) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if code is not None:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        self.wfile.write(text)
