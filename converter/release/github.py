"""Release on GitHub, by its program `gh`: a draft, which is published once it is complete."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import MissingDependencyError, UploadError
from ..files.hashes import file_sha256
from .contents import NOTES
from .folder import PublishedFile
from .target import Step, Target, megabytes, refuse_differing

ATTEMPTS = 4
PAUSE = 1.0  # seconds before the second attempt; doubled before each further one
_ENVIRONMENT = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1"}


@dataclass(frozen=True)
class _Asset:
    """An asset of a release, as `gh` lists it; uploads before mid-2025 have no digest."""

    size: int
    digest: str | None
    complete: bool  # False for an interrupted upload


@dataclass(frozen=True)
class _Release:
    """The state of the release under a tag."""

    exists: bool
    draft: bool
    assets: Mapping[str, _Asset]


def plan_github(target: Target, folder: Path, files: Sequence[PublishedFile]) -> list[Step]:
    """Plan the remaining steps: create the draft, send each file, publish.

    Raises:
        UploadError: A published file differs from ours, or `gh` fails.
        MissingDependencyError: `gh` is not installed.
    """
    remote = _RemoteRelease(target)
    release = remote.read()
    states = {file.name: remote.state(release, file) for file in files}
    refuse_differing(target, [name for name, state in states.items() if state == "differs"])
    steps = []
    if not release.exists:
        steps.append(Step(f"create the draft {target.tag}", partial(remote.create, folder / NOTES)))
    for file in sorted(files, key=lambda file: -file.bytes):
        if states[file.name] != "same":
            text = f"send {file.name} ({megabytes(file.bytes)})"
            steps.append(Step(text, partial(remote.send, folder, file)))
    if release.draft or not release.exists:
        steps.append(Step(f"publish {target.tag}", partial(remote.publish, files)))
    return steps


class _RemoteRelease:
    """The release under one tag of a repository."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def read(self) -> _Release:
        """Read the state of the release."""
        try:
            text = self._gh("view", "--json", "assets,isDraft")
        except UploadError as error:
            if "release not found" in str(error):
                return _Release(exists=False, draft=False, assets={})
            raise
        try:
            content = json.loads(text)
            assets = {asset["name"]: _asset(asset) for asset in content["assets"]}
            return _Release(exists=True, draft=content["isDraft"], assets=assets)
        except (ValueError, KeyError, TypeError) as error:
            raise UploadError(f"{self.target.text}: cannot parse the output of gh") from error

    def state(self, release: _Release, file: PublishedFile) -> str:
        """Compare a file with its asset: `missing`, `broken`, `same` or `differs`."""
        asset = release.assets.get(file.name)
        if asset is None:
            return "missing"
        if not asset.complete:
            return "broken"
        if asset.size != file.bytes:
            return "differs"
        digest = asset.digest or f"sha256:{self._remote_sha256(file.name)}"
        return "same" if digest == f"sha256:{file.sha256}" else "differs"

    def create(self, notes: Path) -> None:
        """Create the draft; the tag must exist, or GitHub would create it at the newest commit."""
        options = ("--verify-tag", "--title", str(self.target.tag), "--notes-file", str(notes))
        self._gh("create", "--draft", *options)

    def send(self, folder: Path, file: PublishedFile) -> None:
        """Send a file, with retries; an interrupted upload is replaced."""
        for attempt in range(ATTEMPTS):
            state = self.state(self.read(), file)
            refuse_differing(self.target, [file.name] if state == "differs" else [])
            if state == "same":
                return
            clobber = ("--clobber",) if state == "broken" else ()
            try:
                self._gh("upload", str(folder / file.name), *clobber)
                return
            except UploadError:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE * 2**attempt)

    def publish(self, files: Sequence[PublishedFile]) -> None:
        """Publish the draft, if every file in it is the same as ours."""
        release = self.read()
        differing = [file.name for file in files if self.state(release, file) != "same"]
        if differing:
            raise UploadError(
                f"{self.target.text}: {', '.join(differing)} did not arrive intact; the release "
                "stays a draft, and the same command resumes it"
            )
        self._gh("edit", "--draft=false")

    def _remote_sha256(self, name: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            self._gh("download", "--pattern", name, "--dir", folder)
            return file_sha256(Path(folder) / name)

    def _gh(self, verb: str, *arguments: str) -> str:
        """Run `gh release <verb> TAG … --repo …`, and return its stdout."""
        tag, repository = str(self.target.tag), self.target.repository
        try:
            done = subprocess.run(
                ["gh", "release", verb, tag, *arguments, "--repo", repository],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, **_ENVIRONMENT},
            )
        except FileNotFoundError as error:
            raise MissingDependencyError(
                "publishing on GitHub needs gh, which is not installed: get it from "
                "https://cli.github.com, then run `gh auth login`"
            ) from error
        except OSError as error:
            raise UploadError(f"gh cannot be run ({error.strerror})") from error
        if done.returncode != 0:
            reason = "; ".join(line.strip() for line in done.stderr.splitlines() if line.strip())
            raise UploadError(
                f"{self.target.text}: gh release {verb} failed "
                f"({reason or f'exit status {done.returncode}'})"
            )
        return done.stdout


def _asset(row: Mapping[str, Any]) -> _Asset:
    complete = row.get("state", "uploaded") == "uploaded"
    return _Asset(int(row["size"]), row.get("digest") or None, complete)
