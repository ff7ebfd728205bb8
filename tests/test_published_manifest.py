"""The manifest of a release, of which the last one is kept."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from gluon2torch.errors import DownloadError
from gluon2torch.release import published_weights

ADDRESS = "https://example.org/release"


def test_the_kept_manifest_serves_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    parts: list[Path] = []

    def fetch(url: str, part: Path, *_: Any) -> None:
        assert url == f"{ADDRESS}/manifest.json"
        parts.append(part)
        part.write_text("{}")

    def refuse(url: str, part: Path, *_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(part))

    monkeypatch.setattr(published_weights, "download", refuse)
    with pytest.raises(DownloadError, match=r"Permission denied.*set TORCH_HOME to a writable"):
        published_weights._remote_manifest(ADDRESS)
    monkeypatch.setattr(published_weights, "download", fetch)
    monkeypatch.setattr("os.getpid", iter((1, 2)).__next__)
    assert published_weights._remote_manifest(ADDRESS) == "{}"
    assert published_weights._remote_manifest(ADDRESS) == "{}"
    assert parts[0] != parts[1]  # processes do not write to one file
    assert not any(part.exists() for part in parts)
    monkeypatch.undo()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(published_weights, "download", refuse)
    assert published_weights._remote_manifest(ADDRESS) == "{}"
