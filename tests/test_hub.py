"""torch.hub, a release on a server, and other people's packages of our names."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
import torch

from gluon2torch import convert
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.sources.params_writer import write_params

from .test_commands import arrays

ROOT = Path(__file__).resolve().parents[1]
NAME = "gluon_cifar_resnet20_v1"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder as `gluon2torch release` makes it, with one network in it."""
    write_params(tmp_path / "mine.params", arrays())
    record = convert(
        "cifar_resnet20_v1",
        params=tmp_path / "mine.params",
        reference="none",
        out=tmp_path / "release",
    )
    row = {"file": Path(record.file).name, "sha256": record.files[0].sha256}
    (tmp_path / "release" / "manifest.json").write_text(json.dumps({"models": {NAME: row}}))
    return tmp_path / "release"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(release: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(release))
    with HTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def python(code: str, cwd: Path, address: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program of a user's, with torch.hub's folder in `cwd`."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={
            **os.environ,
            "TORCH_HOME": str(cwd / "torch"),
            "GLUON2TORCH_RELEASE": address,
            "PYTHONPATH": str(cwd),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )


LOAD = f"""
import torch
network = torch.hub.load({str(ROOT)!r}, {NAME!r}, source="local", pretrained=True)
assert not network.training
print(network.fc.bias[0].item(), network(torch.zeros(1, 3, 32, 32)).shape[1])
"""


@pytest.mark.costly
def test_hub_loads_the_published_weights_from_a_server(server: str, tmp_path: Path) -> None:
    done = python(LOAD, tmp_path, server)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "107.0 10\n"  # the last array of 107
    kept = tmp_path / "torch" / "hub" / "checkpoints"
    assert [path.suffix for path in sorted(kept.glob("[!.]*"))] == [".json", ".pth"]
    # without a network, what was loaded once is there; what is damaged on the disk is not used
    away = "http://127.0.0.1:9"
    done = python(LOAD, tmp_path, away)
    assert done.returncode == 1
    assert "DownloadError: http://127.0.0.1:9/manifest.json: cannot be reached" in done.stderr
    (checkpoint,) = kept.glob("*.pth")
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    assert python(LOAD, tmp_path, server).stdout == "107.0 10\n"  # loaded anew


@pytest.mark.costly
def test_the_kept_manifest_serves_while_the_server_is_away(release: Path, tmp_path: Path) -> None:
    handler = functools.partial(Quiet, directory=str(release))
    with HTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{httpd.server_port}"
        assert python(LOAD, tmp_path, address).returncode == 0
        httpd.shutdown()
        thread.join()
    assert python(LOAD, tmp_path, address).stdout == "107.0 10\n"


@pytest.mark.parametrize("remote", [True, False])
def test_a_corrupted_file_is_refused(
    remote: bool, release: Path, server: str, tmp_path: Path
) -> None:
    (checkpoint,) = release.glob("*.pth")
    content = bytearray(checkpoint.read_bytes())
    content[-1] ^= 1
    checkpoint.write_bytes(content)
    done = python(LOAD, tmp_path, server if remote else str(release))
    assert done.returncode == 1
    found = hashlib.sha256(content).hexdigest()
    assert f"differs from the published file (SHA-256 {found}" in done.stderr
    assert not list(tmp_path.glob("torch/hub/checkpoints/*.pth*"))


def test_every_published_name_is_listed_and_explained(tmp_path: Path) -> None:
    (tmp_path / "owner_name_main").symlink_to(ROOT)  # as torch.hub keeps a repository
    torch.hub.set_dir(str(tmp_path))
    try:
        options = {"skip_validation": True, "trust_repo": True}
        names = torch.hub.list("owner/name:main", verbose=False, **options)
        assert set(names) == {entry.published for entry in load_catalog().values()}
        text = torch.hub.help("owner/name:main", "gluon_senet154", **options)
        assert "115.1 M parameters; top-1 81.22 %" in text
        network = torch.hub.load(str(ROOT), "gluon_resnet18_v1b", source="local", num_classes=7)
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
    finally:
        torch.hub._hub_dir = None


def test_other_classes_keep_the_trained_trunk(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLUON2TORCH_RELEASE", str(release))
    load = functools.partial(torch.hub.load, str(ROOT), NAME, source="local", pretrained=True)
    network = load(num_classes=3)
    assert network.fc.weight.shape == (3, 64)
    assert network.conv1.weight.unique().item() == 1.0
    maps = load(features_only=True)(torch.zeros(1, 3, 32, 32))
    assert len(maps) == 4
    with pytest.raises(Exception, match="expect 3-channel images"):
        load(in_chans=1)
    monkeypatch.delenv("GLUON2TORCH_RELEASE")
    with pytest.raises(Exception, match="no converted weights are published yet"):
        load()


def manifest_of(file: str) -> str:
    return json.dumps({"models": {NAME: {"file": file, "sha256": "0" * 64}}})


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{", "is not a valid release manifest"),
        ('{"models": []}', "is not a valid release manifest"),
        ('{"models": {}}', "does not contain gluon_cifar_resnet20_v1; it contains no models"),
        (manifest_of("../x"), "no valid file name and SHA-256"),
        (manifest_of("x.pth"), "x.pth: cannot be read"),
    ],
)
def test_a_wrong_manifest_is_one_line(
    manifest: str, message: str, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (release / "manifest.json").write_text(manifest)
    monkeypatch.setenv("GLUON2TORCH_RELEASE", str(release))
    with pytest.raises(Exception, match=message):
        torch.hub.load(str(ROOT), NAME, source="local", pretrained=True)
