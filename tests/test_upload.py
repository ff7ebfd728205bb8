"""Sending a release: through a stand-in for `gh` on PATH, and to a loopback Hub."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gluon2torch.errors import UploadError
from gluon2torch.release import github
from gluon2torch.release.target import parse_target

from .folders import TINY, flip, make_release, make_weights, run

ROOT = Path(__file__).resolve().parents[1]
GITHUB = "github:somebody/networks@v1"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return make_release(tmp_path / "release", make_weights(tmp_path / "weights"))


def send(release: Path, *options: str, target: str = GITHUB) -> Any:
    return run("release", release, "--upload", target, *options)


def faults(gh: Path, *rows: dict[str, str]) -> None:
    (gh / "faults.json").write_text(json.dumps(rows))


def calls(gh: Path) -> list[list[str]]:
    """Every call of gh since the last look, without the repository, which each must name."""
    path = gh / "calls.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.unlink()
    assert all(row[-2:] == ["--repo", "somebody/networks"] for row in rows)
    return [row[1:-2] for row in rows]


def uploads(rows: list[list[str]]) -> list[str]:
    return [Path(row[2]).name for row in rows if row[0] == "upload"]


def there(gh: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((gh / "state.json").read_text())["v1"]
    return content


def assert_published(gh: Path, release: Path) -> None:
    assert there(gh)["draft"] is False
    assert {path.name for path in release.iterdir()} == there(gh)["assets"].keys()
    for path in release.iterdir():
        assert (gh / path.name).read_bytes() == path.read_bytes()


@pytest.mark.posix
def test_a_draft_is_made_filled_and_published(gh: Path, release: Path) -> None:
    result = send(release)
    assert result.exit_code == 0, result.output
    assert_published(gh, release)
    assert there(gh)["notes"] == (release / "RELEASE_NOTES.md").read_text()
    rows = calls(gh)
    steps = [row[0] for row in rows if row[0] != "view"]
    assert steps == ["create", *["upload"] * 6, "edit"]
    assert sorted(uploads(rows)) == sorted(path.name for path in release.iterdir())
    assert not any("--clobber" in row for row in rows)
    assert [row for row in rows if row[0] == "create"] == [
        [
            *("create", "v1", "--draft", "--verify-tag", "--title", "v1", "--notes-file"),
            str(release / "RELEASE_NOTES.md"),
        ]
    ]

    result = send(release)  # all is there: nothing is sent again
    assert result.exit_code == 0
    assert "nothing to do" in result.output
    assert [row[0] for row in calls(gh)] == ["view"]


@pytest.mark.posix
def test_a_dry_run_changes_nothing(gh: Path, release: Path, tmp_path: Path) -> None:
    result = send(release, "--dry-run")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "would create the draft v1"
    assert lines[1].startswith("would send gluon_cifar_resnet20_v1-")
    assert lines[-1] == "would publish v1"
    assert len(lines) == 8
    assert [row[0] for row in calls(gh)] == ["view"]
    options = ["--from", str(tmp_path / "weights"), "--model", TINY[0], "--dry-run"]
    result = send(tmp_path / "other", *options)
    assert result.exit_code == 0, result.output
    assert "would build" in result.output
    assert not (tmp_path / "other").exists()
    assert not (gh / "calls.jsonl").exists()


@pytest.mark.posix
def test_what_is_not_there_is_built_first(gh: Path, tmp_path: Path) -> None:
    weights = make_weights(tmp_path / "weights")
    options = ["--from", str(weights), "--model", TINY[0]]
    result = send(tmp_path / "new", *options, "--json", "-")
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.output)
    assert report["upload"]["done"] is True
    assert len(report["upload"]["steps"]) == 8
    assert_published(gh, tmp_path / "new")


@pytest.mark.posix
def test_killed_in_the_middle_it_goes_on_where_it_stopped(gh: Path, release: Path) -> None:
    (weights,) = release.glob("*.pth")
    faults(gh, {"verb": "upload", "file": "manifest.json", "how": "kill"})
    command = [sys.executable, "-m", "gluon2torch", "release", str(release), "--upload", GITHUB]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    sent = uploads(calls(gh))
    assert sent == [weights.name, "manifest.json"]  # the largest first
    assert there(gh)["draft"] is True
    assert there(gh)["assets"]["manifest.json"]["state"] == "starter"

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = calls(gh)
    assert "create" not in [row[0] for row in rows]
    assert weights.name not in uploads(rows)
    assert len(uploads(rows)) == 5
    # only what broke off is written over
    assert [Path(row[2]).name for row in rows if "--clobber" in row] == ["manifest.json"]
    assert_published(gh, release)


@pytest.mark.posix
@pytest.mark.parametrize("how", ["fail", "half"])
def test_a_failed_upload_is_tried_again(gh: Path, release: Path, how: str) -> None:
    faults(gh, {"verb": "upload", "file": "README.md", "how": how})
    assert send(release).exit_code == 0
    rows = calls(gh)
    assert uploads(rows).count("README.md") == 2
    assert sum("--clobber" in row for row in rows) == (1 if how == "half" else 0)
    assert_published(gh, release)


@pytest.mark.posix
def test_it_gives_up_in_one_line_and_publishes_nothing(
    gh: Path, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github, "PAUSE", 0.01)
    faults(gh, *[{"verb": "upload", "file": "README.md", "how": "half"}] * 4)
    result = send(release)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {GITHUB}: gh release upload failed "
        "(Post https://uploads.example/assets: write: connection reset by peer)\n"
    )
    rows = calls(gh)
    assert uploads(rows).count("README.md") == 4
    assert "edit" not in [row[0] for row in rows]
    assert there(gh)["draft"] is True
    assert send(release).exit_code == 0
    assert_published(gh, release)


@pytest.mark.posix
def test_what_arrives_spoilt_is_not_published(gh: Path, release: Path) -> None:
    faults(gh, {"verb": "upload", "file": "README.md", "how": "spoil"})
    result = send(release)
    assert result.exit_code == 1
    assert "README.md did not arrive intact; the release stays a draft" in result.output
    assert there(gh)["draft"] is True


@pytest.mark.posix
@pytest.mark.parametrize("digests", [True, False])
def test_a_differing_file_is_never_written_over(gh: Path, release: Path, digests: bool) -> None:
    (gh / "digests.json").write_text(json.dumps(digests))
    assert send(release).exit_code == 0
    before = there(gh)
    assert send(release).exit_code == 0  # without digests, by the bytes that are there
    content = bytearray((gh / "README.md").read_bytes())
    content[3] ^= 1  # as long as before
    (gh / "README.md").write_bytes(content)
    state = json.loads((gh / "state.json").read_text())
    asset = state["v1"]["assets"]["README.md"]
    asset["digest"] = f"sha256:{hashlib.sha256(content).hexdigest()}" if digests else None
    del state["v1"]["assets"]["manifest.json"]
    (gh / "state.json").write_text(json.dumps(state))
    calls(gh)
    result = send(release)
    assert result.exit_code == 1
    assert (
        f"{GITHUB}: has README.md with different content, and files there are not overwritten"
        in result.output
    )
    assert {row[0] for row in calls(gh)} <= {"view", "download"}  # not even what is missing
    assert there(gh)["notes"] == before["notes"]


@pytest.mark.posix
def test_a_release_made_by_hand_is_filled(gh: Path, release: Path) -> None:
    asset = {"size": 3, "digest": "sha256:0", "state": "uploaded"}
    state = {"v1": {"draft": False, "assets": {"theirs.zip": asset}, "notes": "mine"}}
    (gh / "state.json").write_text(json.dumps(state))
    assert send(release).exit_code == 0
    assert "edit" not in [row[0] for row in calls(gh)]
    assert there(gh)["notes"] == "mine"
    assert len(there(gh)["assets"]) == 7


@pytest.mark.posix
def test_a_folder_that_is_wrong_is_not_sent(gh: Path, release: Path) -> None:
    (weights,) = release.glob("*.pth")
    flip(weights, 5000)
    for options in ([], ["--check", "--reference", "none"]):
        result = send(release, *options)
        assert result.exit_code == 1
        assert f"{weights.name}" in result.output
    assert not (gh / "calls.jsonl").exists()
    flip(weights, 5000)
    assert send(release, "--check", "--reference", "none").exit_code == 0
    assert_published(gh, release)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"verb": "login", "how": "fail"}, "please run:  gh auth login; Alternatively"),
        ({"verb": "view", "how": "fail"}, "gh release view failed (HTTP 503"),
        ({"verb": "create", "how": "fail"}, "gh release create failed (HTTP 503"),
    ],
)
@pytest.mark.posix
def test_what_gh_says_is_one_line(
    gh: Path, release: Path, fault: dict[str, str], message: str
) -> None:
    if fault["verb"] == "view":
        assert send(release).exit_code == 0
    faults(gh, fault)
    result = send(release)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.posix
def test_a_tag_that_nobody_pushed_is_not_made(gh: Path, release: Path) -> None:
    (gh / "tags.json").write_text("[]")
    result = send(release)
    assert result.exit_code == 1
    assert "tag v1 doesn't exist in the repo" in result.output
    assert not uploads(calls(gh))


def test_without_gh_one_line_says_where_to_get_it(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = send(release)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: publishing on GitHub needs gh, which is not installed: get it from "
        "https://cli.github.com, then run `gh auth login`\n"
    )


@pytest.mark.parametrize(
    "text", ["somebody/networks", "github:a/b", "github:a@v1", "github:a/b@", "hf:", "hf:a/b@v1"]
)
def test_a_target_that_is_none_is_reported(text: str, tmp_path: Path) -> None:
    with pytest.raises(
        UploadError, match="write github:OWNER/REPO@TAG, hf:OWNER/NAME, or hf:OWNER"
    ):
        parse_target(text)
    result = send(tmp_path / "release", target=text)
    assert result.exit_code == 1
    assert "is not an upload target" in result.output


def test_targets() -> None:
    target = parse_target("github:some-body/net.works@networks/v1.0-rc.1")
    assert (target.repository, target.tag) == ("some-body/net.works", "networks/v1.0-rc.1")
    assert parse_target("hf:some_body/x").tag is None
