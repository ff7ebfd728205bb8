"""Sending a release to the Hub: huggingface_hub itself, talking to a stand-in on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .folders import TINY, make_release, make_weights
from .stand_in_hub import ONE, Hub, Repository, serving

ROOT = Path(__file__).resolve().parents[1]
HUB = f"hf:{ONE}"
pytestmark = pytest.mark.huggingface_hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return make_release(tmp_path / "release", make_weights(tmp_path / "weights"))


def run_python(folder: Path, hub: Hub | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the library reads its settings when it is imported."""
    settings = {
        "HF_ENDPOINT": hub.url if hub is not None else "http://127.0.0.1:9",
        "HF_HOME": str(folder / "hf"),
        "HF_TOKEN": "hf_of_nobody",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=300,
    )


def send(
    release: Path, hub: Hub | None, *options: str, to: str = HUB
) -> subprocess.CompletedProcess[str]:
    command = ("-m", "gluon2torch", "release", str(release), "--upload", to)
    return run_python(release.parent, hub, *command, *options)


def assert_published(hub: Hub, release: Path) -> None:
    assert hub.repositories[ONE].files == {
        path.name: path.read_bytes() for path in release.iterdir()
    }


def test_all_is_sent_in_one_commit_and_once(hub: Hub, release: Path) -> None:
    done = send(release, hub, "--dry-run")
    assert done.returncode == 0, done.stderr
    create, commit = done.stdout.splitlines()
    assert create == f"would create {ONE}"
    assert commit.startswith(f"would commit 6 files (1.1 MB) to {ONE}: ")
    assert {call.split()[0] for call in hub.calls} == {"GET"}

    done = send(release, hub)
    assert done.returncode == 0, done.stderr
    assert hub.repositories[ONE].commits == 1
    assert len(hub.store) == 1  # the checkpoint; the texts are in the commit itself
    assert_published(hub, release)

    hub.calls.clear()
    done = send(release, hub)
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stdout
    assert {call.split()[0] for call in hub.calls} == {"GET"}


def test_an_interrupted_commit_is_gone_on_with(hub: Hub, release: Path, tmp_path: Path) -> None:
    both = make_release(tmp_path / "both", make_weights(tmp_path / "more", *TINY), *TINY)
    hub.broken = True  # of the two checkpoints one arrives
    done = send(both, hub)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {HUB}: the Hub refused or is unreachable (")
    assert len(done.stderr.splitlines()) == 1
    assert hub.repositories[ONE] == Repository({}, 0)
    assert len(hub.store) == 1
    hub.calls.clear()
    done = send(both, hub)
    assert done.returncode == 0, done.stderr
    assert sum(call.startswith("PUT /store/") for call in hub.calls) == 1
    assert hub.repositories[ONE].commits == 1
    assert_published(hub, both)


@pytest.mark.parametrize("kind", ["*.pth", "README.md"])
def test_a_differing_file_is_never_written_over(hub: Hub, release: Path, kind: str) -> None:
    (path,) = release.glob(kind)
    content = bytearray(path.read_bytes())
    content[-2] ^= 1  # as long as ours
    hub.repositories[ONE] = Repository({path.name: bytes(content), ".gitattributes": b"x"})
    done = send(release, hub)
    assert done.returncode == 1
    assert (
        f"has {path.name} with different content, and files there are not overwritten"
        in done.stderr
    )
    assert {call.split()[0] for call in hub.calls} == {"GET"}
    hub.repositories[ONE].files[path.name] = path.read_bytes()
    assert send(release, hub).returncode == 0
    assert hub.repositories[ONE].commits == 1
    del hub.repositories[ONE].files[".gitattributes"]
    assert_published(hub, release)


def test_what_the_hub_says_is_one_line(hub: Hub, release: Path) -> None:
    hub.denied = True
    done = send(release, hub)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {HUB}: the Hub refused or is unreachable (")
    assert "You don't have the rights" in line


def test_without_a_network_one_line_says_so(release: Path) -> None:
    done = send(release, None)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {HUB}: the Hub refused or is unreachable (")
