"""A stand-in for the Hugging Face Hub on loopback: what huggingface_hub asks of it.

Repositories of models are made, committed to and read; collections are made, listed and filled.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGE = 100_000  # bytes from which a file goes to the store of large files
ONE = "somebody/networks"
LISTED = 4  # items of each collection in a list of collections
TIME = "2026-01-01T00:00:00.000Z"


@dataclass
class Repository:
    """What is committed, by name, and in how many commits."""

    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0

    @property
    def head(self) -> str:
        return f"{self.commits:040x}"


class Hub(ThreadingHTTPServer):
    """Repositories and collections.

    Attributes:
        repositories: by name.
        collections: as the Hub describes them, by slug.
        store: the large files that arrived, by SHA-256.
        calls: method and path of every request.
        broken: whether the second file to arrive there fails, once.
        denied: whether nothing may be written.
        refused: repositories to which nothing may be committed.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.collections: dict[str, dict[str, Any]] = {}
        self.store: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.broken = False
        self.lock = threading.Lock()
        self.denied = False
        self.refused: set[str] = set()

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
        if hub.denied and self.command not in ("GET", "HEAD"):
            self.answer({"error": "You don't have the rights"}, 403)
        elif path == "/api/repos/create":
            wanted = json.loads(body)
            hub.repositories[f"{wanted['organization']}/{wanted['name']}"] = Repository()
            self.answer({"url": f"{hub.url}/{wanted['organization']}/{wanted['name']}"})
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif path.startswith("/store/"):
            with hub.lock:  # files arrive side by side
                if hub.broken and hub.store:
                    hub.broken = False
                    self.answer({"error": "the store is closed"}, 403)
                    return
                hub.store[path.removeprefix("/store/")] = body
            self.answer({})
        elif path.startswith("/api/collections"):
            self.collection(path.removeprefix("/api/collections").strip("/"), body)
        else:
            self.repository(path, body)

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def repository(self, path: str, body: bytes) -> None:
        match = re.fullmatch(r"(?:/api/models)?/([^/]+/[^/]+?)(?:\.git)?(|/.*)", path)
        found = self.server.repositories.get(match[1]) if match is not None else None
        if match is None or found is None:
            self.answer({"error": "Repository not found"}, 404, "RepoNotFound")
            return
        name, rest = match.groups()
        if rest == "/preupload/main":
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["size"] > LARGE else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self.answer({"files": modes})
        elif rest == "/info/lfs/objects/batch":
            self.answer(
                {"transfer": "basic", "objects": [*map(self.batch, json.loads(body)["objects"])]}
            )
        elif rest == "/commit/main" and name in self.server.refused:
            self.answer({"error": "You have read access only"}, 403)
        elif rest == "/commit/main":
            self.commit(name, found, [json.loads(line) for line in body.splitlines()])
        elif rest in ("", "/revision/main"):
            rows = [describe(*each) for each in found.files.items()]
            self.answer({"id": name, "sha": found.head, "siblings": rows})
        elif rest == f"/tree/{found.head}":
            rows = [describe(*each) for each in found.files.items()]
            names = {"rfilename": "path", "blobId": "oid"}
            renamed = [{names.get(key, key): row[key] for key in row} for row in rows]
            self.answer([{"type": "file", **row} for row in renamed])
        elif rest.startswith((f"/resolve/{found.head}/", "/resolve/main/")):
            self.file(found, rest.split("/", 3)[3])
        else:
            self.answer({"error": f"nobody asks for {path}"}, 404)

    def batch(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted["oid"] in self.server.store:
            return wanted
        href = f"{self.server.url}/store/{wanted['oid']}"
        return {**wanted, "actions": {"upload": {"href": href}}}

    def commit(self, name: str, found: Repository, rows: list[dict[str, Any]]) -> None:
        header, *files = rows
        parent = header["value"].get("parentCommit")
        if parent is not None and parent != found.head:
            self.answer({"error": "A commit has happened since"}, 412)
            return
        for row in files:
            value = row["value"]
            large = row["key"] == "lfsFile"
            content = (
                self.server.store[value["oid"]] if large else base64.b64decode(value["content"])
            )
            found.files[value["path"]] = content
        found.commits += 1
        url = f"{self.server.url}/{name}/commit/{found.head}"
        self.answer({"success": True, "commitOid": found.head, "commitUrl": url})

    def file(self, found: Repository, name: str) -> None:
        content = found.files.get(name)
        if content is None:
            self.answer({"error": f"{name} does not exist"}, 404, "EntryNotFound")
            return
        sha256 = hashlib.sha256(content).hexdigest()
        self.send(content, 200, {"ETag": f'"{sha256}"', "X-Repo-Commit": found.head})

    def collection(self, slug: str, body: bytes) -> None:
        hub = self.server
        if slug == "" and self.command == "GET":
            owner = self.path.partition("?owner=")[2]
            rows = [row for row in hub.collections.values() if row["owner"]["name"] == owner]
            listed = [{**row, "items": row["items"][:LISTED]} for row in rows]
            self.answer([{key: row[key] for key in row if key != "position"} for row in listed])
            return
        if slug == "":
            wanted = json.loads(body)
            slug = f"{wanted['namespace']}/{len(hub.collections):024x}"
            hub.collections[slug] = {
                "slug": slug,
                "title": wanted["title"],
                "description": wanted["description"],
                "owner": {"name": wanted["namespace"]},
                "items": [],
                "lastUpdated": TIME,
                "position": 0,
                "private": False,
                "theme": "green",
                "upvotes": 0,
            }
        elif slug.endswith("/items"):
            slug, item = slug.removesuffix("/items"), json.loads(body)["item"]
            if item["id"] not in hub.repositories:
                self.answer({"error": "no such model"}, 404)
                return
            items = hub.collections[slug]["items"]
            items.append({"_id": f"{len(items):024x}", "position": len(items), **item})
        self.answer(hub.collections[slug])

    def answer(self, content: Any, status: int = 200, code: str | None = None) -> None:
        headers = {"Content-Type": "application/json"}
        self.send(
            json.dumps(content).encode(),
            status,
            headers if code is None else {**headers, "X-Error-Code": code},
        )

    def send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def describe(name: str, content: bytes) -> dict[str, Any]:
    """A file, as the Hub lists it: with git's hash, and the SHA-256 of a large one."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    row: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git}
    if len(content) > LARGE:
        sha256 = hashlib.sha256(content).hexdigest()
        row["lfs"] = {"sha256": sha256, "oid": sha256, "size": len(content), "pointerSize": 134}
    return row
